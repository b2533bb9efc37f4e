import { expect, it } from 'vitest';
import { parseHostAndPort } from '../../src/config/host-and-port.ts';

it.each([
  ['10.0.0.2', '10.0.0.2', null],
  ['10.0.0.2:53', '10.0.0.2', 53],
  ['2001:DB8::1', '2001:db8::1', null],
  ['[2001:DB8::1]', '2001:db8::1', null],
  ['[2001:db8::1]:0', '2001:db8::1', 0],
  ['fe80::1%eth0', 'fe80::1%eth0', null],
  ['DNS.Example.:65535', 'dns.example', 65_535],
  ['_srv.a-b.example', '_srv.a-b.example', null],
  [`${'a'.repeat(63)}.example`, `${'a'.repeat(63)}.example`, null],
])('reads %s', (text, host, port) => {
  expect(parseHostAndPort(text)).toEqual({ host, port });
});

it.each([
  ['10.0.0.2:65536', 'the port must be a number from 0 to 65535'],
  ['dns.example:', 'the port must be a number from 0 to 65535'],
  ['dns.example:0x35', 'the port must be a number from 0 to 65535'],
  ['1.2.3', 'is not an IP address or a host name'],
  ['dns.123', 'is not an IP address or a host name'],
  [`${'a'.repeat(64)}.example`, 'is not an IP address or a host name'],
  [Array(128).fill('a').join('.'), 'is not an IP address or a host name'],
  ['-a.example', 'is not an IP address or a host name'],
  ['a:b:c', 'an IPv6 address with a port is written [ADDR]:PORT'],
  ['[10.0.0.2]:53', 'brackets are for an IPv6 address'],
  ['[::1', 'brackets are for an IPv6 address'],
  ['[::1]53', 'brackets are for an IPv6 address'],
])('refuses %s', (text, message) => {
  expect(() => parseHostAndPort(text)).toThrow(message);
});
