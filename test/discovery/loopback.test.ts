import { describe, expect, it } from 'vitest';
import { plainEndpoint } from '../../src/base/endpoint.ts';
import { formatHostAndPort } from '../../src/base/host-and-port.ts';
import { canonicalAddress } from '../../src/base/ip-address.ts';
import {
  isLoopback,
  isOwnAddress,
  isUnspecified,
  readInterfaceAddresses,
} from '../../src/discovery/loopback.ts';
import { parseDnsmasqServer, parseResolvedServer } from '../../src/discovery/server-address.ts';

describe('isLoopback', () => {
  it.each([
    '127.0.0.1',
    '127.0.0.53',
    '127.0.1.1',
    '127.255.255.254',
    '::1',
    '0:0:0:0:0:0:0:1',
    '::ffff:127.0.0.1',
  ])('takes %s', (address) => expect(isLoopback(address)).toBe(true));

  it.each([
    '10.0.0.1',
    '169.254.20.10',
    '128.0.0.1',
    '::2',
    'fe80::1%lo',
    '0.0.0.0',
    '::',
  ])('leaves %s', (address) => expect(isLoopback(address)).toBe(false));

  it('recognizes the unspecified address in all its spellings', () => {
    expect(['0.0.0.0', '::', '0:0::0', '::ffff:0.0.0.0'].every(isUnspecified)).toBe(true);
    expect(isUnspecified('0.0.0.1')).toBe(false);
  });
});

describe('isOwnAddress', () => {
  const interfaces = [
    { name: 'eth0', address: '10.0.0.5', index: 0 },
    { name: 'eth0', address: 'fe80::5', index: 2 },
  ];
  const isOwn = (address: string, host: string, port = 53) =>
    isOwnAddress(address, port, [{ host, port: 53 }], interfaces);

  it('takes the very address, in any spelling', () => {
    expect(isOwn('10.0.0.5', '10.0.0.5')).toBe(true);
    expect(isOwn('2001:db8:0::1', '2001:DB8::1')).toBe(true);
    expect(isOwn('::1', 'localhost')).toBe(true);
  });

  it('leaves another port and another address', () => {
    expect(isOwn('10.0.0.5', '10.0.0.5', 5353)).toBe(false);
    expect(isOwn('127.0.0.1', '10.0.0.5')).toBe(false);
    expect(isOwn('127.0.0.53', '127.0.0.1')).toBe(false);
  });

  it('counts loopback and interface addresses as a wildcard listener’s', () => {
    expect(isOwn('127.0.0.53', '0.0.0.0')).toBe(true);
    expect(isOwn('10.0.0.5', '0.0.0.0')).toBe(true);
    expect(isOwn('fe80::5%eth0', '::')).toBe(true);
    expect(isOwn('10.0.0.6', '0.0.0.0')).toBe(false);
  });

  it('knows that the unspecified address reaches loopback listeners', () => {
    expect(isOwn('0.0.0.0', '127.0.0.1')).toBe(true);
    expect(isOwn('0.0.0.0', '10.0.0.5')).toBe(false);
  });

  it('reads the addresses of this machine', () => {
    expect(readInterfaceAddresses().map(({ address }) => address)).toContain('127.0.0.1');
  });
});

describe('addresses as the files spell them', () => {
  it.each([
    ['10.0.0.2', '10.0.0.2', 0, ''],
    ['10.0.0.2:5353', '10.0.0.2', 5353, ''],
    ['10.0.0.2:853%eth0#dns.corp.example', '10.0.0.2', 853, 'dns.corp.example'],
    ['2001:db8::53', '2001:db8::53', 0, ''],
    ['[2001:db8::53]:5353#name', '2001:db8::53', 5353, 'name'],
    ['fe80::1%eth0', 'fe80::1%eth0', 0, ''],
    ['[fe80::1]:53%3#name', 'fe80::1%3', 53, 'name'],
  ])("reads resolved's %s", (text, address, port, serverName) => {
    const usual = { udp: 53, tls: 853 };
    for (const transport of ['udp', 'tls'] as const)
      expect(parseResolvedServer(text, transport)).toEqual({
        transport,
        host: address,
        port: port || usual[transport],
        serverName: transport === 'tls' ? serverName : '',
        urlPath: '',
      });
  });

  it.each([
    '',
    'dns.example',
    '10.0.0.2:99999',
    '10.0.0',
    '[10.0.0.2',
    '::1::2',
  ])("refuses resolved's %j", (text) => {
    expect(parseResolvedServer(text)).toBeNull();
  });

  it.each([
    ['10.0.0.2', '10.0.0.2', 0],
    ['10.0.0.2#5353@eth0', '10.0.0.2', 5353],
    ['2001:db8::53#54', '2001:db8::53', 54],
    ['fe80::1%eth0#53', 'fe80::1%eth0', 53],
  ])("reads dnsmasq's %s", (text, address, port) => {
    expect(parseDnsmasqServer(text)).toEqual(plainEndpoint(address, port || 53));
  });

  it('compares addresses by one spelling', () => {
    expect(canonicalAddress('2001:DB8:0:0::1')).toBe('2001:db8::1');
    expect(canonicalAddress('::ffff:10.0.0.1')).toBe('10.0.0.1');
    expect(canonicalAddress('FE80::1%eth0')).toBe('fe80::1%eth0');
    expect(formatHostAndPort('fe80::1%eth0', 53)).toBe('[fe80::1%eth0]:53');
  });
});
