// Messages in memory that the hot path may take by words, as from a batch socket's slots.
import { WordOctets } from '../../src/base/word-octets.ts';

/** A copy of the octets in memory of its own. */
export function asWords(bytes: Uint8Array): WordOctets {
  const words = WordOctets.ofLength(bytes.length);
  words.set(bytes);
  return words;
}
