import { describe, expect, it } from 'vitest';
import { describeMessage } from '../../src/wire/describe.ts';
import {
  header,
  name,
  octets,
  opt,
  option,
  QNAME_POINTER,
  question,
  record,
  uint16,
  uint32,
} from './build-message.ts';

const show = (...parts: Parameters<typeof octets>) => {
  const message = octets(...parts);
  return describeMessage(message, message.length);
};

describe('describeMessage', () => {
  it('shows header, question, sections and OPT', () => {
    const options = octets(
      option(15, octets('000e', new TextEncoder().encode('loop "x"'))),
      option(65300, octets('beef')),
    );
    const text = show(
      header(0x81a2, 1, 1, 1, 2),
      question('www.example', 28),
      record(QNAME_POINTER, 5, 60, octets('0162 c010')),
      record(
        'c010',
        6,
        300,
        octets(name('ns'), name('admin'), uint32(1), uint32(2), uint32(3), uint32(4), uint32(5)),
      ),
      record('0162 c010', 28, 60, octets('20010db8', new Uint8Array(11), 1)),
      opt(1232, { dnssecOk: true, options }),
    );
    expect(text.split('\n')).toEqual([
      ';; QUERY, SERVFAIL, id 4660, flags [qr rd ra ad], 149 octets',
      ';; question',
      'www.example. IN AAAA',
      ';; answer',
      'www.example. 60 IN CNAME b.example.',
      ';; authority',
      'example. 300 IN SOA ns. admin. 1 2 3 4 5',
      ';; additional',
      'b.example. 60 IN AAAA 2001:db8::1',
      '; EDNS 0, udp 1232, SERVFAIL do',
      ';   EDE 14 notReady "loop \\"x\\""',
      ';   option 65300: beef',
    ]);
  });

  it('shows the types it knows in their own form', () => {
    const rdata = (type: number, data: Uint8Array, rclass = 1) =>
      show(header(0x8000, 0, 1, 0, 0), record('00', type, 1, data, rclass)).split('\n')[2];
    expect(rdata(1, octets('c0000201'))).toBe('. 1 IN A 192.0.2.1');
    expect(rdata(28, new Uint8Array(16))).toBe('. 1 IN AAAA ::');
    expect(rdata(28, octets('00010000000000010000000000000001'))).toBe('. 1 IN AAAA 1:0:0:1::1');
    expect(rdata(28, octets('00010002000300040005000600070000'))).toBe('. 1 IN AAAA 1:2:3:4:5:6:7:0');
    expect(rdata(28, octets('fe800000000000000000000000000000'))).toBe('. 1 IN AAAA fe80::');
    expect(rdata(15, octets(uint16(10), name('mx')))).toBe('. 1 IN MX 10 mx.');
    expect(rdata(33, octets(uint16(1), uint16(2), uint16(53), name('srv')))).toBe('. 1 IN SRV 1 2 53 srv.');
    expect(rdata(16, octets('02 6122', '00', '01 20'), 3)).toBe('. 1 CH TXT "a\\"" "" " "');
    expect(rdata(13, octets('01 63', '01 6f'))).toBe('. 1 IN HINFO "c" "o"');
  });

  it('shows in RFC 3597 form what it does not know, or what is broken', () => {
    const rdata = (type: number, data: Uint8Array, rclass = 1) =>
      show(header(0x8000, 0, 1, 0, 0), record('00', type, 1, data, rclass)).split('\n')[2];
    expect(rdata(65280, octets('0102'))).toBe('. 1 IN TYPE65280 \\# 2 0102');
    expect(rdata(65280, octets(), 77)).toBe('. 1 CLASS77 TYPE65280 \\# 0');
    expect(rdata(1, octets('010203'))).toBe('. 1 IN A \\# 3 010203');
    expect(rdata(1, octets('01020304'), 77)).toBe('. 1 CLASS77 A \\# 4 01020304');
    expect(rdata(5, octets('0561'))).toBe('. 1 IN CNAME \\# 2 0561');
    expect(rdata(16, octets('0561'))).toBe('. 1 IN TXT \\# 2 0561');
    expect(rdata(6, octets('0000 01'))).toBe('. 1 IN SOA \\# 3 000001');
    expect(rdata(65280, new Uint8Array(300))).toBe(`. 1 IN TYPE65280 \\# 300 ${'00'.repeat(256)}…`);
  });

  it('says where a message breaks', () => {
    expect(show('1234')).toBe(';; 2 octets: shorter than a header');
    expect(show(header(0, 1, 0, 0, 0), 'c00c')).toMatch(/malformed$/);
    expect(
      show(header(0, 1, 1, 0, 0), question('a'), record(QNAME_POINTER, 1, 1, octets('01')).slice(0, 12)),
    ).toMatch(/malformed$/);
    expect(show(header(0, 1, 0, 0, 1), question('a'), opt(512, { options: octets('0001 0005') }))).toMatch(
      /malformed options$/,
    );
    expect(show(header(0, 1, 0, 0, 0), question('a'), 'ffff')).toMatch(/2 octets after the last record$/);
  });

  it('stays short whatever it is shown', () => {
    const manyRecords = octets(
      header(0, 0, 5000, 0, 0),
      ...Array.from({ length: 5000 }, () => record('00', 16, 1, octets())),
    );
    const records = describeMessage(manyRecords, manyRecords.length);
    expect(records).toMatch(/4936 more records$/);
    expect(records.length).toBeLessThan(10_000);
    const manyQuestions = octets(
      header(0, 9000, 0, 0, 0),
      ...Array.from({ length: 9000 }, () => question('')),
    );
    expect(describeMessage(manyQuestions, manyQuestions.length)).toMatch(/8936 more questions$/);
    const manyOptions = opt(512, {
      options: octets(...Array.from({ length: 9000 }, () => option(9, octets()))),
    });
    const options = show(header(0, 0, 0, 0, 1), manyOptions);
    expect(options).toMatch(/more options$/);
    expect(options.split('\n').length).toBeLessThan(80);
  });
});
