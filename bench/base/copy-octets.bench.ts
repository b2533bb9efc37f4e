// A question and an answer's worth of octets, copied from one message's memory to another's: octet by octet, and by words.
import { bench, describe } from 'vitest';
import { copyOctets, WordOctets } from '../../src/base/word-octets.ts';

const FROM_OFFSET = 12;
const TO_OFFSET = 48;

for (const count of [38, 66, 200]) {
  describe(`${count} octets`, () => {
    const octets = [new Uint8Array(4096), new Uint8Array(4096)] as const;
    const words = [WordOctets.ofLength(4096), WordOctets.ofLength(4096)] as const;
    bench('octet by octet', () => {
      for (let i = 0; i < 1000; i++) copyOctets(octets[0], FROM_OFFSET, octets[1], TO_OFFSET, count);
    });
    bench('by words', () => {
      for (let i = 0; i < 1000; i++) copyOctets(words[0], FROM_OFFSET, words[1], TO_OFFSET, count);
    });
    bench('through a view', () => {
      for (let i = 0; i < 1000; i++)
        octets[1].set(octets[0].subarray(FROM_OFFSET, FROM_OFFSET + count), TO_OFFSET);
    });
  });
}
