import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WordBytes } from '../../src/base/word-bytes.ts';
import { CasePattern, MAX_PATTERN_BYTES } from '../../src/loop/case-pattern.ts';
import { keyedHash } from '../../src/loop/keyed-hash.ts';
import { CASE_EPOCH_MS, createKeyMaterial, KeyRing, type LoopKeyMaterial } from '../../src/loop/keys.ts';
import { textToName } from '../../src/wire/text.ts';
import { asWords } from '../kit/as-words.ts';
import { recase } from './incoming.ts';

const A = 1;
const AAAA = 28;

/** In the middle of an epoch, where a process alone takes one pattern only. */
function pattern(
  material: LoopKeyMaterial = createKeyMaterial('', 'r'),
  nowMs = CASE_EPOCH_MS / 2,
): CasePattern {
  return new CasePattern(new KeyRing(material, nowMs, () => nowMs));
}

/**
 * The name as the pattern spells it, in memory taken by words and byte by byte, which is to be the
 * same.
 */
function applied(by: CasePattern, name: Uint8Array, qtype = A): Uint8Array {
  const bytes = new Uint8Array(name);
  by.apply(bytes, 0, bytes.length, qtype);
  const words = asWords(name);
  by.apply(words, 0, words.length, qtype);
  expect([...words]).toEqual([...bytes]);
  return bytes;
}

/** Any name on the wire: labels of any bytes. */
const anyName = fc
  .array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 6 })
  .map((labels) => Uint8Array.from([...labels.flatMap((label) => [label.length, ...label]), 0]));

