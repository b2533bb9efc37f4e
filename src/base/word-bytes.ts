// Bytes that can also be read as 32-bit words: the memory for messages on the hot path. An access
// to a typed array takes V8 about fifteen instructions, for one byte or for four
// (bench/base/copy-bytes), so what is copied and compared there goes by words, and four to a turn:
// at the end of each turn of a loop V8 may be interrupted, after which it looks at map, length and
// address of the arrays again (docs/adr/0013-messages-as-words.md).
//
//   bytes  | ID  | flags | QD  | AN  | NS  | AR  | 3 w w w | 7 e x a | …      a question begins on a word: at byte 12
//   words   |      0      |     1     |     2     |    3    |    4    | …      in the machine's order
//
// A message from elsewhere (node:dgram) is a plain Uint8Array at any offset: it is copied byte by
// byte.

/** Up to this length a plain loop is faster than TypedArray.set, which needs a new view. */
const LOOP_LIMIT_BYTES = 256;

/**
 * A symbol, not a string, for the sake of the arrays that lack it: a string might be an index, so
 * for a missing one V8's optimizing compiler leaves each access to the inline cache, a call of some
 * fifty instructions. A missing symbol costs nothing.
 */
const WORDS = Symbol('words');

/**
 * A Uint8Array over its own memory, or over a part that starts on a word; wordsOf() returns the
 * words.
 */
export class WordBytes extends Uint8Array {
  readonly [WORDS]: Int32Array;

  /** @param byteOffset a multiple of 4, else RangeError */
  constructor(buffer: ArrayBuffer, byteOffset = 0, length = buffer.byteLength - byteOffset) {
    super(buffer, byteOffset, length);
    this[WORDS] = new Int32Array(buffer, byteOffset, length >> 2);
  }

  /** `length` bytes of new memory, all 0. */
  static ofLength(length: number): WordBytes {
    return new WordBytes(new ArrayBuffer(length));
  }

  /** Views and copies of a part of it are plain ones: they may start at any offset. */
  static get [Symbol.species](): Uint8ArrayConstructor {
    return Uint8Array;
  }
}

/** [n]: a word whose first n bytes, as they lie in memory, are 0xff, and its others 0. */
export const FIRST_BYTES: Int32Array = Int32Array.from([0, 1, 2, 3, 4], (count) => {
  const word = WordBytes.ofLength(4);
  word.fill(0xff, 0, count);
  return wordsOf(word)[0]!;
});

/**
 * The same memory as words; the last one to three bytes of a length that is no multiple of four are
 * not in it. A plain array has none.
 */
export function wordsOf(bytes: WordBytes): Int32Array;
export function wordsOf(bytes: Uint8Array): Int32Array | undefined;
export function wordsOf(bytes: Uint8Array): Int32Array | undefined {
  return (bytes as Partial<WordBytes>)[WORDS];
}

/**
 * Copies `count` bytes, by words where both sides have them and begin as far from one. Within one
 * array the ranges overlap only when they are the same.
 */
export function copyBytes(
  from: Uint8Array,
  fromOffset: number,
  to: Uint8Array,
  toOffset: number,
  count: number,
): void {
  if (count > LOOP_LIMIT_BYTES) {
    to.set(from.subarray(fromOffset, fromOffset + count), toOffset);
    return;
  }
  const fromWords = wordsOf(from);
  const toWords = wordsOf(to);
  let at = fromOffset;
  let put = toOffset;
  const end = at + count;
  if (fromWords !== undefined && toWords !== undefined && ((at ^ put) & 3) === 0) {
    while ((at & 3) !== 0 && at < end) to[put++] = from[at++]!;
    const words = (end - at) >> 2;
    copyWords(fromWords, at >> 2, toWords, put >> 2, words);
    at += words << 2;
    put += words << 2;
  }
  for (; at + 4 <= end; at += 4, put += 4) {
    to[put] = from[at]!;
    to[put + 1] = from[at + 1]!;
    to[put + 2] = from[at + 2]!;
    to[put + 3] = from[at + 3]!;
  }
  if (at < end) to[put] = from[at]!;
  if (at + 1 < end) to[put + 1] = from[at + 1]!;
  if (at + 2 < end) to[put + 2] = from[at + 2]!;
}

/**
 * As copyBytes() does for bytes: a function for both would meet two kinds of array at each access,
 * and ask each time which it is.
 */
function copyWords(from: Int32Array, fromWord: number, to: Int32Array, toWord: number, count: number): void {
  let at = fromWord;
  let put = toWord;
  const end = at + count;
  for (; at + 4 <= end; at += 4, put += 4) {
    to[put] = from[at]!;
    to[put + 1] = from[at + 1]!;
    to[put + 2] = from[at + 2]!;
    to[put + 3] = from[at + 3]!;
  }
  if (at < end) to[put] = from[at]!;
  if (at + 1 < end) to[put + 1] = from[at + 1]!;
  if (at + 2 < end) to[put + 2] = from[at + 2]!;
}

/**
 * How many of the first `count` bytes are the same, as far as whole words show: a multiple of 4, 0
 * where there are none. The bytes from there on are for the caller to compare.
 */
export function samePrefix(
  a: Uint8Array,
  aOffset: number,
  b: Uint8Array,
  bOffset: number,
  count: number,
): number {
  const aWords = wordsOf(a);
  const bWords = wordsOf(b);
  if (aWords === undefined || bWords === undefined || ((aOffset | bOffset) & 3) !== 0) return 0;
  const first = aOffset >> 2;
  const shift = (bOffset >> 2) - first;
  const end = first + (count >> 2);
  let at = first;
  while (
    at + 4 <= end &&
    aWords[at] === bWords[at + shift] &&
    aWords[at + 1] === bWords[at + 1 + shift] &&
    aWords[at + 2] === bWords[at + 2 + shift] &&
    aWords[at + 3] === bWords[at + 3 + shift]
  )
    at += 4;
  while (at < end && aWords[at] === bWords[at + shift]) at++;
  return (at - first) << 2;
}
