// The identity of an upstream: one key for all spellings of it, and the text that people see.
import { describe, expect, it } from 'vitest';
import {
  type Endpoint,
  endpointKey,
  FROM_CONFIGURATION,
  formatEndpoint,
  formatUpstream,
  foundIn,
  isFromConfiguration,
  plainEndpoint,
  plainPortOf,
} from '../../src/base/endpoint.ts';
import { parseUpstream } from '../../src/config/parse-upstream.ts';
import { parseResolvedServer } from '../../src/discovery/server-address.ts';

const keyOf = (text: string) => endpointKey(parseUpstream(text));

describe('endpointKey', () => {
  it.each([
    ['10.0.0.2', 'udp://10.0.0.2:53'],
    ['2001:db8::1', '[2001:DB8:0:0::1]:53'],
    ['fe80::1%eth0', '[FE80:0::1%eth0]:53'],
    ['::ffff:10.0.0.2', '10.0.0.2'],
    ['tcp://10.0.0.2', 'TCP://10.0.0.2:53'],
    ['tls://1.1.1.1#one.one.one.one', 'tls://1.1.1.1:853#One.One.One.One.'],
    ['tls://dns.example', 'tls://DNS.Example.:853#dns.example'],
    ['https://dns.example', 'https://dns.example:443/dns-query'],
  ])('is the same for %s and %s', (one, other) => {
    expect(keyOf(one)).toBe(keyOf(other));
  });

  it.each([
    ['10.0.0.2', '10.0.0.3'],
    ['10.0.0.2', '10.0.0.2:5353'],
    ['10.0.0.2', 'tcp://10.0.0.2'],
    ['tcp://10.0.0.2:853', 'tls://10.0.0.2'],
    ['tls://1.1.1.1', 'tls://1.1.1.1#one.one.one.one'],
    ['fe80::1%eth0', 'fe80::1%eth1'],
    ['fe80::1%eth0', 'fe80::1%Eth0'],
    ['https://dns.example/dns-query', 'https://dns.example/DNS-query'],
  ])('tells %s from %s', (one, other) => {
    expect(keyOf(one)).not.toBe(keyOf(other));
  });

  it('is the same wherever the endpoint was found', () => {
    const written = parseUpstream('tls://[2001:db8::53]#dns.example');
    expect(endpointKey(parseResolvedServer('2001:DB8::53#Dns.Example', 'tls')!)).toBe(endpointKey(written));
    expect(endpointKey(plainEndpoint('2001:DB8::1'))).toBe(keyOf('[2001:db8::1]:53'));
  });

  it('tells servers at one address by the name in their certificates, over HTTPS too', () => {
    const https: Endpoint = { ...parseUpstream('https://192.0.2.1/q'), serverName: 'a.example' };
    expect(endpointKey(https)).not.toBe(endpointKey({ ...https, serverName: 'b.example' }));
  });
});

describe('the text for people', () => {
  it('is as the file spells the address, with the port', () => {
    expect(formatEndpoint(plainEndpoint('2001:DB8::1'))).toBe('[2001:DB8::1]:53');
  });

  it('of an upstream that was given by name shows the name, then the address', () => {
    const named = (text: string, host: string) => {
      const endpoint = parseUpstream(text);
      const origin = { ...FROM_CONFIGURATION, hostName: endpoint.host };
      return formatUpstream({ endpoint: { ...endpoint, host }, origin });
    };
    expect(named('https://dns.example/q', '192.0.2.1')).toBe('https://dns.example:443/q (192.0.2.1)');
    expect(named('tls://dns.example', '192.0.2.1')).toBe('tls://dns.example:853 (192.0.2.1)');
    expect(named('tls://dns.example#cert.example', '2001:db8::1')).toBe(
      'tls://dns.example:853#cert.example (2001:db8::1)',
    );
    expect(named('dns.example', '192.0.2.1')).toBe('dns.example:53 (192.0.2.1)');
  });

  it('of one that was given by address is that of the endpoint', () => {
    const found = foundIn('/etc/resolv.conf', plainEndpoint('10.0.0.2'));
    expect(formatUpstream(found)).toBe('10.0.0.2:53');
    expect(isFromConfiguration(found)).toBe(false);
    expect(isFromConfiguration({ ...found, origin: FROM_CONFIGURATION })).toBe(true);
  });
});

it('the port of plain DNS is 53 wherever the transport has its usual one', () => {
  for (const text of ['10.0.0.2', 'tcp://10.0.0.2', 'tls://10.0.0.2', 'https://10.0.0.2/q'])
    expect(plainPortOf(parseUpstream(text))).toBe(53);
  expect(plainPortOf(parseUpstream('tls://10.0.0.2:8853'))).toBe(8853);
});