const folded = (name: Uint8Array): Uint8Array => recase(name, () => false);
const letters = (name: Uint8Array): number[] =>
  [...name].filter((byte) => (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a);

const lettersAt = (name: Uint8Array, i: number): boolean => letters(name.slice(i, i + 1)).length === 1;

describe('case pattern', () => {
  it('changes nothing but case, and the same way for every spelling', () => {
    const own = pattern();
    fc.assert(
      fc.property(anyName, fc.nat(65535), (name, qtype) => {
        const drawn = applied(own, name, qtype);
        expect(folded(drawn)).toEqual(folded(name));
        expect(applied(own, folded(name), qtype)).toEqual(drawn);
        expect(applied(own, drawn, qtype)).toEqual(drawn);
      }),
    );
  });

  it('is recognized as sent, and not with one letter in the other case', () => {
    const own = pattern();
    fc.assert(
      fc.property(anyName, fc.nat(1000), (name, pick) => {
        const drawn = applied(own, name);
        const count = letters(name.slice(0, MAX_PATTERN_BYTES)).length;
        fc.pre(count >= 2);
        expect(own.match(drawn, 0, drawn.length, A)).toBe(count);
        expect(own.match(asWords(drawn), 0, drawn.length, A)).toBe(count);
        const turned = pick % count;
        const other = recase(drawn, (letter) => {
          const byte = letters(drawn)[letter]!;
          return (byte & 0x20) === 0 ? letter !== turned : letter === turned;
        });
        expect(own.match(other, 0, other.length, A)).toBe(0);
        expect(own.match(asWords(other), 0, other.length, A)).toBe(0);
      }),
    );
  });

  it('never leaves two or more letters all in one case', () => {
    const own = pattern();
    for (let i = 0; i < 20_000; i++) {
      const name = textToName(
        `${String.fromCharCode(97 + (i % 26))}${i}.${String.fromCharCode(97 + ((i >> 3) % 26))}`,
      );
      const drawn = applied(own, name);
      const upper = letters(drawn).filter((byte) => (byte & 0x20) === 0).length;
      expect(upper).toBe(1);
    }
  });

  it('is drawn from the keyed hash of folded name and QTYPE, as replicas of other versions draw it', () => {
    const keys = new KeyRing(createKeyMaterial('key', 'a'), 0, () => CASE_EPOCH_MS / 2);
    const own = new CasePattern(keys);
    const name = textToName('ExAmple.COM');
    const drawn = name.slice();
    own.apply(drawn, 0, name.length, 0x0102);
    const input = WordBytes.ofLength(32);
    input.set(Uint8Array.of(...textToName('example.com'), 0x01, 0x02));
    const expected = new Int32Array(4);
    keyedHash(keys.nameSchedule, input, name.length + 2, expected);
    expect([...own.hash]).toEqual([...expected]);
    const hashed = WordBytes.ofLength(16);
    new DataView(hashed.buffer).setInt32(0, expected[0]!, true);
    for (let i = 1; i < 4; i++) new DataView(hashed.buffer).setInt32(4 * i, expected[i]!, true);
    keyedHash(keys.caseKeys[0]!.schedule, hashed, 16, expected);
    for (const [i, byte] of drawn.entries()) {
      if (lettersAt(name, i)) expect((byte & 0x20) === 0).toBe(((expected[i >> 5]! >>> (i & 31)) & 1) === 1);
    }
  });

  it('differs between names, types, keys and rings', () => {
    const material = createKeyMaterial('key', 'a');
    const own = pattern(material);
    const name = textToName('a-name-with-enough-letters-to-tell.example.com');
    const drawn = applied(own, name);
    expect(applied(own, name, AAAA)).not.toEqual(drawn);
    expect(applied(pattern(createKeyMaterial('key', 'b')), name)).not.toEqual(drawn);
    expect(applied(pattern(createKeyMaterial('yek', 'a')), name)).not.toEqual(drawn);
    expect(applied(pattern(createKeyMaterial('key', 'a')), name)).toEqual(drawn);
  });

  it('leaves letters after the 128th byte in lower case, and does not check them', () => {
    const own = pattern();
    const name = textToName(['x'.repeat(60), 'y'.repeat(60), 'z'.repeat(60), 'q'.repeat(60)].join('.'));
    const drawn = applied(own, name);
    const takingPart = letters(drawn.slice(0, MAX_PATTERN_BYTES)).length;
    expect(takingPart).toBe(125);
    expect(
      letters(drawn)
        .slice(takingPart)
        .every((byte) => (byte & 0x20) !== 0),
    ).toBe(true);
    const shouted = recase(drawn, (letter) =>
      letter >= takingPart ? true : (letters(drawn)[letter]! & 0x20) === 0,
    );
    expect(own.match(shouted, 0, shouted.length, A)).toBe(takingPart);
    const turned = recase(
      shouted,
      (letter) => ((letters(shouted)[letter]! & 0x20) === 0) !== (letter === takingPart - 1),
    );
    expect(own.match(turned, 0, turned.length, A)).toBe(0);
  });

  it('of a replica is recognized in neighboring epochs, and no further', () => {
    const material = createKeyMaterial('key', 'a');
    const name = textToName('somewhere.in.a.cluster.example.net');
    const middleMs = 5_676_000 * CASE_EPOCH_MS + CASE_EPOCH_MS / 2;
    const drawn = applied(pattern(material, middleMs), name);
    const lettersSeen = (shift: number): number =>
      pattern(createKeyMaterial('key', 'a'), middleMs + shift * CASE_EPOCH_MS).match(
        drawn,
        0,
        drawn.length,
        A,
      );
    expect([-2, -1, 0, 1, 2].map(lettersSeen)).toEqual([0, 29, 29, 29, 0]);
  });

  it('changes after five minutes; later the old one is not recognized', () => {
    const keys = new KeyRing(createKeyMaterial('', 'a'), CASE_EPOCH_MS / 2);
    const own = new CasePattern(keys);
    const name = textToName('somewhere.in.a.cluster.example.net');
    const drawn = applied(own, name);
    keys.advance(CASE_EPOCH_MS + 5000);
    expect(applied(own, name)).not.toEqual(drawn);
    // What is on its way at the change is known yet.
    expect(own.match(drawn, 0, drawn.length, A)).toBe(29);
    keys.advance(CASE_EPOCH_MS + 20_000);
    expect(own.match(drawn, 0, drawn.length, A)).toBe(0);
  });

  it('leaves names without letters alone', () => {
    const own = pattern();
    const name = textToName('1.2.3.4');
    expect(applied(own, name)).toEqual(name);
    expect(own.match(name, 0, name.length, A)).toBe(0);
  });

  it('works on the name inside a message', () => {
    const name = textToName('www.example.com');
    // Letters of both cases around it, under many keys: each would be turned by half of them.
    for (let key = 0; key < 20; key++) {
      const own = pattern();
      for (const around of [0x41, 0x61]) {
        const message = new Uint8Array(64).fill(around);
        message.set(name, 12);
        expect(own.apply(message, 12, name.length, A)).toBe(13);
        expect(message.slice(12, 12 + name.length)).toEqual(applied(own, name));
        expect(message.slice(0, 12).every((byte) => byte === around)).toBe(true);
        expect(message.slice(12 + name.length).every((byte) => byte === around)).toBe(true);
        expect(own.match(message, 12, name.length, A)).toBe(13);
      }
    }
  });

  it('is the same at any offset, by words or by bytes', () => {
    const own = pattern();
    const name = textToName('wherever.it.stands.example');
    const drawn = applied(own, name);
    for (let offset = 0; offset < 8; offset++) {
      const message = asWords(Uint8Array.of(...new Uint8Array(offset), ...name, 0, 1, 0, 1));
      own.apply(message, offset, name.length, A);
      expect(message.slice(offset, offset + name.length)).toEqual(drawn);
      expect(own.match(message, offset, name.length, A)).toBe(letters(name).length);
    }
  });

  it('counts only letters of the name, whatever bytes QTYPE has', () => {
    const own = pattern();
    for (const text of ['a1b', 'a1bc', 'a1bcd', 'a1bcde']) {
      const name = textToName(text);
      for (const qtype of [0x4142, 0x6162, 0x417a]) {
        const drawn = applied(own, name, qtype);
        expect(
          own.match(asWords(Uint8Array.of(...drawn, qtype >> 8, qtype & 0xff, 0, 1)), 0, name.length, qtype),
        ).toBe(letters(name).length);
      }
    }
  });

  it('needs two letters', () => {
    for (let key = 0; key < 20; key++) {
      const own = pattern();
      for (const [text, letterCount] of [
        ['a', 0],
        ['1.a', 0],
        ['a.b', 2],
        ['z1.2y3', 2],
      ] as const) {
        const drawn = applied(own, textToName(text));
        expect(own.match(drawn, 0, drawn.length, A)).toBe(letterCount);
      }
    }
  });
});
