import { describe, expect, it } from 'vitest';
import { Rcode } from '../../src/wire/codes.ts';
import { ede } from '../../src/wire/ede.ts';
import { ParsedQuery, parseQuery, QueryVerdict } from '../../src/wire/query.ts';
import { SERVER_UDP_SIZE, writeErrorReply, writeTruncatedReply } from '../../src/wire/reply.ts';
import { bytesOf, header, opt, option, question, record } from './build-message.ts';

const RD = 0x0100;
const RD_CD = 0x0110;
const text = new TextEncoder().encode('forwarding loop');

function parse(query: Uint8Array): ParsedQuery {
  const q = new ParsedQuery();
  parseQuery(query, query.length, q);
  return q;
}

/** The error reply, made in another buffer and in the query's own: both are the same. */
function reply(
  query: Uint8Array,
  rcode: number,
  edeCode = -1,
  edeText: Uint8Array | null = null,
): Uint8Array {
  const out = new Uint8Array(1024).fill(0xee);
  const reason = ede(edeCode, edeText);
  const written = out.slice(0, writeErrorReply(query, parse(query), out, rcode, reason));
  const same = new Uint8Array(1024).fill(0xee);
  same.set(query);
  expect(same.slice(0, writeErrorReply(same, parse(query), same, rcode, reason))).toEqual(written);
  return written;
}

const plain = bytesOf(header(RD, 1, 0, 0, 0), question('wWw.Example'));
const edns = bytesOf(
  header(RD_CD | 0x60, 1, 0, 0, 1),
  question('www.example'),
  opt(4096, { dnssecOk: true, options: option(10, bytesOf('01')) }),
);

