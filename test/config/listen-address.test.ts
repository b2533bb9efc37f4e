import { describe, expect, it } from 'vitest';
import { formatListen, parseListen } from '../../src/config/listen-address.ts';

describe('an address to listen on', () => {
  it.each(['127.0.0.1:5300', '[::]:53', '0.0.0.0:0', '[fe80::1%eth0]:53'])('%s', (text) => {
    expect(formatListen(parseListen(text))).toBe(text);
  });

  it.each([
    [':53', '":53" has no address; for every address write 0.0.0.0:53 and [::]:53'],
    ['5300', '"5300" has no address; write 127.0.0.1:5300'],
    ['127.0.0.1', '"127.0.0.1" has no port; write 127.0.0.1:53'],
    ['::1', '"::1" has no port; write [::1]:53'],
    ['localhost:5300', '"localhost:5300" is not an IP address and port; write 127.0.0.1:5300'],
    ['dns.example:53', 'a name is not allowed here'],
    ['127.0.0.1:65536', 'the port must be a number from 0 to 65535'],
    ['127.0.0.1:-1', 'the port must be a number from 0 to 65535'],
    ['127.0.0.1:', 'the port must be a number from 0 to 65535'],
    ['[127.0.0.1]:53', 'brackets are for an IPv6 address'],
    ['[::1:53', 'brackets are for an IPv6 address'],
    ['::1:53:x', 'an IPv6 address with a port is written [ADDR]:PORT'],
    ['224.0.0.1:53', 'is a multicast or broadcast address'],
    ['[fe80::1]:53', 'is link-local and needs its interface'],
    ['', 'is not an IP address or a host name'],
  ])('%j is refused', (text, message) => {
    expect(() => parseListen(text)).toThrow(message);
  });
});
