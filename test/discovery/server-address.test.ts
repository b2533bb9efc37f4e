import { describe, expect, it } from 'vitest';
import { type Endpoint, formatEndpoint } from '../../src/base/endpoint.ts';
import { isLinkLocal, parseDnsmasqServer, parseResolvedServer } from '../../src/discovery/server-address.ts';

const show = (endpoint: Endpoint | null) => endpoint && formatEndpoint(endpoint);

describe('a server as resolved writes it', () => {
  it.each([
    ['10.0.0.1', '10.0.0.1:53'],
    ['10.0.0.1:5353', '10.0.0.1:5353'],
    ['10.0.0.1:0', '10.0.0.1:53'],
    ['2001:db8::1', '[2001:db8::1]:53'],
    ['[2001:db8::1]:5353', '[2001:db8::1]:5353'],
    ['fe80::1%eth0', '[fe80::1%eth0]:53'],
    ['10.0.0.1%eth0', '10.0.0.1:53'],
    ['10.0.0.1#dns.example', '10.0.0.1:53'],
  ])('%s', (text, endpoint) => {
    expect(show(parseResolvedServer(text))).toBe(endpoint);
  });

  it('has a name and a port of its own over TLS', () => {
    expect(parseResolvedServer('1.1.1.1#one.one.one.one', 'tls')).toMatchObject({
      transport: 'tls',
      port: 853,
      serverName: 'one.one.one.one',
    });
    expect(parseResolvedServer('1.1.1.1:8853', 'tls')).toMatchObject({ port: 8853, serverName: '' });
  });

  it.each([
    '',
    'dns.example',
    '10.0.0',
    '10.0.0.1:65536',
    '10.0.0.1:',
    '[10.0.0.1',
    '10.0.0.1 10.0.0.2',
  ])('%j is not one', (text) => expect(parseResolvedServer(text)).toBeNull());
});

describe('a server as dnsmasq writes it', () => {
  it.each([
    ['10.0.0.1', '10.0.0.1:53'],
    ['10.0.0.1#5353', '10.0.0.1:5353'],
    ['10.0.0.1#0', '10.0.0.1:53'],
    ['10.0.0.1#5353@eth0', '10.0.0.1:5353'],
    ['10.0.0.1@10.0.0.2#54', '10.0.0.1:53'],
    ['fe80::1%eth0#5353', '[fe80::1%eth0]:5353'],
    ['2001:db8::1%eth0', '[2001:db8::1]:53'],
  ])('%s', (text, endpoint) => {
    expect(show(parseDnsmasqServer(text))).toBe(endpoint);
  });

  it.each(['', 'dns.example', '10.0.0.1#65536', '10.0.0.1#x', '10.0.0.1:53'])('%j is not one', (text) => {
    expect(parseDnsmasqServer(text)).toBeNull();
  });
});

it.each([
  ['fe80::1', true],
  ['FEBF::1', true],
  ['fec0::1', false],
  ['fe70::1', false],
  ['10.0.0.1', false],
])('isLinkLocal(%s): %s', (address, expected) => {
  expect(isLinkLocal(address)).toBe(expected);
});
