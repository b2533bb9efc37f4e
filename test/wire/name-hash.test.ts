import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FOLD } from '../../src/wire/name.ts';
import { avalanche, hashLabel, hashName, ROOT_HASH } from '../../src/wire/name-hash.ts';
import { asWords } from '../kit/as-words.ts';
import { rounds } from '../kit/rounds.ts';
import { bytesOf, name } from './build-message.ts';

/** The hash of the name at `offset`, QTYPE and QCLASS behind it. */
function hashed(
  wireName: Uint8Array,
  offset = 12,
  words = true,
): { nameHash: number; hasUpperCase: boolean } {
  const bytes = bytesOf(new Uint8Array(offset).fill(0x41), wireName, 'ffff4141');
  const out = { nameHash: 0, hasUpperCase: false };
  hashName(words ? asWords(bytes) : bytes, offset, wireName.length, out);
  return out;
}

const hashOf = (text: string) => hashed(name(text)).nameHash;

/** Names of nearly the same bytes. */
const NAMES = [
  '',
  'a',
  'b',
  'ab',
  'ba',
  'abc',
  'abcd',
  'abcde',
  'a.b',
  'b.a',
  'com',
  'example.com',
  'examplf.com',
  'example.con',
  'fxample.com',
  `${'a.'.repeat(126)}b`,
  `${'a.'.repeat(126)}c`,
];

describe('the hash of a whole name', () => {
  it('is the same for all spellings of one name, and others for others', () => {
    expect(hashOf('ExAmple.COM')).toBe(hashOf('example.com'));
    expect(new Set(NAMES.map(hashOf)).size).toBe(NAMES.length);
  });

  it('is the same wherever the name stands, by words or by bytes, whatever follows', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 255 }), fc.nat({ max: 9 }), (wire, offset) => {
        const expected = hashed(wire);
        expect(hashed(wire, offset)).toEqual(expected);
        expect(hashed(wire, offset, false)).toEqual(expected);
        const out = { nameHash: 0, hasUpperCase: false };
        hashName(wire, 0, wire.length, out);
        expect(out).toEqual(expected);
        expect(hashed(wire.map((byte) => FOLD[byte]!)).nameHash).toBe(expected.nameHash);
        expect(expected.hasUpperCase).toBe(wire.some((byte) => FOLD[byte] !== byte));
      }),
      { numRuns: 1000 },
    );
  });

  it('sees an upper-case letter in each place, and none behind the name', () => {
    for (let length = 1; length <= 9; length++) {
      const lower = new Uint8Array(length).fill(0x7a);
      expect(hashed(lower).hasUpperCase).toBe(false);
      for (let place = 0; place < length; place++) {
        const upper = lower.slice();
        upper[place] = 0x5a;
        expect(hashed(upper)).toEqual({ nameHash: hashed(lower).nameHash, hasUpperCase: true });
      }
    }
  });

  it('spreads similar names evenly over low bits', { timeout: 120_000 }, () => {
    const counts = new Uint32Array(64);
    const expected = rounds(1000);
    for (let i = 0; i < 64 * expected; i++) counts[avalanche(hashOf(`host${i}.example.com`), 1) & 63]!++;
    const deviations = 7 * Math.sqrt(expected);
    expect(Math.min(...counts)).toBeGreaterThan(expected - deviations);
    expect(Math.max(...counts)).toBeLessThan(expected + deviations);
  });

  it('rarely gives two of many names one hash', { timeout: 120_000 }, () => {
    const hashes = new Set<number>();
    const names = rounds(64_000);
    for (let i = 0; i < names; i++) hashes.add(hashOf(`h${i}.example`));
    expect(hashes.size).toBeGreaterThan(names - 20);
  });

  it('depends on every byte', () => {
    const wire = name('abcdefghi.example');
    for (let place = 0; place < wire.length - 1; place++) {
      const other = wire.slice();
      other[place]! ^= 0x80;
      expect(hashed(other).nameHash).not.toBe(hashed(wire).nameHash);
    }
  });
});

describe('the hash that grows label by label', () => {
  const ofLabels = (text: string) => {
    const wire = name(text);
    const starts = [0];
    for (let at = 0; wire[at] !== 0; starts.push(at)) at += wire[at]! + 1;
    let hash = ROOT_HASH;
    for (let i = starts.length - 2; i >= 0; i--) hash = hashLabel(hash, wire, starts[i]!, starts[i + 1]!);
    return hash;
  };

  it('is the same for all spellings of one name, and others for others', () => {
    expect(ofLabels('')).toBe(ROOT_HASH);
    expect(ofLabels('ExAmple.COM')).toBe(ofLabels('example.com'));
    expect(new Set(NAMES.map(ofLabels)).size).toBe(NAMES.length);
  });

  it('of a label depends on what follows it', () => {
    const label = bytesOf('0161');
    expect(hashLabel(ofLabels('com'), label, 0, 2)).toBe(ofLabels('a.com'));
    expect(hashLabel(ofLabels('org'), label, 0, 2)).not.toBe(ofLabels('a.com'));
  });
});
