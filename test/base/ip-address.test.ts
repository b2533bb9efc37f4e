import { isIPv6 } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatIp,
  isLinkLocalIpv6,
  isLoopback,
  isMulticastOrBroadcast,
  isUnspecified,
  parseIp,
} from '../../src/base/ip-address.ts';

describe('an IP literal', () => {
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

  it.each(['010.0.0.1', '1.2.3', '256.0.0.1', '1::2::3', 'x', ''])('%j is not one', (text) => {
    expect(parseIp(text)).toBeNull();
  });

  it('keeps its bytes when it is written and read', () => {
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

  it('is loopback in every spelling of it', () => {
    const loopback = ['127.0.0.1', '127.0.0.53', '::1', '0:0:0:0:0:0:0:1', '::ffff:127.0.0.1'];
    const others = ['128.0.0.1', '::', '::2', '0.0.0.0', '::ffff:10.0.0.1'];
    expect(loopback.map((text) => isLoopback(parseIp(text)!))).toEqual(loopback.map(() => true));
    expect(others.map((text) => isLoopback(parseIp(text)!))).toEqual(others.map(() => false));
  });

  it.each([
    ['0.0.0.0', isUnspecified],
    ['::', isUnspecified],
    ['224.0.0.1', isMulticastOrBroadcast],
    ['239.255.255.255', isMulticastOrBroadcast],
    ['255.255.255.255', isMulticastOrBroadcast],
    ['ff02::1', isMulticastOrBroadcast],
    ['fe80::1%eth0', isLinkLocalIpv6],
    ['febf::1', isLinkLocalIpv6],
  ])('%s is of its kind', (text, isIt) => {
    expect(isIt(parseIp(text)!)).toBe(true);
  });

  it.each([
    ['0.0.0.1', isUnspecified],
    ['::1', isUnspecified],
    ['223.255.255.255', isMulticastOrBroadcast],
    ['240.0.0.1', isMulticastOrBroadcast],
    ['fe80::1', isMulticastOrBroadcast],
    ['fec0::1', isLinkLocalIpv6],
    ['169.254.0.1', isLinkLocalIpv6],
  ])('%s is not of that kind', (text, isIt) => {
    expect(isIt(parseIp(text)!)).toBe(false);
  });
});
