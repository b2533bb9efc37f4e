import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nameToText, textToName, UNREADABLE_NAME } from '../../src/wire/text.ts';
import { bytesOf, name } from './build-message.ts';

describe('nameToText', () => {
  it('writes absolute names', () => {
    expect(nameToText(name('www.Example'), 0)).toBe('www.Example.');
    expect(nameToText(Uint8Array.of(0), 0)).toBe('.');
  });

  it('escapes what would read otherwise', () => {
    // a . b, space, \, @, ä in UTF-8, DEL
    expect(nameToText(bytesOf('09', '612e62 20 5c 40 c3a4 7f', '00'), 0)).toBe(
      'a\\.b\\032\\\\\\@\\195\\164\\127.',
    );
  });

  it('escapes what means something in a zone file, and nothing else that can be printed', () => {
    const texts = Array.from({ length: 256 }, (_, byte) => nameToText(Uint8Array.of(1, byte, 0), 0));
    for (const [byte, text] of texts.entries()) {
      const character = String.fromCharCode(byte);
      if (byte < 0x21 || byte > 0x7e) expect(text).toBe(`\\${String(byte).padStart(3, '0')}.`);
      else expect(text).toBe('"$().;@\\'.includes(character) ? `\\${character}.` : `${character}.`);
    }
  });

  it('follows compression', () => {
    expect(nameToText(bytesOf(new Uint8Array(12), name('example'), '0161 c00c'), 21)).toBe('a.example.');
  });

  it('says so when there is no name', () => {
    expect(nameToText(bytesOf('0361'), 0)).toBe(UNREADABLE_NAME);
    expect(nameToText(bytesOf('c000'), 0)).toBe(UNREADABLE_NAME);
    expect(nameToText(name('a'), 0, 2)).toBe(UNREADABLE_NAME);
    expect(nameToText(name('a'), 99)).toBe(UNREADABLE_NAME);
  });
});

describe('textToName', () => {
  it('takes names with and without the last dot, case kept', () => {
    expect(textToName('www.Example')).toEqual(name('www.Example'));
    expect(textToName('www.Example.')).toEqual(name('www.Example'));
    expect(textToName('.')).toEqual(Uint8Array.of(0));
  });

  it('reads escapes', () => {
    expect(textToName('a\\.b.c')).toEqual(bytesOf('03 612e62', '01 63', 0));
    expect(textToName('\\000\\255\\032x\\\\')).toEqual(bytesOf('05 00ff20785c', 0));
  });

  it.each([
    ['an empty text', ''],
    ['an empty label', 'a..b'],
    ['a dot in front', '.a'],
    ['two dots', '..'],
    ['a label of 64 bytes', 'a'.repeat(64)],
    ['a name over 255 bytes', `${`${'a'.repeat(62)}.`.repeat(4)}ab`],
    ['an escape over 255', 'a\\256'],
    ['an escape of one digit', 'a\\1'],
    ['an escape of two digits', 'a\\12b'],
    ['an escape of nothing', 'a\\'],
    ['a space', 'a b'],
    ['a character beyond ASCII', 'ä.example'],
    ['an escaped character beyond ASCII', '\\ä'],
    ['a newline', 'a\n'],
  ])('refuses %s', (_, text) => {
    expect(() => textToName(text)).toThrow(RangeError);
  });

  it.each([
    ['', '"" has an empty label'],
    ['a..b', '"a..b" has an empty label'],
    ['a'.repeat(64), `"${'a'.repeat(64)}" has a label over 63 bytes`],
    ['a\\256', '"a\\256" has a broken escape'],
    ['a\\ b', '"a\\ b" has a broken escape'],
    ['a b', '"a b" has a character that a name cannot hold unescaped'],
    ['a\x7f', '"a\x7f" has a character that a name cannot hold unescaped'],
  ])('says what is wrong with %j', (text, message) => {
    expect(() => textToName(text)).toThrow(new RangeError(message));
  });

  it('says that a name is too long', () => {
    expect(() => textToName(`${`${'a'.repeat(62)}.`.repeat(4)}ab`)).toThrow(/" is over 255 bytes$/);
  });

  it('takes every printable character, and escaped every one that is no digit', () => {
    for (let code = 0x21; code <= 0x7e; code++) {
      const character = String.fromCharCode(code);
      if (character !== '.' && character !== '\\') {
        expect(textToName(`a${character}b`)).toEqual(Uint8Array.of(3, 0x61, code, 0x62, 0));
      }
      const isDigit = code >= 0x30 && code <= 0x39;
      if (isDigit) expect(() => textToName(`a\\${character}b`)).toThrow(RangeError);
      else expect(textToName(`a\\${character}b`)).toEqual(Uint8Array.of(3, 0x61, code, 0x62, 0));
    }
    expect(textToName('\\0655')).toEqual(Uint8Array.of(2, 65, 0x35, 0));
  });

  it('takes the longest label and name', () => {
    expect(textToName('a'.repeat(63)).length).toBe(65);
    expect(textToName(`${`${'a'.repeat(62)}.`.repeat(4)}a`).length).toBe(255);
  });

  it('reads back every name that nameToText() writes', () => {
    const labels = fc.array(fc.uint8Array({ minLength: 1, maxLength: 63 }), { maxLength: 3 });
    fc.assert(
      fc.property(labels, (parts) => {
        const wire = bytesOf(...parts.flatMap((label) => [label.length, label]), 0);
        expect(textToName(nameToText(wire, 0))).toEqual(wire);
      }),
    );
  });
});
