import { describe, expect, it } from 'vitest';
import { ageTtls, capTtls, readTtl, setTtls } from '../../src/wire/ttl.ts';
import { bytesOf, uint32 } from './build-message.ts';

/** Four TTLs, an byte before each, the message three bytes into its buffer. */
const BASE = 3;
const offsets = Uint16Array.of(1, 6, 11, 16);
const arena = (...ttls: number[]) => bytesOf('eeeeee', ...ttls.flatMap((ttl) => ['ee', uint32(ttl)]));
const ttlsOf = (bytes: Uint8Array) => [...offsets].map((offset) => readTtl(bytes, BASE + offset));

describe('ageTtls', () => {
  it('takes the seconds away, and nothing else', () => {
    const bytes = arena(60, 300, 0x7fffffff, 5);
    ageTtls(bytes, BASE, offsets, 0, 4, 5, 0);
    expect(bytes).toEqual(arena(55, 295, 0x7fffffff - 5, 0));
  });

  it('stops at the floor', () => {
    const bytes = arena(60, 10, 0, 11);
    ageTtls(bytes, BASE, offsets, 0, 4, 10, 1);
    expect(ttlsOf(bytes)).toEqual([50, 1, 1, 1]);
    ageTtls(bytes, BASE, offsets, 0, 4, 1e9, 0);
    expect(ttlsOf(bytes)).toEqual([0, 0, 0, 0]);
  });

  it('counts a TTL with the top bit set as 0', () => {
    const bytes = arena(0x80000000, 0xffffffff, 60, 60);
    ageTtls(bytes, BASE, offsets, 0, 4, 0, 0);
    expect(bytes).toEqual(arena(0, 0, 60, 60));
  });

  it('works on a part of the offsets', () => {
    const bytes = arena(60, 60, 60, 60);
    ageTtls(bytes, BASE, offsets, 1, 2, 10, 0);
    expect(bytes).toEqual(arena(60, 50, 50, 60));
    ageTtls(bytes, BASE, offsets, 0, 0, 10, 0);
    expect(bytes).toEqual(arena(60, 50, 50, 60));
  });
});

describe('setTtls', () => {
  it('sets a part of them', () => {
    const bytes = arena(1, 2, 0xffffffff, 4);
    setTtls(bytes, BASE, offsets, 1, 3, 30);
    expect(bytes).toEqual(arena(1, 30, 30, 30));
    setTtls(bytes, BASE, offsets, 1, 2, 7);
    expect(bytes).toEqual(arena(1, 7, 7, 30));
  });
});

describe('capTtls', () => {
  it('brings them into the range', () => {
    const bytes = arena(1, 100, 100_000, 0x80000001);
    capTtls(bytes, BASE, offsets, 0, 4, 5, 86_400);
    expect(bytes).toEqual(arena(5, 100, 86_400, 5));
  });

  it('leaves the others alone', () => {
    const bytes = arena(1, 1, 1, 1);
    capTtls(bytes, BASE, offsets, 3, 1, 9, 10);
    expect(bytes).toEqual(arena(1, 1, 1, 9));
    capTtls(bytes, BASE, offsets, 1, 2, 5, 10);
    expect(bytes).toEqual(arena(1, 5, 5, 9));
  });
});
