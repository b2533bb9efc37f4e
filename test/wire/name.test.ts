import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { equalNamesFolded, expandName, FOLD, foldWord, lettersOf, skipName } from '../../src/wire/name.ts';
import { asWords } from '../kit/as-words.ts';
import { bytesOf, inSlot, name } from './build-message.ts';

/** Twelve bytes of header, then the parts. */
const body = (...parts: Parameters<typeof bytesOf>) => bytesOf(new Uint8Array(12), ...parts);
const label63 = bytesOf(63, new Uint8Array(63).fill(0x61));
/** 4 × (1 + 62) + 1 + 1 + 1 = 255 bytes: the longest name. */
const longest = bytesOf(
  ...[1, 2, 3, 4].flatMap(() => [62, new Uint8Array(62).fill(0x61)] as const),
  '0161',
  0,
);

function expand(bytes: Uint8Array, offset: number): Uint8Array | number {
  const out = new Uint8Array(255);
  const length = expandName(bytes, bytes.length, offset, out);
  return length < 0 ? length : out.slice(0, length);
}

describe('skipName', () => {
  it('steps over labels to the byte after the root', () => {
    const bytes = body(name('www.example'), 'ffff');
    expect(skipName(bytes, bytes.length, 12)).toBe(12 + 13);
    expect(skipName(body(0), 13, 12)).toBe(13);
  });

  it('steps over a pointer, not along it', () => {
    const bytes = body(name('example'), '03', '777777', 'c00c', 'ffff');
    expect(skipName(bytes, bytes.length, 21)).toBe(27);
  });

  it('takes 255 bytes and no more', () => {
    const bytes = body(longest);
    expect(longest.length).toBe(255);
    expect(skipName(bytes, bytes.length, 12)).toBe(12 + 255);
    const longer = body(longest.slice(0, 252), '026161', 0);
    expect(skipName(longer, longer.length, 12)).toBe(-1);
  });

  it('counts what pointers lead to into the 255 bytes', () => {
    const tail = bytesOf(label63, label63, label63, 0); // 193
    const fits = body(tail, bytesOf(60, new Uint8Array(60).fill(0x62), 'c00c')); // 193 + 61 = 254
    expect(skipName(fits, fits.length, 12 + 193)).toBe(fits.length);
    const passes = body(tail, bytesOf(62, new Uint8Array(62).fill(0x62), 'c00c')); // 256
    expect(skipName(passes, passes.length, 12 + 193)).toBe(-1);
  });

  it.each([
    ['a label cut off', body('05', '6161')],
    ['no root at the end', body('01', '61')],
    ['nothing at all', body()],
    ['a pointer cut in half', body('c0')],
    ['label type 01 (RFC 6891 retired it)', body('41', '6161', 0)],
    ['label type 10', body('81', '6161', 0)],
    ['a pointer to itself', body('c00c')],
    ['a pointer to the label before it', body('0161', 'c00c')],
    ['a pointer forwards', body('c00e', 0)],
    ['a pointer into the header', body('c000')],
  ])('refuses %s', (_, bytes) => {
    expect(skipName(bytes, bytes.length, 12)).toBe(-1);
    expect(expand(bytes, 12)).toBe(-1);
  });

  it('refuses two pointers that lead to each other', () => {
    const bytes = body('c00e', 'c00c');
    expect(skipName(bytes, bytes.length, 14)).toBe(-1);
  });

  it('refuses a name that runs on behind the pointer which leads to it', () => {
    // At 12 a label of three bytes, of which two are a pointer to 12: behind it the name would go
    // on.
    const bytes = body('03c00c61', 0);
    expect(skipName(bytes, bytes.length, 13)).toBe(-1);
    expect(skipName(bytes, bytes.length, 12)).toBe(17);
    // Nor may the pointer that is pointed at lie in part behind.
    expect(skipName(body('0161', 'c0', 'c00c'), 17, 15)).toBe(-1);
  });

  it('does not look behind the message for what is cut off', () => {
    const bytes = inSlot(body('0161'), 8, 0);
    expect(skipName(bytes, 14, 12)).toBe(-1);
    // Behind the message stands what would make it a pointer to the root at 12.
    expect(skipName(inSlot(body(0, 'c0'), 8, 12), 14, 13)).toBe(-1);
    expect(skipName(inSlot(body(0, 'c0'), 8, 12), 15, 13)).toBe(15);
  });

  it('follows a bounded number of pointers', () => {
    // Pointer i leads to pointer i − 1; the first one leads to the root at 12.
    const chain = (count: number) =>
      body(0, ...Array.from({ length: count }, (_, i) => bytesOf(0xc0, i === 0 ? 12 : 13 + 2 * (i - 1))));
    const short = chain(20);
    expect(skipName(short, short.length, short.length - 2)).toBe(short.length);
    const bytes = new Uint8Array(2000);
    for (let i = 0; i < 500; i++) bytes.set([0xc0 | ((11 + 2 * i) >> 8), (11 + 2 * i) & 255], 13 + 2 * i);
    bytes.set([0xc0, 12], 13);
    expect(skipName(bytes, bytes.length, 13 + 2 * 499)).toBe(-1);
  });

  it('follows as many pointers as the longest name can have', () => {
    // 127 labels of one byte, each but the root's neighbor followed by a pointer to the rung
    // before.
    const rungs = Array.from({ length: 126 }, (_, i) =>
      bytesOf('0162', 0xc0 | ((i === 0 ? 12 : 11 + 4 * i) >> 8), (i === 0 ? 12 : 11 + 4 * i) & 255),
    );
    const bytes = body('0161', 0, ...rungs);
    expect(skipName(bytes, bytes.length, bytes.length - 4)).toBe(bytes.length);
    expect(expand(bytes, bytes.length - 4)).toEqual(name(`${'b.'.repeat(126)}a`));
  });
});

