// Octets that can be had as 32-bit words, too: the memory that messages lie in while they are on the hot path. An access to a
// typed array takes V8 some fifteen instructions, of one octet as of four (bench/base/copy-octets), so what is copied and compared
// there goes by words (docs/adr/0013-messages-as-words.md).
//
//   octets  | ID  | flags | QD  | AN  | NS  | AR  | 3 w w w | 7 e x a | …      a question begins on a word: at octet 12
//   words   |      0      |     1     |     2     |    3    |    4    | …      in the machine's order
//
// What comes from elsewhere (a TCP stream, node:dgram) is a plain Uint8Array that may begin anywhere: it goes octet by octet.

/** Up to here a plain loop beats TypedArray.set, which needs a view made for it. */
const LOOP_LIMIT_BYTES = 256;

/** A Uint8Array over memory of its own, or a part of some that begins on a word. */
export class WordOctets extends Uint8Array {
  /** The same memory; the last one to three octets of a length that is no multiple of four are not in it. */
  readonly words: Int32Array;

  /** @param byteOffset a multiple of 4, else RangeError */
  constructor(buffer: ArrayBuffer, byteOffset = 0, length = buffer.byteLength - byteOffset) {
    super(buffer, byteOffset, length);
    this.words = new Int32Array(buffer, byteOffset, length >> 2);
  }

  /** `length` octets of new memory, all 0. */
  static ofLength(length: number): WordOctets {
    return new WordOctets(new ArrayBuffer(length));
  }

  /** Views and copies of a part of it are plain ones: they may begin anywhere. */
  static get [Symbol.species](): Uint8ArrayConstructor {
    return Uint8Array;
  }
}

/** The words of an array that has them, else undefined. */
export function wordsOf(bytes: Uint8Array): Int32Array | undefined {
  return (bytes as Partial<WordOctets>).words;
}

/** Copies `count` octets. Within one array the ranges overlap only when they are the same. */
export function copyOctets(
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
  let copied = 0;
  if (fromWords !== undefined && toWords !== undefined && ((fromOffset | toOffset) & 3) === 0) {
    let at = fromOffset >> 2;
    let put = toOffset >> 2;
    for (const end = at + (count >> 2); at < end; ) toWords[put++] = fromWords[at++]!;
    copied = count & ~3;
  }
  for (let i = copied; i < count; i++) to[toOffset + i] = from[fromOffset + i]!;
}

/**
 * How many of the first `count` octets are the same, as far as whole words show: a multiple of 4, 0 where there are none. The octets from
 * there on are for the caller to compare.
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
  while (at < end && aWords[at] === bWords[at + shift]) at++;
  return (at - first) << 2;
}