describe('writeErrorReply', () => {
  it('repeats the question in the client’s own letter case', () => {
    expect(reply(plain, Rcode.SERVFAIL)).toEqual(
      bytesOf(header(0x8182, 1, 0, 0, 0), question('wWw.Example')),
    );
  });

  it('keeps RD and CD, not AD and Z', () => {
    expect(reply(edns, Rcode.REFUSED)).toEqual(
      bytesOf(header(0x8195, 1, 0, 0, 1), question('www.example'), opt(SERVER_UDP_SIZE, { dnssecOk: true })),
    );
  });

  it('says why where the query had OPT', () => {
    const options = option(15, bytesOf('000e', text));
    expect(reply(edns, Rcode.SERVFAIL, 14, text)).toEqual(
      bytesOf(header(0x8192, 1, 0, 0, 1), question('www.example'), opt(1232, { dnssecOk: true, options })),
    );
    expect(reply(plain, Rcode.SERVFAIL, 14, text)).toEqual(reply(plain, Rcode.SERVFAIL));
  });

  it('gives an EDE code without text', () => {
    const options = option(15, bytesOf('0000'));
    expect(reply(edns, Rcode.REFUSED, 0, null).slice(-6)).toEqual(options);
  });

  it('drops the EDE that would pass the size the client takes', () => {
    const small = bytesOf(header(RD, 1, 0, 0, 1), question('a'), opt(512));
    const room = 512 - (19 + 11 + 6);
    expect(reply(small, 2, 14, new Uint8Array(room)).length).toBe(512);
    expect(reply(small, 2, 14, new Uint8Array(room + 1))).toEqual(reply(small, 2));
  });

  it('gives a second code as an option of its own, where it fits', () => {
    const q = new ParsedQuery();
    const ask = (query: Uint8Array, text: Uint8Array | null) => {
      parseQuery(query, query.length, q);
      const out = new Uint8Array(512);
      return out.slice(0, writeErrorReply(query, q, out, 2, { code: 13, text, also: 22 }));
    };
    const both = bytesOf(option(15, bytesOf('000d')), option(15, bytesOf('0016')));
    expect(ask(edns, null).slice(-12)).toEqual(both);
    const small = bytesOf(header(RD, 1, 0, 0, 1), question('a'), opt(512));
    const room = 512 - (19 + 11 + 6);
    expect(ask(small, new Uint8Array(room)).length).toBe(512);
    expect(ask(small, new Uint8Array(room - 6)).slice(-6)).toEqual(option(15, bytesOf('0016')));
  });

  it('splits BADVERS over header and OPT', () => {
    const query = bytesOf(header(RD, 1, 0, 0, 1), question('a'), opt(1232, { version: 1 }));
    expect(reply(query, Rcode.BADVERS)).toEqual(
      bytesOf(header(0x8180, 1, 0, 0, 1), question('a'), opt(1232, { extendedRcode: 1 })),
    );
  });

  it('never passes an RCODE that needs OPT for NOERROR', () => {
    expect(reply(plain, Rcode.BADVERS)).toEqual(reply(plain, Rcode.SERVFAIL));
  });

  it('answers other opcodes with a header, and no word on recursion', () => {
    expect(reply(bytesOf(header(5 << 11, 1, 0, 0, 0), question('a', 6)), Rcode.NOTIMP)).toEqual(
      bytesOf(header(0xa804, 0, 0, 0, 0)),
    );
  });

  it('keeps CD in answers to QUERY only: to other opcodes the bit says nothing (RFC 4035 §3.2.2)', () => {
    const flags = (opcode: number) => (opcode << 11) | RD_CD;
    for (const opcode of [1, 2, 4, 5, 6, 15]) {
      const query = bytesOf(header(flags(opcode), 1, 0, 0, 0), question('a'));
      expect(reply(query, Rcode.NOTIMP)).toEqual(bytesOf(header(0x8104 | (opcode << 11), 0, 0, 0, 0)));
    }
    const transfer = bytesOf(header(flags(0), 1, 0, 0, 0), question('a', 252));
    expect(reply(transfer, Rcode.NOTIMP).slice(2, 4)).toEqual(bytesOf('8194'));
  });

  it('answers an unreadable question with a header', () => {
    expect(reply(bytesOf(header(RD, 1, 0, 0, 0), 'c00c 0001 0001'), Rcode.FORMERR)).toEqual(
      bytesOf(header(0x8181, 0, 0, 0, 0)),
    );
  });

  it('repeats a readable question before broken records', () => {
    expect(reply(bytesOf(plain.slice(0, 4), '0001 0001 0000 0000', plain.slice(12)), Rcode.FORMERR)).toEqual(
      bytesOf(header(0x8181, 1, 0, 0, 0), question('wWw.Example')),
    );
  });

  it('is no longer than the query, except for OPT and EDE', () => {
    const queries = [
      plain,
      edns,
      bytesOf(header(0, 1, 0, 0, 0), question('')),
      bytesOf(header(0, 0, 0, 0, 0)),
      bytesOf(header(0x2800, 1, 1, 1, 1), question('a')),
      bytesOf(header(0, 1, 1, 0, 0), question('a'), record('00', 1, 1, bytesOf('01020304'))),
      bytesOf(header(0, 1, 0, 0, 1), question('a'), opt(1232)),
    ];
    for (const query of queries) {
      expect(reply(query, Rcode.SERVFAIL).length).toBeLessThanOrEqual(query.length);
      expect(reply(query, Rcode.SERVFAIL, 14, text).length).toBeLessThanOrEqual(
        query.length + 6 + text.length,
      );
    }
  });
});

describe('writeTruncatedReply', () => {
  const truncated = (query: Uint8Array) => {
    const out = new Uint8Array(512).fill(0xee);
    return out.slice(0, writeTruncatedReply(query, parse(query), out));
  };

  it('has TC, the question and no records', () => {
    expect(truncated(plain)).toEqual(bytesOf(header(0x8380, 1, 0, 0, 0), question('wWw.Example')));
  });

  it('is no longer than the query, OPT included', () => {
    const bare = bytesOf(header(RD, 1, 0, 0, 1), question('a'), opt(1232));
    for (const query of [plain, bare, edns]) {
      expect(truncated(query).length).toBeLessThanOrEqual(query.length);
    }
    expect(truncated(edns)).toEqual(
      bytesOf(header(0x8390, 1, 0, 0, 1), question('www.example'), opt(1232, { dnssecOk: true })),
    );
  });

  it('parses as a response, never as a query', () => {
    const bytes = truncated(plain);
    expect(parseQuery(bytes, bytes.length, new ParsedQuery())).toBe(QueryVerdict.response);
  });
});
