import { describe, expect, it } from 'vitest';
import { describeMessage } from '../../src/wire/describe.ts';
import {
  bytesOf,
  header,
  name,
  opt,
  option,
  QNAME_POINTER,
  question,
  record,
  uint16,
  uint32,
} from './build-message.ts';

const show = (...parts: Parameters<typeof bytesOf>) => {
  const message = bytesOf(...parts);
  return describeMessage(message, message.length);
};

describe('describeMessage', () => {
  it('shows header, question, sections and OPT', () => {
    const options = bytesOf(
      option(15, bytesOf('000e', new TextEncoder().encode('loop "x"'))),
      option(65300, bytesOf('beef')),
    );
    const text = show(
      header(0x81a2, 1, 1, 1, 2),
      question('www.example', 28),
      record(QNAME_POINTER, 5, 60, bytesOf('0162 c010')),
      record(
        'c010',
        6,
        300,
        bytesOf(name('ns'), name('admin'), uint32(1), uint32(2), uint32(3), uint32(4), uint32(5)),
      ),
      record('0162 c010', 28, 60, bytesOf('20010db8', new Uint8Array(11), 1)),
      opt(1232, { dnssecOk: true, options }),
    );
    expect(text.split('\n')).toEqual([
      ';; QUERY, SERVFAIL, id 4660, flags [qr rd ra ad], 149 bytes',
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
    expect(rdata(1, bytesOf('c0000201'))).toBe('. 1 IN A 192.0.2.1');
    expect(rdata(28, new Uint8Array(16))).toBe('. 1 IN AAAA ::');
    expect(rdata(28, bytesOf('00010000000000010000000000000001'))).toBe('. 1 IN AAAA 1:0:0:1::1');
    expect(rdata(28, bytesOf('00010002000300040005000600070000'))).toBe('. 1 IN AAAA 1:2:3:4:5:6:7:0');
    expect(rdata(28, bytesOf('fe800000000000000000000000000000'))).toBe('. 1 IN AAAA fe80::');
    expect(rdata(15, bytesOf(uint16(10), name('mx')))).toBe('. 1 IN MX 10 mx.');
    expect(rdata(33, bytesOf(uint16(1), uint16(2), uint16(53), name('srv')))).toBe('. 1 IN SRV 1 2 53 srv.');
    expect(rdata(16, bytesOf('02 6122', '00', '01 20'), 3)).toBe('. 1 CH TXT "a\\"" "" " "');
    expect(rdata(13, bytesOf('01 63', '01 6f'))).toBe('. 1 IN HINFO "c" "o"');
  });

  it('shows in RFC 3597 form what it does not know, or what is broken', () => {
    const rdata = (type: number, data: Uint8Array, rclass = 1) =>
      show(header(0x8000, 0, 1, 0, 0), record('00', type, 1, data, rclass)).split('\n')[2];
    expect(rdata(65280, bytesOf('0102'))).toBe('. 1 IN TYPE65280 \\# 2 0102');
    expect(rdata(65280, bytesOf(), 77)).toBe('. 1 CLASS77 TYPE65280 \\# 0');
    expect(rdata(1, bytesOf('010203'))).toBe('. 1 IN A \\# 3 010203');
    expect(rdata(1, bytesOf('01020304'), 77)).toBe('. 1 CLASS77 A \\# 4 01020304');
    expect(rdata(5, bytesOf('0561'))).toBe('. 1 IN CNAME \\# 2 0561');
    expect(rdata(16, bytesOf('0561'))).toBe('. 1 IN TXT \\# 2 0561');
    expect(rdata(6, bytesOf('0000 01'))).toBe('. 1 IN SOA \\# 3 000001');
    expect(rdata(65280, new Uint8Array(300))).toBe(`. 1 IN TYPE65280 \\# 300 ${'00'.repeat(256)}…`);
  });

  it('names every flag, and every opcode and RCODE', () => {
    expect(show(header(0x87f0, 0, 0, 0, 0))).toBe(
      ';; QUERY, NOERROR, id 4660, flags [qr aa tc rd ra z ad cd], 12 bytes',
    );
    expect(show(header(0x0100, 0, 0, 0, 0))).toBe(';; QUERY, NOERROR, id 4660, flags [rd], 12 bytes');
    expect(show(header(0x2803, 0, 0, 0, 0))).toBe(';; UPDATE, NXDOMAIN, id 4660, flags [], 12 bytes');
  });

  it('heads each section that there is, and no other', () => {
    const a = record('00', 1, 1, bytesOf('c0000201'));
    const heads = (an: number, ns: number, ar: number) =>
      show(header(0x8000, 0, an, ns, ar), ...Array.from({ length: an + ns + ar }, () => a))
        .split('\n')
        .slice(1)
        .map((line) => (line.startsWith(';;') ? line.slice(3) : 'A'));
    expect(heads(2, 0, 0)).toEqual(['answer', 'A', 'A']);
    expect(heads(0, 1, 1)).toEqual(['authority', 'A', 'additional', 'A']);
    expect(heads(1, 2, 1)).toEqual(['answer', 'A', 'authority', 'A', 'A', 'additional', 'A']);
    expect(heads(0, 0, 1)).toEqual(['additional', 'A']);
    expect(
      show(header(0, 2, 0, 0, 0), question('a'), question('b', 15, 3))
        .split('\n')
        .slice(1),
    ).toEqual([';; question', 'a. IN A', 'b. CH MX']);
  });

  it('shows names and strings only where the RDATA is nothing else', () => {
    const rdata = (type: number, data: Uint8Array, rclass = 1) =>
      show(header(0x8000, 0, 1, 0, 0), record('00', type, 1, data, rclass))
        .split('\n')[2]!
        .replace(/^\. 1 \w+ \w+ /, '');
    for (const type of [2, 5, 12, 39]) {
      expect(rdata(type, name('to.x'))).toBe('to.x.');
      expect(rdata(type, bytesOf(name('a'), 'ff'))).toBe('\\# 4 016100ff');
    }
    expect(rdata(15, bytesOf('000a'))).toBe('\\# 2 000a');
    expect(rdata(15, bytesOf('000a', name('a'), 'ff'))).toBe('\\# 6 000a016100ff');
    expect(rdata(33, bytesOf('000100020003'))).toBe('\\# 6 000100020003');
    expect(rdata(33, bytesOf('000100020003', name('a'), 'ff'))).toBe('\\# 10 000100020003016100ff');
    const numbers = bytesOf(uint32(1), uint32(2), uint32(3), uint32(4));
    expect(rdata(6, bytesOf(name(''), name('b'), numbers, uint32(5)))).toBe('. b. 1 2 3 4 5');
    expect(rdata(6, bytesOf(name(''), name('b'), numbers))).toMatch(/^\\# 20 /);
    expect(rdata(6, bytesOf(name(''), name('b'), numbers, uint32(5), 0))).toMatch(/^\\# 25 /);
    expect(rdata(6, bytesOf(name(''), '41', numbers, uint32(5)))).toMatch(/^\\# 22 /);
    expect(rdata(6, bytesOf('41', name(''), numbers, uint32(5)))).toMatch(/^\\# 22 /);
    expect(rdata(99, bytesOf('026869'))).toBe('"hi"');
    expect(rdata(16, bytesOf('05 61 22 5c 20 07'))).toBe('"a\\"\\\\ \\007"');
    expect(rdata(16, bytesOf())).toBe('\\# 0');
    // In another class the types mean other things.
    expect(rdata(16, bytesOf('0161'), 4)).toBe('\\# 2 0161');
    expect(rdata(28, new Uint8Array(15))).toMatch(/^\\# 15 0{30}$/);
  });

  it('shortens the first longest run of zeros in an IPv6 address (RFC 5952 §4.2)', () => {
    const address = (hex: string) =>
      show(header(0x8000, 0, 1, 0, 0), record('00', 28, 1, bytesOf(hex)))
        .split(' ')
        .at(-1);
    expect(address('00010000000000020000000000030004')).toBe('1::2:0:0:3:4');
    expect(address('00010000000000020000000000000004')).toBe('1:0:0:2::4');
    expect(address('00000000000100020003000400050006')).toBe('::1:2:3:4:5:6');
    expect(address('000a000b000c000d000e000f00000000')).toBe('a:b:c:d:e:f::');
    expect(address('00000001000200030004000500060007')).toBe('0:1:2:3:4:5:6:7');
    expect(address('ABCD0001000200030004000500060007')).toBe('abcd:1:2:3:4:5:6:7');
  });

  it('shows 256 bytes and 64 of a kind whole', () => {
    const line = (type: number, data: Uint8Array) =>
      show(header(0x8000, 0, 1, 0, 0), record('00', type, 1, data)).split('\n')[2];
    const strings = (count: number) => bytesOf(...Array.from({ length: count }, () => '0161'));
    expect(line(16, strings(128))).toMatch(/^\. 1 IN TXT ("a" ?){128}$/);
    expect(line(16, strings(129))).toMatch(/^\. 1 IN TXT \\# 258 (0161){128}…$/);
    expect(line(65280, new Uint8Array(256))).toMatch(/ (00){256}$/);
    expect(line(65280, new Uint8Array(257))).toMatch(/ (00){256}…$/);
    const records = (count: number) =>
      show(
        header(0x8000, 0, count, 0, 0),
        ...Array.from({ length: count }, () => record('00', 1, 1, bytesOf())),
      );
    expect(records(64).split('\n')).toHaveLength(66);
    expect(records(64)).not.toContain('more');
    expect(records(65).split('\n')).toHaveLength(67);
    expect(records(65)).toMatch(/;; 1 more records$/);
    const questions = (count: number) =>
      show(header(0, count, 0, 0, 0), ...Array.from({ length: count }, () => question('a')));
    expect(questions(64).split('\n')).toHaveLength(66);
    expect(questions(65)).toMatch(/;; 1 more questions$/);
    const options = (count: number) =>
      show(
        header(0, 0, 0, 0, 1),
        opt(512, { options: bytesOf(...Array.from({ length: count }, () => option(9, bytesOf('aa')))) }),
      );
    expect(options(64).split('\n')).toHaveLength(67);
    expect(options(64)).toMatch(/option 9: aa$/);
    expect(options(65)).toMatch(/option 9: aa\n; {3}more options$/);
  });

  it('shows EDNS versions, RCODEs beyond 15 and EDEs, cut short where they are long', () => {
    const lines = (fields: Parameters<typeof opt>[1], flags = 0x8000) =>
      show(header(flags, 0, 0, 0, 1), opt(4096, fields))
        .split('\n')
        .slice(2);
    expect(lines({ version: 1, extendedRcode: 1 })).toEqual(['; EDNS 1, udp 4096, BADVERS']);
    expect(lines({ extendedRcode: 1 }, 0x8007)).toEqual(['; EDNS 0, udp 4096, BADCOOKIE']);
    expect(lines({ dnssecOk: true })).toEqual(['; EDNS 0, udp 4096, NOERROR do']);
    const ede = (data: Uint8Array) => lines({ options: option(15, data) })[1];
    expect(ede(bytesOf('0016'))).toBe(';   EDE 22 noReachableAuthority ""');
    expect(ede(bytesOf('03e7', '6120 07'))).toBe(';   EDE 999 EDE999 "a \\007"');
    expect(ede(bytesOf('00'))).toBe(';   option 15: 00');
    expect(ede(bytesOf('0000', new Uint8Array(254).fill(0x61)))).toBe(`;   EDE 0 other "${'a'.repeat(254)}"`);
    expect(ede(bytesOf('0000', new Uint8Array(300).fill(0x61)))).toBe(`;   EDE 0 other "${'a'.repeat(254)}"`);
  });

  it('says where a message breaks', () => {
    const broken = (...parts: Parameters<typeof bytesOf>) =>
      show(...parts)
        .split('\n')
        .slice(1);
    expect(broken(header(0, 1, 0, 0, 0), name('a'), '0001 00')).toEqual([
      ';; question',
      ';; the rest is malformed',
    ]);
    expect(broken(header(0, 1, 0, 0, 0), name('a'), '0001 0001')).toEqual([';; question', 'a. IN A']);
    for (const options of ['00', '0001 00', '0001 0001']) {
      expect(show(header(0, 0, 0, 0, 1), opt(512, { options: bytesOf(options) }))).toMatch(
        /NOERROR\n; {3}malformed options$/,
      );
    }
    expect(show(header(0, 0, 0, 0, 1), opt(512, { options: bytesOf('0001 0000') }))).toMatch(/option 1: $/);
    expect(show('1234')).toBe(';; 2 bytes: shorter than a header');
    expect(show(header(0, 1, 0, 0, 0), 'c00c')).toMatch(/malformed$/);
    expect(
      show(header(0, 1, 1, 0, 0), question('a'), record(QNAME_POINTER, 1, 1, bytesOf('01')).slice(0, 12)),
    ).toMatch(/malformed$/);
    expect(show(header(0, 1, 0, 0, 1), question('a'), opt(512, { options: bytesOf('0001 0005') }))).toMatch(
      /malformed options$/,
    );
    expect(show(header(0, 1, 0, 0, 0), question('a'), 'ffff')).toMatch(/2 bytes after the last record$/);
  });

  it('stays short whatever it is shown', () => {
    const manyRecords = bytesOf(
      header(0, 0, 5000, 0, 0),
      ...Array.from({ length: 5000 }, () => record('00', 16, 1, bytesOf())),
    );
    const records = describeMessage(manyRecords, manyRecords.length);
    expect(records).toMatch(/4936 more records$/);
    expect(records.length).toBeLessThan(10_000);
    const manyQuestions = bytesOf(
      header(0, 9000, 0, 0, 0),
      ...Array.from({ length: 9000 }, () => question('')),
    );
    expect(describeMessage(manyQuestions, manyQuestions.length)).toMatch(/8936 more questions$/);
    const manyOptions = opt(512, {
      options: bytesOf(...Array.from({ length: 9000 }, () => option(9, bytesOf()))),
    });
    const options = show(header(0, 0, 0, 0, 1), manyOptions);
    expect(options).toMatch(/more options$/);
    expect(options.split('\n').length).toBeLessThan(80);
  });
});
