import { describe, expect, it } from 'vitest';
import { writeQuestion, writeUpstreamQuery } from '../../src/wire/build-query.ts';
import { writeOpt } from '../../src/wire/edns.ts';
import { ParsedQuery, parseQuery, QueryVerdict } from '../../src/wire/query.ts';
import { bytesOf, header, name, opt, option, question } from './build-message.ts';

describe('writeUpstreamQuery', () => {
  it('passes question, RD, CD and Z on, and nothing else of the client', () => {
    const source = bytesOf(
      header(0x0350, 1, 0, 0, 1),
      question('wWw.example', 65280, 3),
      opt(4096, { options: option(10, bytesOf('01')) }),
    );
    const q = new ParsedQuery();
    expect(parseQuery(source, source.length, q)).toBe(QueryVerdict.ok);
    const out = new Uint8Array(100).fill(0xee);
    const length = writeUpstreamQuery(out, source, q);
    expect(out.slice(0, length)).toEqual(
      bytesOf('0000', header(0x0170, 1, 0, 0, 0).slice(2), question('wWw.example', 65280, 3)),
    );
    expect(out[length]).toBe(0xee);
  });

  it('takes an OPT behind it', () => {
    const source = bytesOf(header(0, 1, 0, 0, 0), question('a'));
    const out = new Uint8Array(100);
    const end = writeOpt(
      out,
      writeUpstreamQuery(out, source, { flags: 0, questionEnd: source.length }),
      1232,
      0,
      true,
    );
    expect(out.slice(0, end)).toEqual(
      bytesOf('0000', header(0x0020, 1, 0, 0, 1).slice(2), question('a'), opt(1232, { dnssecOk: true })),
    );
  });
});

describe('writeQuestion', () => {
  it('asks for a name of our own', () => {
    const out = new Uint8Array(100).fill(0xee);
    const length = writeQuestion(out, name('probe.test'), 13, 1, 0x0100);
    expect(out.slice(0, length)).toEqual(
      bytesOf('0000', header(0x0100, 1, 0, 0, 0).slice(2), question('probe.test', 13)),
    );
    expect(out[length]).toBe(0xee);
  });
});
