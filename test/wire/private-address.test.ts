// Which addresses are private, in every spelling.
import { describe, expect, it } from 'vitest';
import { parseIp } from '../../src/base/ip-address.ts';
import { hasPrivateAddress, isPrivateIpv4, isPrivateIpv6 } from '../../src/wire/private-address.ts';
import { bytesOf, header, QNAME_POINTER, question, record } from './build-message.ts';

const addressBytes = (text: string) => parseIp(text)!.bytes;

describe('private addresses', () => {
  it.each([
    ['10.0.0.0', '10.255.255.255'],
    ['172.16.0.0', '172.31.255.255'],
    ['192.168.0.0', '192.168.255.255'],
    ['127.0.0.0', '127.255.255.255'],
    ['169.254.0.0', '169.254.255.255'],
    ['100.64.0.0', '100.127.255.255'],
    ['0.0.0.0', '0.255.255.255'],
    ['255.255.255.255', '255.255.255.255'],
  ])('%s to %s, to the edges', (first, last) => {
    const number = (text: string) => Buffer.from(addressBytes(text)).readUInt32BE();
    expect(isPrivateIpv4(number(first))).toBe(true);
    expect(isPrivateIpv4(number(last))).toBe(true);
    if (number(first) > 0 && first !== '255.255.255.255')
      expect(isPrivateIpv4(number(first) - 1)).toBe(false);
    if (number(last) < 0xffffffff && last !== '0.255.255.255') {
      expect(isPrivateIpv4(number(last) + 1)).toBe(false);
    }
  });

  it.each([
    ['::', true],
    ['::1', true],
    ['::a00:1', true],
    ['::808:808', false],
    ['fc00::', true],
    ['fdff:ffff::1', true],
    ['fbff::1', false],
    ['fe80::1', true],
    ['febf::1', true],
    ['fec0::1', true],
    ['fe00::1', false],
    ['ff02::1', false],
    ['::ffff:10.1.2.3', true],
    ['::ffff:8.8.8.8', false],
    ['::ffff:0:7f00:1', true],
    ['64:ff9b::7f00:1', true],
    ['64:ff9b::808:808', false],
    ['64:ff9b:1::a00:1', true],
    ['2002:c0a8:101::1', true],
    ['2002:808:808::1', false],
    ['2001:db8::1', false],
    ['2606:4700::1111', false],
    ['1::a00:1', false],
    ['64:1::a00:1', false],
    ['65:ff9b::a00:1', false],
    ['0:5::a00:1', false],
    ['0:0:5::a00:1', false],
    ['0:0:0:5::a00:1', false],
    ['::1234:0:a00:1', false],
    ['::1234:a00:1', false],
  ])('%s: %s', (text, isPrivate) => {
    const bytes = new Uint8Array(20);
    // Not at the beginning, as in a message.
    bytes.set(addressBytes(text), 3);
    expect(isPrivateIpv6(bytes, 3)).toBe(isPrivate);
  });

  it('are found in any section, not in other types, and nothing behind the message is read', () => {
    const inner = record(QNAME_POINTER, 1, 60, bytesOf('0a000001'));
    const outer = record(QNAME_POINTER, 1, 60, bytesOf('08080808'));
    const message = (...sections: [number, number, number, ...Uint8Array[]]) => {
      const [an, ns, ar, ...records] = sections;
      return bytesOf(header(0x8180, 1, an, ns, ar), question('www.example'), ...records);
    };
    const isIn = (bytes: Uint8Array) => hasPrivateAddress(bytes, bytes.length);
    expect(isIn(message(2, 0, 0, outer, inner))).toBe(true);
    expect(isIn(message(1, 1, 0, outer, inner))).toBe(true);
    expect(isIn(message(1, 0, 1, outer, inner))).toBe(true);
    expect(isIn(message(2, 0, 0, outer, outer))).toBe(false);
    expect(isIn(message(1, 0, 0, outer, inner))).toBe(false);
    expect(isIn(message(1, 0, 0, record(QNAME_POINTER, 16, 60, bytesOf('0a000001'))))).toBe(false);
    const aaaa = (rdata: string) => message(1, 0, 0, record(QNAME_POINTER, 28, 60, bytesOf(rdata)));
    expect(isIn(aaaa('fd'.repeat(16)))).toBe(true);
    expect(isIn(aaaa('20'.repeat(16)))).toBe(false);
    // RDATA of another length is not an address.
    for (const length of [4, 15, 17]) expect(isIn(aaaa('fd'.repeat(length)))).toBe(false);
    expect(isIn(message(1, 0, 0, record(QNAME_POINTER, 1, 60, bytesOf('0a0000'))))).toBe(false);
  });

  it('are found in the hints of SVCB and HTTPS, among other parameters', () => {
    const isIn = (type: number, ...params: (string | Uint8Array)[]) => {
      const rdata = bytesOf('0001 0373 7663 00', ...params);
      const bytes = bytesOf(
        header(0x8180, 1, 1, 0, 0),
        question('www.example', type),
        record(QNAME_POINTER, type, 60, rdata),
      );
      return hasPrivateAddress(bytes, bytes.length);
    };
    const alpn = bytesOf('0001 0003 026832');
    for (const type of [64, 65]) {
      expect(isIn(type, alpn, '0004 0004 0a000001')).toBe(true);
      expect(isIn(type, alpn, '0004 0008 08080808 7f000001')).toBe(true);
      expect(isIn(type, alpn, '0004 0004 08080808', '0006 0010', 'fd'.repeat(16))).toBe(true);
      expect(isIn(type, alpn, '0004 0004 08080808', '0006 0010', '20'.repeat(16))).toBe(false);
      expect(isIn(type, alpn)).toBe(false);
      // Another parameter that holds the same bytes; one that is cut off.
      expect(isIn(type, '0005 0004 0a000001')).toBe(false);
      expect(isIn(type, '0005 0010', 'fd'.repeat(16))).toBe(false);
      expect(isIn(type, '0005 0000', '0006 0010', 'fd'.repeat(16))).toBe(true);
      expect(isIn(type, '0004 0008 0a000001')).toBe(false);
    }
    expect(isIn(16, '0004 0004 0a000001')).toBe(false);
  });
});