describe('expandName', () => {
  it('joins the labels that pointers lead to', () => {
    const bytes = body(name('example'), '03', '777777', 'c00c', '0161', 'c015');
    expect(expand(bytes, 12)).toEqual(name('example'));
    expect(expand(bytes, 21)).toEqual(name('www.example'));
    expect(expand(bytes, 27)).toEqual(name('a.www.example'));
  });

  it('gives the root one byte', () => {
    expect(expand(body(0), 12)).toEqual(Uint8Array.of(0));
  });

  it('writes 255 bytes at most', () => {
    expect(expand(body(longest), 12)).toEqual(longest);
  });
});

describe('folding', () => {
  it('changes the 26 upper-case letters only', () => {
    for (let byte = 0; byte < 256; byte++) {
      const letter = byte >= 0x41 && byte <= 0x5a;
      expect(FOLD[byte]).toBe(letter ? byte + 0x20 : byte);
    }
  });

  it('compares names without case', () => {
    const a = name('WwW.eXample');
    expect(equalNamesFolded(a, 0, bytesOf('ff', name('www.Example')), 1, a.length)).toBe(true);
    expect(equalNamesFolded(a, 0, name('www.exbmple'), 0, a.length)).toBe(false);
  });

  it('keeps apart bytes that differ in bit 5 but are no letters', () => {
    expect(equalNamesFolded(bytesOf('015b00'), 0, bytesOf('017b00'), 0, 3)).toBe(false); // [ {
    expect(equalNamesFolded(bytesOf('014000'), 0, bytesOf('016000'), 0, 3)).toBe(false); // @ `
    expect(equalNamesFolded(bytesOf('01c100'), 0, bytesOf('01e100'), 0, 3)).toBe(false); // beyond ASCII
  });

  it('keeps apart names that differ only in where their labels end', () => {
    const a = bytesOf('0361', '0162', 0);
    const b = bytesOf('0361', '0162', 0);
    b[0] = 1;
    expect(equalNamesFolded(a, 0, b, 0, a.length)).toBe(false);
  });
});

describe('folding by words', () => {
  /** Four bytes as one word. */
  const wordOf = (...four: number[]) => new Int32Array(Uint8Array.from(four).buffer)[0]!;

  it.each([0, 1, 2, 3])('does to byte %i what FOLD does, whatever stands beside it', (place) => {
    for (let byte = 0; byte < 256; byte++) {
      for (const beside of [0x00, 0x40, 0x5a, 0x7a, 0x7f, 0x80, 0xff]) {
        const four = [beside, beside, beside, beside];
        four[place] = byte;
        expect(foldWord(wordOf(...four))).toBe(wordOf(...four.map((each) => FOLD[each]!)));
        const isLetter = (each: number) => FOLD[each]! >= 0x61 && FOLD[each]! <= 0x7a;
        expect(lettersOf(wordOf(...four))).toBe(wordOf(...four.map((each) => (isLetter(each) ? 0x80 : 0))));
      }
    }
  });

  it('compares names as byte by byte', () => {
    const byte = fc.constantFrom(0x00, 0x3f, 0x40, 0x41, 0x5a, 0x5b, 0x60, 0x61, 0x7a, 0x7b, 0xc1, 0xe1);
    const pair = fc.array(fc.tuple(byte, byte, fc.nat(120)), { maxLength: 40 });
    const offset = fc.constantFrom(0, 1, 3, 4, 12);
    fc.assert(
      fc.property(pair, offset, offset, (pairs, aOffset, bOffset) => {
        // What follows differs, and is no matter.
        const a = new Uint8Array(aOffset + pairs.length + 20).fill(0x11);
        const b = new Uint8Array(bOffset + pairs.length + 20).fill(0x22);
        // Mostly alike, or one in other case.
        pairs.forEach(([one, other, chance], i) => {
          a[aOffset + i] = one;
          b[bOffset + i] = chance === 0 ? other : chance < 60 ? one : FOLD[one]!;
        });
        const expected = pairs.every((_, i) => FOLD[a[aOffset + i]!] === FOLD[b[bOffset + i]!]);
        for (const one of [a, asWords(a)]) {
          for (const other of [b, asWords(b)])
            expect(equalNamesFolded(one, aOffset, other, bOffset, pairs.length)).toBe(expected);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
