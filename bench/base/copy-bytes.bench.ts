// A question and an answer's worth of bytes, copied from one message's memory to another's: byte by
// byte, and by words.
import { bench, describe } from 'vitest';
import { copyBytes, WordBytes } from '../../src/base/word-bytes.ts';

const FROM_OFFSET = 12;
const TO_OFFSET = 48;

for (const count of [38, 66, 200]) {
  describe(`${count} bytes`, () => {
    const bytes = [new Uint8Array(4096), new Uint8Array(4096)] as const;
    const words = [WordBytes.ofLength(4096), WordBytes.ofLength(4096)] as const;
    bench('byte by byte', () => {
      for (let i = 0; i < 1000; i++) copyBytes(bytes[0], FROM_OFFSET, bytes[1], TO_OFFSET, count);
    });
    bench('by words', () => {
      for (let i = 0; i < 1000; i++) copyBytes(words[0], FROM_OFFSET, words[1], TO_OFFSET, count);
    });
    bench('through a view', () => {
      for (let i = 0; i < 1000; i++)
        bytes[1].set(bytes[0].subarray(FROM_OFFSET, FROM_OFFSET + count), TO_OFFSET);
    });
  });
}
