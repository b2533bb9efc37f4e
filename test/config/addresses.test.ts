import { isIPv6 } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatCidr, parseCidr } from '../../src/config/cidr.ts';
import { formatIp, isLoopback, parseIp } from '../../src/config/ip-address.ts';
import { formatListen, parseListen } from '../../src/config/listen-address.ts';
import { formatUpstream, parseUpstream } from '../../src/config/upstream-address.ts';
import { parseZoneSuffix } from '../../src/config/zone-suffix.ts';

describe('IP literals', () => {
  it.each([
    ['10.0.0.2', '10.0.0.2'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:db8:0:1:0:0:0:1', '2001:db8:0:1::1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['::', '::'],
    ['1::', '1::'],
    ['::ffff:10.0.0.2', '::ffff:10.0.0.2'],
    ['::ffff:a00:2', '::ffff:10.0.0.2'],
    ['64:ff9b::1.2.3.4', '64:ff9b::102:304'],
    ['FE80::1%eth0', 'fe80::1%eth0'],
  ])('%s is written %s', (text, canonical) => {
    expect(formatIp(parseIp(text)!)).toBe(canonical);
  });

  it.each(['010.0.0.1', '1.2.3', '256.0.0.1', '1::2::3', 'x', ''])('%j is none', (text) => {
    expect(parseIp(text)).toBeNull();
  });

  it('keep their bytes when written and read', () => {
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        const address = parseIp(text)!;
        const written = formatIp(address);
        expect(isIPv6(written)).toBe(true);
        expect(parseIp(written)).toEqual(address);
        // The URL parser of the platform is the judge of the canonical text, save for mapped
        // addresses.
        if (!written.startsWith('::ffff:'))
          expect(`[${written}]`).toBe(new URL(`http://[${text}]/`).hostname);
      }),
    );
  });

  it('know loopback in every spelling', () => {
    const loopback = ['127.0.0.1', '127.0.0.53', '::1', '0:0:0:0:0:0:0:1', '::ffff:127.0.0.1'];
    const others = ['128.0.0.1', '::', '::2', '0.0.0.0', '::ffff:10.0.0.1'];
    expect(loopback.map((text) => isLoopback(parseIp(text)!))).toEqual(loopback.map(() => true));
    expect(others.map((text) => isLoopback(parseIp(text)!))).toEqual(others.map(() => false));
  });
});

describe('address blocks', () => {
  it('have bytes and a prefix length', () => {
    expect(parseCidr('10.0.0.0/8')).toEqual({ family: 4, bytes: Uint8Array.of(10, 0, 0, 0), prefix: 8 });
    expect(parseCidr('192.0.2.1').prefix).toBe(32);
    expect(parseCidr('0.0.0.0/0').bytes).toEqual(new Uint8Array(4));
    expect(formatCidr(parseCidr('FD00:0::/8'))).toBe('fd00::/8');
    expect(formatCidr(parseCidr('::1'))).toBe('::1/128');
  });

  it.each([
    ['10.0.0.1/8', '"10.0.0.1/8" has bits set beyond its prefix; did you mean 10.0.0.0/8?'],
    ['10.0.0.0/33', '"10.0.0.0/33": the prefix length must be a number from 0 to 32'],
    ['fd00::/129', '"fd00::/129": the prefix length must be a number from 0 to 128'],
    ['10.0.0.0/', '"10.0.0.0/": the prefix length must be a number from 0 to 32'],
    ['10.0.0.0/8/8', '"10.0.0.0/8/8" is not an address block'],
    ['fe80::1%eth0/64', 'is not an address block'],
    ['all', '"all" is not an address block; expected for example 10.0.0.0/8'],
  ])('%s is refused', (text, message) => {
    expect(() => parseCidr(text)).toThrow(message);
  });
});

describe('addresses to listen on', () => {
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

describe('upstreams', () => {
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
    expect(upstream.text).toBe(text);
    expect(formatUpstream(upstream)).toBe(canonical);
    expect(formatUpstream(parseUpstream(canonical))).toBe(canonical);
  });

  it('carry the name that the certificate must hold', () => {
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
    ['0.0.0.0', "0.0.0.0 is no server's address"],
    ['[::]:53', ":: is no server's address"],
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

  it('never show a password', () => {
    expect(() => parseUpstream('https://user:hunter2@dns.example/')).toThrow(
      expect.not.objectContaining({ message: expect.stringContaining('hunter2') }),
    );
  });

  it('are taken or refused with a reason, whatever the text', () => {
    const text = fc.oneof(fc.string(), fc.stringMatching(/^(tls|https|tcp|udp):\/\/[\w.:[\]%#/]{0,30}$/));
    fc.assert(
      fc.property(text, (written) => {
        try {
          const canonical = formatUpstream(parseUpstream(written));
          expect(formatUpstream(parseUpstream(canonical))).toBe(canonical);
        } catch (error) {
          expect(error).toHaveProperty('name', 'InvalidValue');
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('zone suffixes', () => {
  it.each([
    ['cluster.local', 'cluster.local'],
    ['Corp.Example.', 'corp.example'],
    ['_msdcs.corp', '_msdcs.corp'],
    ['10.in-addr.arpa', '10.in-addr.arpa'],
    ['0/25.2.0.192.in-addr.arpa', '0/25.2.0.192.in-addr.arpa'],
  ])('%s is %s', (text, suffix) => {
    expect(parseZoneSuffix(text)).toBe(suffix);
  });

  it.each([
    ['.', 'its servers stand under the top-level "upstreams"'],
    ['*.corp', 'write corp'],
    ['.corp', 'write corp'],
    ['a..b', 'has an empty label'],
    ['', 'has an empty label'],
    [`${'a'.repeat(64)}.b`, 'has a label longer than 63'],
    [Array(64).fill('abc').join('.'), 'is longer than a domain name can be'],
    ['bücher.example', 'write the name in its xn-- form'],
    ['a b', 'is not a domain name'],
  ])('%j is refused', (text, message) => {
    expect(() => parseZoneSuffix(text)).toThrow(message);
  });
});
