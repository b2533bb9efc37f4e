// Addresses to listen on: ADDR:PORT, [IPv6]:PORT. Called by setting-type; formatListen by code
// that names a listener.

import { formatHostAndPort } from '../base/host-and-port.ts';
import { isLinkLocalIpv6, isMulticastOrBroadcast, parseIp } from '../base/ip-address.ts';
import type { ListenAddress } from './config.ts';
import { parseHostAndPort } from './host-and-port.ts';
import { InvalidValue, showValue } from './invalid-value.ts';

/** Port 0 lets the kernel pick. Throws InvalidValue. */
export function parseListen(text: string): ListenAddress {
  if (/^:\d+$/.test(text)) {
    throw new InvalidValue(
      `${showValue(text)} has no address; for every address write 0.0.0.0${text} and [::]${text}`,
    );
  }
  if (/^\d+$/.test(text))
    throw new InvalidValue(`${showValue(text)} has no address; write 127.0.0.1:${text}`);
  const { host, port } = parseHostAndPort(text);
  const address = parseIp(host);
  if (address === null) {
    const hint = host === 'localhost' ? `; write 127.0.0.1:${port ?? 53}` : '; a name is not allowed here';
    throw new InvalidValue(`${showValue(text)} is not an IP address and port${hint}`);
  }
  if (port === null)
    throw new InvalidValue(`${showValue(text)} has no port; write ${formatHostAndPort(host, 53)}`);
  if (isMulticastOrBroadcast(address))
    throw new InvalidValue(`${showValue(text)} is a multicast or broadcast address`);
  if (isLinkLocalIpv6(address) && address.zone === '') {
    throw new InvalidValue(
      `${showValue(text)} is link-local and needs its interface, as in [fe80::1%eth0]:53`,
    );
  }
  return { host, port };
}

/** "127.0.0.1:5300", "[::1]:53". */
export function formatListen(address: ListenAddress): string {
  return formatHostAndPort(address.host, address.port);
}
