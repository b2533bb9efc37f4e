import { describe, expect, it } from 'vitest';
import {
  appendEde,
  appendOption,
  edeOptionLength,
  findOption,
  optionLengthAt,
  writeOpt,
} from '../../src/wire/edns.ts';
import { bytesOf, header, opt, option, question } from './build-message.ts';

const head = bytesOf(header(0x8180, 1, 0, 0, 0), question('a'));
const buffer = () => {
  const bytes = new Uint8Array(200).fill(0xee);
  bytes.set(head);
  return bytes;
};
/** The head with ARCOUNT 1. */
const headWithOpt = bytesOf(header(0x8180, 1, 0, 0, 1), question('a'));

describe('writeOpt', () => {
  it('writes size, upper RCODE bits and DO, and counts itself', () => {
    const bytes = buffer();
    const end = writeOpt(bytes, head.length, 1232, 0x173, true);
    expect(bytes.slice(0, end)).toEqual(
      bytesOf(headWithOpt, opt(1232, { extendedRcode: 0x17, dnssecOk: true })),
    );
    expect(bytes[end]).toBe(0xee);
  });

  it('writes a plain one', () => {
    const bytes = buffer();
    const end = writeOpt(bytes, head.length, 4096, 3, false);
    expect(bytes.slice(0, end)).toEqual(bytesOf(headWithOpt, opt(4096)));
  });
});

describe('appending options', () => {
  it('keeps RDLENGTH in step', () => {
    const bytes = buffer();
    let end = writeOpt(bytes, head.length, 1232, 0, false);
    end = appendOption(bytes, head.length, end, 65300, bytesOf('0102'));
    end = appendEde(bytes, head.length, end, 14, new TextEncoder().encode('loop'));
    end = appendOption(bytes, head.length, end, 12, bytesOf());
    const options = bytesOf(
      option(65300, bytesOf('0102')),
      option(15, bytesOf('000e', new TextEncoder().encode('loop'))),
      option(12, bytesOf()),
    );
    expect(bytes.slice(0, end)).toEqual(bytesOf(headWithOpt, opt(1232, { options })));
    expect(bytes[end]).toBe(0xee);
  });

  it('appends an EDE without text', () => {
    const bytes = buffer();
    const end = writeOpt(bytes, head.length, 1232, 0, false);
    expect(appendEde(bytes, head.length, end, 3, null) - end).toBe(edeOptionLength(null));
    expect(bytes.slice(end, end + 6)).toEqual(bytesOf('000f 0002 0003'));
    expect(edeOptionLength(bytesOf('616263'))).toBe(9);
  });

  it('copies data of any length', () => {
    const bytes = new Uint8Array(2000);
    const data = Uint8Array.from({ length: 1000 }, (_, i) => i);
    const end = appendOption(bytes, 12, 23, 12, data);
    expect(bytes.slice(27, end)).toEqual(data);
  });
});

describe('findOption', () => {
  const options = bytesOf(
    option(10, bytesOf('0102030405060708')),
    option(3, bytesOf()),
    option(65300, bytesOf('aabb')),
    option(65300, bytesOf('cc')),
  );

  it('finds the first with the code', () => {
    expect(findOption(options, 0, options.length, 10)).toBe(4);
    expect(optionLengthAt(options, 4)).toBe(8);
    expect(findOption(options, 0, options.length, 3)).toBe(16);
    expect(optionLengthAt(options, 16)).toBe(0);
    expect(findOption(options, 0, options.length, 65300)).toBe(20);
    expect(optionLengthAt(options, 20)).toBe(2);
  });

  it('finds an option without data that is the last', () => {
    const last = bytesOf(option(10, bytesOf('01')), option(11, bytesOf()));
    expect(findOption(last, 0, last.length, 11)).toBe(last.length);
    expect(findOption(bytesOf(last, '000b 0000'), 0, last.length - 4, 11)).toBe(-1);
  });

  it('finds nothing that is not there', () => {
    expect(findOption(options, 0, options.length, 11)).toBe(-1);
    expect(findOption(options, 0, 0, 10)).toBe(-1);
    expect(findOption(bytesOf('ff', options), 1, options.length, 0x00ff)).toBe(-1);
  });

  it('gives up where the options break, and never looks past their end', () => {
    for (let length = 0; length < 12; length++) expect(findOption(options, 0, length, 10)).toBe(-1);
    expect(findOption(options, 0, 15, 3)).toBe(-1);
    expect(findOption(bytesOf('000a ffff', option(3, bytesOf())), 0, 8, 3)).toBe(-1);
    // What was sound before the break is still found.
    expect(findOption(bytesOf(option(3, bytesOf('01')), '000a ffff'), 0, 9, 3)).toBe(4);
  });
});
