// Every source in the order in which they are tried. Called by replacement, which stops at the
// first that serves, and by the doctor, which wants them all.
import { readDhcpSource } from './dhcp-leases.ts';
import { readDnsmasqSource } from './dnsmasq.ts';
import { readResolvedFileSource } from './resolved-file.ts';
import { readResolvedStateSource } from './resolved-state.ts';
import {
  readConnmanSource,
  readNetworkManagerSource,
  readOpenWrtSource,
  readResolvconfSource,
} from './server-files.ts';
import type { SourceReader } from './source.ts';

/**
 * From those that know what the stub itself uses to those that only know what the network once
 * said.
 */
export const SOURCE_READERS: readonly SourceReader[] = [
  readResolvedFileSource,
  readResolvedStateSource,
  readNetworkManagerSource,
  readDnsmasqSource,
  readResolvconfSource,
  readOpenWrtSource,
  readConnmanSource,
  readDhcpSource,
];
