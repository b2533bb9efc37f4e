import { expect, it } from 'vitest';
import { ageTtls, capTtls, setTtls } from '../../src/wire/ttl.ts';
import { bytesOf, uint32 } from './build-message.ts';

/** Four TTLs, a byte before each. */
const offsets = Uint16Array.of(1, 6, 11, 16);
const message = (...ttls: number[]) => bytesOf(...ttls.flatMap((ttl) => ['ee', uint32(ttl)]));

/** All four in a message. */
type Ttls = readonly [number, number, number, number];
type Change = (bytes: Uint8Array) => void;

const age = (first: number, count: number, seconds: number): Change => {
  return (bytes) => ageTtls(bytes, offsets, first, count, seconds);
};
const set = (first: number, count: number, ttl: number): Change => {
  return (bytes) => setTtls(bytes, offsets, first, count, ttl);
};
const cap = (count: number, least: number, most: number): Change => {
  return (bytes) => capTtls(bytes, offsets, count, least, most);
};

it.each<{ what: string; from: Ttls; steps: readonly (readonly [Change, Ttls])[] }>([
  {
    what: 'ageTtls takes the seconds away, and nothing else',
    from: [60, 300, 0x7fffffff, 6],
    steps: [[age(0, 4, 5), [55, 295, 0x7fffffff - 5, 1]]],
  },
  {
    what: 'ageTtls stops at 1',
    from: [60, 10, 0, 11],
    steps: [
      [age(0, 4, 10), [50, 1, 1, 1]],
      [age(0, 4, 1e9), [1, 1, 1, 1]],
    ],
  },
  {
    what: 'ageTtls counts a TTL with the top bit set as 0 (RFC 2181 §8)',
    from: [0x80000000, 0xffffffff, 60, 60],
    steps: [[age(0, 4, 0), [1, 1, 60, 60]]],
  },
  {
    what: 'ageTtls works on a part of the offsets',
    from: [60, 60, 60, 60],
    steps: [
      [age(1, 2, 10), [60, 50, 50, 60]],
      [age(0, 0, 10), [60, 50, 50, 60]],
    ],
  },
  {
    what: 'setTtls sets a part of them',
    from: [1, 2, 0xffffffff, 4],
    steps: [
      [set(1, 3, 30), [1, 30, 30, 30]],
      [set(1, 2, 7), [1, 7, 7, 30]],
    ],
  },
  {
    what: 'capTtls brings them into the range',
    from: [1, 100, 100_000, 0x80000001],
    steps: [[cap(4, 5, 86_400), [5, 100, 86_400, 5]]],
  },
  {
    what: 'capTtls leaves those behind the first ones alone',
    from: [1, 1, 1, 1],
    steps: [
      [cap(1, 9, 10), [9, 1, 1, 1]],
      [cap(3, 5, 10), [9, 5, 5, 1]],
    ],
  },
])('$what', ({ from, steps }) => {
  const bytes = message(...from);
  for (const [change, to] of steps) {
    change(bytes);
    // No other byte changes.
    expect(bytes).toEqual(message(...to));
  }
});
