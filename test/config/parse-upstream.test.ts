import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatEndpoint } from '../../src/base/endpoint.ts';
import { parseUpstream } from '../../src/config/parse-upstream.ts';

describe('an upstream address', () => {
  it.each([
    ['10.0.0.2', '10.0.0.2:53'],
    ['10.0.0.2:5353', '10.0.0.2:5353'],
    ['udp://10.0.0.2', '10.0.0.2:53'],
    ['UDP://10.0.0.2', '10.0.0.2:53'],
    ['2001:DB8::1', '[2001:db8::1]:53'],
    ['[2001:db8::1]', '[2001:db8::1]:53'],
    ['[2001:db8::1]:5353', '[2001:db8::1]:5353'],
    ['fe80::1%eth0', '[fe80::1%eth0]:53'],
    ['[fe80::1%eth0]:53', '[fe80::1%eth0]:53'],
    ['Dns.Example.', 'dns.example:53'],
    ['tcp://10.0.0.2', 'tcp://10.0.0.2:53'],
    ['tls://1.1.1.1', 'tls://1.1.1.1:853'],
    ['tls://1.1.1.1#one.one.one.one', 'tls://1.1.1.1:853#one.one.one.one'],
    ['tls://[2606:4700::1111]:8853#one.one.one.one', 'tls://[2606:4700::1111]:8853#one.one.one.one'],
    ['tls://dns.quad9.net', 'tls://dns.quad9.net:853'],
    ['https://dns.google/dns-query', 'https://dns.google:443/dns-query'],
    ['https://dns.google', 'https://dns.google:443/dns-query'],
    ['https://[2001:db8::1]:8443/q', 'https://[2001:db8::1]:8443/q'],
  ])('%s is written %s', (text, canonical) => {
    const upstream = parseUpstream(text);
    expect(formatEndpoint(upstream)).toBe(canonical);
    expect(formatEndpoint(parseUpstream(canonical))).toBe(canonical);
  });

  it('has the name that the certificate must carry', () => {
    expect(parseUpstream('tls://1.1.1.1#One.One.One.One').serverName).toBe('one.one.one.one');
    expect(parseUpstream('tls://dns.quad9.net').serverName).toBe('dns.quad9.net');
    expect(parseUpstream('tls://1.1.1.1').serverName).toBe('');
    expect(parseUpstream('https://dns.google/dns-query').serverName).toBe('dns.google');
    expect(parseUpstream('https://8.8.8.8/dns-query').serverName).toBe('');
  });

  it.each([
    ['', '"" names no server'],
    ['tcp://', '"tcp://" names no server'],
    ['10.0.0', '"10.0.0" is not an IP address or a host name'],
    ['010.0.0.1', '"010.0.0.1" is not an IP address or a host name'],
    ['10.0.0.2#5353', '"10.0.0.2#5353"; a port is written 10.0.0.2:5353'],
    ['10.0.0.2#name', 'only tls:// takes a #server-name'],
    ['10.0.0.2:0', 'the port must be a number from 1 to 65535'],
    ['10.0.0.2:99999', 'the port must be a number from 0 to 65535'],
    ['10.0.0.2/24', 'has a path; only https:// takes one'],
    ['10.0.0.2, 10.0.0.3', 'has a space in it'],
    ['10.0.0.2,10.0.0.3', 'has a comma in it'],
    ['quic://10.0.0.2', '"quic://" is not supported; use udp://, tcp://, tls:// or https://'],
    ['0.0.0.0', "0.0.0.0 is not a server's address"],
    ['[::]:53', ":: is not a server's address"],
    ['224.0.0.251', 'is a multicast or broadcast address'],
    ['255.255.255.255', 'is a multicast or broadcast address'],
    ['fe80::1', 'is link-local and needs its interface, as in fe80::1%eth0'],
    ['2001:db8::1:x', 'an IPv6 address with a port is written [ADDR]:PORT'],
    ['tls://1.1.1.1#one.one:853', 'the port belongs before the #server-name'],
    ['tls://1.1.1.1#1.1.1.1', 'the #server-name is a host name'],
    ['tls://1.1.1.1#', 'is not an IP address or a host name'],
    ['https://user:pw@dns.example/', 'takes no user name or password'],
    ['https://dns.example/dns-query{?dns}', 'give the path only'],
    ['https://dns.example/q#x', 'give the path only'],
    ['https://dns.example/ä', 'the path must be plain ASCII'],
    ['bad_host!', 'is not an IP address or a host name'],
  ])('%j is refused', (text, message) => {
    expect(() => parseUpstream(text)).toThrow(message);
  });

  it('never shows a password', () => {
    expect(() => parseUpstream('https://user:hunter2@dns.example/')).toThrow(
      expect.not.objectContaining({ message: expect.stringContaining('hunter2') }),
    );
  });

  it('is accepted or refused with a reason, whatever the text', () => {
    const text = fc.oneof(fc.string(), fc.stringMatching(/^(tls|https|tcp|udp):\/\/[\w.:[\]%#/]{0,30}$/));
    fc.assert(
      fc.property(text, (written) => {
        try {
          const canonical = formatEndpoint(parseUpstream(written));
          expect(formatEndpoint(parseUpstream(canonical))).toBe(canonical);
        } catch (error) {
          expect(error).toHaveProperty('name', 'InvalidValue');
        }
      }),
      { numRuns: 2000 },
    );
  });
});
