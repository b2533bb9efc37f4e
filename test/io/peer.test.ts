// Peer records read and write addresses in their usual spelling.

import { networkInterfaces } from 'node:os';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PEER_WORDS } from '../../src/io/datagram-socket.ts';
import {
  copyPeer,
  formatPeer,
  formatPeerAddress,
  hashAddress,
  parsePeer,
  peerAddressByte,
  peerFamily,
  peerPort,
  sameAddress,
  sameRemote,
} from '../../src/io/peer.ts';

describe('peer records', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['255.255.255.255', '255.255.255.255'],
    ['2001:db8::1', '2001:db8::1'],
    ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['::ffff:192.0.2.1', '::ffff:c000:201'],
    ['fe80::1%999', 'fe80::1%999'],
  ])('%s is spelt %s', (address, spelt) => {
    const words = parsePeer(address, 53)!;
    expect(formatPeerAddress(words, 0)).toBe(spelt);
    expect(peerPort(words, 0)).toBe(53);
    expect(peerFamily(words, 0)).toBe(address.includes(':') ? 6 : 4);
  });

  it('knows an interface by its name', () => {
    const named = Object.entries(networkInterfaces()).find(([, all]) => all?.some((a) => a.scopeid));
    const [name, addresses] = named ?? ['12', undefined];
    const words = parsePeer(`fe80::1%${name}`, 53)!;
    expect(words[5]).toBe(addresses?.find((address) => address.scopeid)?.scopeid ?? 12);
    expect(formatPeerAddress(words, 0)).toBe(`fe80::1%${name}`);
  });

  it('takes no part of an object for an interface', () => {
    for (const zone of ['constructor', 'toString']) expect(parsePeer(`fe80::1%${zone}`, 53)![5]).toBe(0);
  });

  it('rejects what is not an IP literal', () => {
    for (const text of ['', 'localhost', '1.2.3', '1.2.3.4.5', '[::1]', ':::', '1.2.3.4:53'])
      expect(parsePeer(text, 53)).toBeNull();
  });

  it('gives the bytes in their written order', () => {
    const v4 = parsePeer('10.20.30.40', 53)!;
    expect([0, 1, 2, 3].map((i) => peerAddressByte(v4, 0, i))).toEqual([10, 20, 30, 40]);
    // The memory itself is in network order, as the kernel takes it.
    expect([...new Uint8Array(v4.buffer, 4, 4)]).toEqual([10, 20, 30, 40]);
    const v6 = parsePeer('2001:db8::42', 53)!;
    expect([0, 1, 2, 3, 14, 15].map((i) => peerAddressByte(v6, 0, i))).toEqual([
      0x20, 0x01, 0x0d, 0xb8, 0, 0x42,
    ]);
  });

  it('spells address and port', () => {
    expect(formatPeer(parsePeer('192.0.2.1', 53)!, 0)).toBe('192.0.2.1:53');
    expect(formatPeer(parsePeer('2001:db8::1', 65535)!, 0)).toBe('[2001:db8::1]:65535');
  });

  it('reads back what it spells', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), fc.integer({ min: 0, max: 65535 }), (address, port) => {
        const words = parsePeer(address, port)!;
        expect(parsePeer(formatPeerAddress(words, 0), port)).toEqual(words);
      }),
    );
  });

  it('copies every word', () => {
    const numbered = Int32Array.from({ length: PEER_WORDS }, (_, i) => i + 1);
    const table = new Int32Array(3 * PEER_WORDS);
    copyPeer(numbered, 0, table, PEER_WORDS);
    expect(table.subarray(PEER_WORDS, 2 * PEER_WORDS)).toEqual(numbered);
    expect(table[PEER_WORDS - 1]).toBe(0);
    expect(table[2 * PEER_WORDS]).toBe(0);
  });

  it('copies at any offset, and compares the remote ends alone', () => {
    const from = parsePeer('2001:db8::1', 53)!;
    const table = new Int32Array(3 * PEER_WORDS);
    copyPeer(from, 0, table, PEER_WORDS);
    expect(table.subarray(PEER_WORDS, 2 * PEER_WORDS)).toEqual(from);
    expect(table[2 * PEER_WORDS]).toBe(0);
    table[PEER_WORDS + 7] = 1;
    expect(sameRemote(from, 0, table, PEER_WORDS)).toBe(true);
    table[PEER_WORDS + 4]!++;
    expect(sameRemote(from, 0, table, PEER_WORDS)).toBe(false);
  });

  it('are of one address whatever their ports', () => {
    const [one, other, different] = [
      parsePeer('192.0.2.1', 53)!,
      parsePeer('192.0.2.1', 4000)!,
      parsePeer('192.0.2.2', 53)!,
    ];
    expect(sameAddress(one, 0, other, 0)).toBe(true);
    expect(hashAddress(one, 0)).toBe(hashAddress(other, 0));
    expect(sameAddress(one, 0, different, 0)).toBe(false);
    expect(hashAddress(one, 0)).not.toBe(hashAddress(different, 0));
    expect(sameAddress(parsePeer('2001:db8::1', 53)!, 0, parsePeer('2001:db8::1', 54)!, 0)).toBe(true);
    expect(sameAddress(parsePeer('2001:db8::1', 53)!, 0, parsePeer('2001:db8::2', 53)!, 0)).toBe(false);
    // As a dual-stack socket shows an IPv4 sender.
    const mapped = parsePeer('::ffff:192.0.2.1', 9)!;
    const plain = parsePeer('192.0.2.1', 53)!;
    expect([sameAddress(mapped, 0, plain, 0), sameAddress(plain, 0, mapped, 0)]).toEqual([true, true]);
    expect(sameAddress(mapped, 0, parsePeer('192.0.2.2', 53)!, 0)).toBe(false);
    expect(sameAddress(parsePeer('::1:192.0.2.1', 53)!, 0, plain, 0)).toBe(false);
  });
});
