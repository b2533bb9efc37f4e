import { describe, expect, it } from 'vitest';
import { ageTtls, capTtls, setTtls } from '../../src/wire/ttl.ts';
import { bytesOf, uint32 } from './build-message.ts';

/** Four TTLs, a byte before each. */
const offsets = Uint16Array.of(1, 6, 11, 16);
const message = (...ttls: number[]) => bytesOf(...ttls.flatMap((ttl) => ['ee', uint32(ttl)]));

describe('ageTtls', () => {
  it('takes the seconds away, and nothing else', () => {
    const bytes = message(60, 300, 0x7fffffff, 6);
    ageTtls(bytes, offsets, 0, 4, 5);
    expect(bytes).toEqual(message(55, 295, 0x7fffffff - 5, 1));
  });

  it('stops at 1', () => {
    const bytes = message(60, 10, 0, 11);
    ageTtls(bytes, offsets, 0, 4, 10);
    expect(bytes).toEqual(message(50, 1, 1, 1));
    ageTtls(bytes, offsets, 0, 4, 1e9);
    expect(bytes).toEqual(message(1, 1, 1, 1));
  });

  it('counts a TTL with the top bit set as 0', () => {
    const bytes = message(0x80000000, 0xffffffff, 60, 60);
    ageTtls(bytes, offsets, 0, 4, 0);
    expect(bytes).toEqual(message(1, 1, 60, 60));
  });

  it('works on a part of the offsets', () => {
    const bytes = message(60, 60, 60, 60);
    ageTtls(bytes, offsets, 1, 2, 10);
    expect(bytes).toEqual(message(60, 50, 50, 60));
    ageTtls(bytes, offsets, 0, 0, 10);
    expect(bytes).toEqual(message(60, 50, 50, 60));
  });
});

describe('setTtls', () => {
  it('sets a part of them', () => {
    const bytes = message(1, 2, 0xffffffff, 4);
    setTtls(bytes, offsets, 1, 3, 30);
    expect(bytes).toEqual(message(1, 30, 30, 30));
    setTtls(bytes, offsets, 1, 2, 7);
    expect(bytes).toEqual(message(1, 7, 7, 30));
  });
});

describe('capTtls', () => {
  it('brings them into the range', () => {
    const bytes = message(1, 100, 100_000, 0x80000001);
    capTtls(bytes, offsets, 4, 5, 86_400);
    expect(bytes).toEqual(message(5, 100, 86_400, 5));
  });

  it('leaves those behind the first ones alone', () => {
    const bytes = message(1, 1, 1, 1);
    capTtls(bytes, offsets, 1, 9, 10);
    expect(bytes).toEqual(message(9, 1, 1, 1));
    capTtls(bytes, offsets, 3, 5, 10);
    expect(bytes).toEqual(message(9, 5, 5, 1));
  });
});
