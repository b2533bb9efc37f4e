// Messages in memory that the hot path may take by words, as from a batch socket's slots.
import { WordBytes } from '../../src/base/word-bytes.ts';

/** A copy of the bytes in memory of its own. */
export function asWords(bytes: Uint8Array): WordBytes {
  const words = WordBytes.ofLength(bytes.length);
  words.set(bytes);
  return words;
}
