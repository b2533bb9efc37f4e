// Every source in the order in which they are tried. Called by replacement, which stops at the
// first that serves, and by the doctor, which wants them all.
import { readCloudInitSource } from './cloud-init.ts';
import { readDhcpSource } from './dhcp-leases.ts';
import { readDnsmasqSource } from './dnsmasq.ts';
import { readDockerSource } from './docker.ts';
import { readNetplanSource } from './netplan.ts';
import { readNetworkdFilesSource } from './networkd-files.ts';
import { readResolvedFileSource } from './resolved-file.ts';
import { readResolvedStateSource } from './resolved-state.ts';
import {
  readConnmanSource,
  readNetworkManagerSource,
  readOpenWrtSource,
  readResolvconfSource,
  readTalosSource,
} from './server-files.ts';
import type { SourceReader } from './source.ts';
import { readTailscaleSource } from './tailscale.ts';

/**
 * From those that know what the stub itself uses to those that only know what the network once
 * said, or what somebody planned.
 */
export const SOURCE_READERS: readonly SourceReader[] = [
  readResolvedFileSource,
  readResolvedStateSource,
  readDockerSource,
  readTalosSource,
  readNetworkManagerSource,
  readDnsmasqSource,
  readResolvconfSource,
  readOpenWrtSource,
  readConnmanSource,
  readTailscaleSource,
  readDhcpSource,
  // What somebody wrote down, not what a program keeps.
  readNetplanSource,
  readNetworkdFilesSource,
  readCloudInitSource,
];
