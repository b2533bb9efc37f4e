// Where to listen: on the sockets that the service manager opened for us, else as configured.
// Main thread, at start and for every reload.
import { existsSync } from 'node:fs';
import { formatHostAndPort } from '../../base/host-and-port.ts';
import type { Log } from '../../base/log.ts';
import type { Config } from '../../config/config.ts';
import { findInheritedSockets } from '../../io/inherited-sockets.ts';
import { nativeStatus } from '../../io/open-socket.ts';
import { listenError } from '../listen/listen-error.ts';
import type { BoundAddress } from '../worker/worker-channel.ts';

/** A kernel without IPv6 (ipv6.disable=1) has no such file. */
const IF_INET6 = '/proc/net/if_inet6';
const HAS_IPV6 = process.platform !== 'linux' || existsSync(IF_INET6);

/**
 * Where to listen: on what was inherited, else as configured. "All IPv6 addresses" is none where
 * the kernel has no IPv6, so the same configuration works there if it names another address too.
 */
export function listenOf(
  { listen }: Pick<Config, 'listen'>,
  inherited: readonly BoundAddress[],
  hasIpv6 = HAS_IPV6,
): readonly BoundAddress[] {
  if (inherited.length > 0) return inherited;
  if (hasIpv6) return listen;
  const others = listen.filter(({ host }) => host !== '::');
  return others.length === 0 ? listen : others;
}

/** Says which addresses listenOf() leaves out; without this line nobody would know. */
export function reportLeftOut(
  { listen }: Pick<Config, 'listen'>,
  inherited: readonly BoundAddress[],
  log: Log,
  hasIpv6 = HAS_IPV6,
): void {
  const left = listenOf({ listen }, inherited, hasIpv6);
  if (inherited.length > 0 || left.length === listen.length) return;
  const leftOut = listen
    .filter((address) => !left.includes(address))
    .map(({ host, port }) => formatHostAndPort(host, port));
  log.info({ code: 'no-ipv6', leftOut }, `not listened on, as this kernel has no IPv6 (no ${IF_INET6})`);
}

/**
 * The same, for the first worker: what neither we nor the process that we follow hold must be free.
 * An address that shares a port with one of ours, or with one before it in the list, cannot be
 * claimed, as it would be taken for somebody else's.
 */
export function claimed(
  config: Config,
  inherited: readonly BoundAddress[],
  held: readonly BoundAddress[],
): readonly BoundAddress[] {
  const wanted = listenOf(config, inherited);
  if (inherited.length > 0 || config.takeOver) return wanted;
  return wanted.map((address, i) => {
    const ours = [...held, ...wanted.slice(0, i)];
    return { ...address, claim: !ours.some((own) => overlaps(own, address)) };
  });
}

/** Whether they conflict. Our IPv6 sockets take no IPv4, and with port 0 each gets a free port. */
function overlaps(own: BoundAddress, other: BoundAddress): boolean {
  const isWildcard = ({ host }: BoundAddress) => host === '0.0.0.0' || host === '::';
  return (
    own.port === other.port &&
    own.port !== 0 &&
    own.host.includes(':') === other.host.includes(':') &&
    (own.host === other.host || isWildcard(own) || isWildcard(other))
  );
}

/** Socket activation. Each worker needs a descriptor of its own, which only the addon can make. */
export function takeInherited(log: Log): readonly BoundAddress[] {
  let inherited: readonly BoundAddress[];
  try {
    inherited = findInheritedSockets();
  } catch (error) {
    throw listenError('LISTEN_FDS', (error as Error).message, error);
  }
  if (inherited.length === 0) return inherited;
  const { available, reason } = nativeStatus();
  if (!available) throw listenError('LISTEN_FDS', `inherited sockets need the addon: ${reason}`);
  log.info({ sockets: inherited }, 'the listening sockets were inherited: listen: is not used');
  return inherited;
}
