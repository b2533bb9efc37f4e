// Names at any offset of any bytes: found sound or not in a bounded walk, the same expanded, as
// text, and read back.
import { equalNamesFolded, expandName, MAX_NAME_LENGTH, skipName } from '../../../src/wire/name.ts';
import { nameToText, textToName, UNREADABLE_NAME } from '../../../src/wire/text.ts';
import { check, type FuzzTarget } from '../target.ts';

const expanded = new Uint8Array(MAX_NAME_LENGTH);

export const name: FuzzTarget = {
  name: 'name',
  maxLength: 280,
  run(input) {
    const { length } = input;
    let pointers = 0;
    let sound = 0;
    let longest = 0;
    for (let offset = Math.min(12, length); offset < length; offset++) {
      const end = skipName(input, length, offset);
      const nameLength = expandName(input, length, offset, expanded);
      check(end < 0 === nameLength < 0, 'skipName and expandName differ');
      const text = nameToText(input, offset);
      if (end < 0) {
        check(text === UNREADABLE_NAME, 'a broken name has a text');
        continue;
      }
      check(end > offset && end <= length, 'the end leaves the message');
      check(nameLength >= 1 && nameLength <= MAX_NAME_LENGTH, 'the length of the name');
      check(skipName(expanded, nameLength, 0) === nameLength, 'the expanded name is none');
      const again = textToName(text);
      check(
        again.length === nameLength && equalNamesFolded(again, 0, expanded, 0, nameLength),
        'the text is another name',
      );
      sound++;
      if (end - offset < nameLength) pointers++;
      longest = Math.max(longest, nameLength);
    }
    return Math.min(sound, 15) | (Math.min(pointers, 15) << 4) | ((longest >> 4) << 8);
  },
};
