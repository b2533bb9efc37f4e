import { describe, expect, it } from 'vitest';
import { hashName } from '../../src/wire/name-hash.ts';
import {
  equalBytes,
  equalQuestions,
  KEY_CD,
  KEY_DO,
  KEY_RD,
  KEY_Z,
  matchesSuffix,
  ParsedQuery,
  parseQuery,
  QueryVerdict,
} from '../../src/wire/query.ts';
import {
  bytesOf,
  header,
  inSlot,
  name,
  opt,
  option,
  QNAME_POINTER,
  question,
  record,
  uint16,
} from './build-message.ts';

const RD = 0x0100;

/** Parses the message as it would lie in a receive slot full of an earlier, longer message. */
function parse(message: Uint8Array): { verdict: QueryVerdict; q: ParsedQuery } {
  const q = new ParsedQuery();
  const verdict = parseQuery(inSlot(message, 64, 0), message.length, q);
  const other = parseQuery(inSlot(message, 64, 0xc0), message.length, new ParsedQuery());
  expect(other).toBe(verdict);
  return { verdict, q };
}

const www = bytesOf(header(RD, 1, 0, 0, 0), question('www.example.com', 28));

function nameHashOf(text: string): number {
  const wireName = name(text);
  const out = { nameHash: 0, hasUpperCase: false };
  hashName(wireName, 0, wireName.length, out);
  return out.nameHash;
}

describe('parseQuery: an ordinary query', () => {
  it('says where the question stands', () => {
    const { verdict, q } = parse(www);
    expect(verdict).toBe(QueryVerdict.ok);
    expect(q.id).toBe(0x1234);
    expect(q.flags).toBe(RD);
    expect(q.qnameLength).toBe(17);
    expect(q.questionEnd).toBe(12 + 17 + 4);
    expect(q.qtype).toBe(28);
    expect(q.qclass).toBe(1);
    expect(q.opaque).toBe(false);
    expect(q.hasOpt).toBe(false);
    expect(q.udpSize).toBe(512);
  });

  it('finds labels and the root', () => {
    const { q } = parse(www);
    expect(q.labelCount).toBe(3);
    expect([...q.labelOffsets.slice(0, 4)]).toEqual([12, 16, 24, 28]);
  });

  it('hashes the name as hashName() does', () => {
    const { q } = parse(bytesOf(header(RD, 1, 0, 0, 0), question('wWw.Example.com')));
    expect(q.nameHash).toBe(nameHashOf('www.example.com'));
    expect(q.nameHash).not.toBe(nameHashOf('www.example.con'));
  });

  it('sees upper-case letters', () => {
    expect(parse(www).q.hasUpperCase).toBe(false);
    expect(parse(bytesOf(header(RD, 1, 0, 0, 0), question('www.exAmple.com'))).q.hasUpperCase).toBe(true);
    // Label lengths and bytes beyond ASCII are no letters.
    expect(parse(bytesOf(header(RD, 1, 0, 0, 0), '02 5bc1 00', '00010001')).q.hasUpperCase).toBe(false);
  });

  it('takes the root as a name', () => {
    const { verdict, q } = parse(bytesOf(header(RD, 1, 0, 0, 0), question('', 2)));
    expect(verdict).toBe(QueryVerdict.ok);
    expect(q.qnameLength).toBe(1);
    expect(q.labelCount).toBe(0);
    expect(q.labelOffsets[0]).toBe(12);
    expect(q.nameHash).toBe(nameHashOf(''));
  });

  it('takes a name of 255 bytes and of 127 labels', () => {
    const { verdict, q } = parse(bytesOf(header(RD, 1, 0, 0, 0), question('a.'.repeat(127))));
    expect(verdict).toBe(QueryVerdict.ok);
    expect(q.qnameLength).toBe(255);
    expect(q.labelCount).toBe(127);
    expect(q.nameHash).toBe(nameHashOf('a.'.repeat(127)));
  });

  it('takes a label of 63 bytes, and none of 64', () => {
    const long = 'x'.repeat(63);
    const { verdict, q } = parse(bytesOf(header(RD, 1, 0, 0, 0), question(`${long}.example`)));
    expect(verdict).toBe(QueryVerdict.ok);
    expect(q.labelCount).toBe(2);
    expect(parse(bytesOf(header(RD, 1, 0, 0, 0), question(`${long}x.example`))).verdict).toBe(
      QueryVerdict.badQuestion,
    );
  });

  it('takes any class and type that is a question', () => {
    for (const [qtype, qclass] of [
      [255, 1],
      [65280, 3],
      [1, 255],
      [1, 254],
      [249, 1],
    ] as const) {
      expect(parse(bytesOf(header(0, 1, 0, 0, 0), question('a', qtype, qclass))).verdict).toBe(
        QueryVerdict.ok,
      );
    }
  });

  it('lets bytes after the last record pass', () => {
    const { verdict, q } = parse(bytesOf(www, 'ffffff'));
    expect(verdict).toBe(QueryVerdict.ok);
    expect(q.opaque).toBe(false);
  });
});

describe('parseQuery: keys', () => {
  const keyOf = (...parts: Parameters<typeof bytesOf>) => {
    const { verdict, q } = parse(bytesOf(...parts));
    expect(verdict).toBe(QueryVerdict.ok);
    return q;
  };

  it('is the same for all spellings, IDs and EDNS sizes', () => {
    const plain = keyOf(header(RD, 1, 0, 0, 0), question('www.example'));
    const other = keyOf(header(RD, 1, 0, 0, 1), question('WWW.eXample'), opt(4096));
    other.id = 1;
    expect(other.keyHash).toBe(plain.keyHash);
    expect(other.keyFlags).toBe(KEY_RD);
  });

  it('differs by type, class, RD, CD, Z and DO', () => {
    const hashes = [
      keyOf(header(RD, 1, 0, 0, 0), question('a', 1)),
      keyOf(header(RD, 1, 0, 0, 0), question('a', 28)),
      keyOf(header(RD, 1, 0, 0, 0), question('a', 1, 3)),
      keyOf(header(0, 1, 0, 0, 0), question('a', 1)),
      keyOf(header(RD | 0x10, 1, 0, 0, 0), question('a', 1)),
      keyOf(header(RD | 0x40, 1, 0, 0, 0), question('a', 1)),
      keyOf(header(RD, 1, 0, 0, 1), question('a', 1), opt(1232, { dnssecOk: true })),
      keyOf(header(RD, 1, 0, 0, 0), question('b', 1)),
    ].map((q) => q.keyHash);
    expect(new Set(hashes).size).toBe(hashes.length);
    for (const hash of hashes) expect(hash).toBe(hash | 0);
  });

  it('names the flags it is made of', () => {
    const q = keyOf(header(RD | 0x50, 1, 0, 0, 1), question('a'), opt(1232, { dnssecOk: true }));
    expect(q.keyFlags).toBe(KEY_RD | KEY_CD | KEY_Z | KEY_DO);
  });
});

describe('parseQuery: OPT', () => {
  it('is type 41 alone, and owned by the root', () => {
    for (const type of [40, 42, 0x0129, 0x2900]) {
      const { verdict, q } = parse(
        bytesOf(header(RD, 1, 0, 0, 1), question('a'), record('00', type, 0, bytesOf('0102'))),
      );
      expect([verdict, q.hasOpt, q.opaque]).toEqual([QueryVerdict.ok, false, true]);
    }
  });

  it('reads it behind the question', () => {
    const options = option(65300, bytesOf('0102'));
    const message = bytesOf(header(RD, 1, 0, 0, 1), question('a'), opt(4096, { dnssecOk: true, options }));
    const { verdict, q } = parse(message);
    expect(verdict).toBe(QueryVerdict.ok);
    expect(q.hasOpt).toBe(true);
    expect(q.optOffset).toBe(19);
    expect(q.udpSize).toBe(4096);
    expect(q.dnssecOk).toBe(true);
    expect(q.ednsVersion).toBe(0);
    expect(message.slice(q.optionsOffset, q.optionsOffset + q.optionsLength)).toEqual(options);
    expect(q.opaque).toBe(false);
  });

  it('reads a size under 512 as 512', () => {
    expect(parse(bytesOf(header(0, 1, 0, 0, 1), question('a'), opt(0))).q.udpSize).toBe(512);
  });

  it('finds it behind other records, which make the message opaque', () => {
    const tsigLike = record(name('key'), 250, 0, bytesOf('00'), 255);
    const { verdict, q } = parse(bytesOf(header(0, 1, 0, 0, 2), question('a'), tsigLike, opt(1400)));
    expect(verdict).toBe(QueryVerdict.ok);
    expect(q.opaque).toBe(true);
    expect(q.udpSize).toBe(1400);
    expect(q.optOffset).toBe(19 + tsigLike.length);
  });

  it('finds it before other records', () => {
    const { verdict, q } = parse(
      bytesOf(
        header(0, 1, 0, 0, 2),
        question('a'),
        opt(1400),
        record(name('key'), 250, 0, bytesOf('00'), 255),
      ),
    );
    expect(verdict).toBe(QueryVerdict.ok);
    expect(q.opaque).toBe(true);
    expect(q.udpSize).toBe(1400);
  });

  it('refuses versions it does not speak, and has read the rest by then', () => {
    const { verdict, q } = parse(
      bytesOf(header(RD, 1, 0, 0, 1), question('a'), opt(1400, { version: 1, dnssecOk: true })),
    );
    expect(verdict).toBe(QueryVerdict.badVersion);
    expect(q.ednsVersion).toBe(1);
    expect(q.hasOpt).toBe(true);
    expect(q.udpSize).toBe(1400);
    expect(q.dnssecOk).toBe(true);
    expect(q.questionEnd).toBe(19);
  });

  it.each([
    ['two OPTs', bytesOf(header(0, 1, 0, 0, 2), question('a'), opt(1232), opt(1232))],
    ['OPT as an answer', bytesOf(header(0, 1, 1, 0, 0), question('a'), opt(1232))],
    ['OPT in the authority section', bytesOf(header(0, 1, 0, 1, 0), question('a'), opt(1232))],
    [
      'OPT of a name',
      bytesOf(header(0, 1, 0, 0, 1), question('a'), record(name('b'), 41, 0, bytesOf(), 1232)),
    ],
    [
      'OPT of a pointer',
      bytesOf(header(0, 1, 0, 0, 1), question('a'), record('c00e', 41, 0, bytesOf(), 1232)),
    ],
  ])('refuses %s', (_, message) => {
    const { verdict, q } = parse(message);
    expect(verdict).toBe(QueryVerdict.badOpt);
    expect(q.questionEnd).toBe(19);
  });

  it('does not mistake a name for OPT whose bytes look alike', () => {
    // A label of one zero byte, then one of 41: 00 29 stands where OPT has its type.
    const owner = bytesOf('01 00', 41, new Uint8Array(41), 0);
    const { verdict, q } = parse(
      bytesOf(header(0, 1, 0, 0, 1), question('a'), record(owner, 16, 0, bytesOf('00'))),
    );
    expect(verdict).toBe(QueryVerdict.ok);
    expect([q.hasOpt, q.opaque]).toEqual([false, true]);
  });

  it('refuses two OPTs even when the first has a version it does not speak', () => {
    const message = bytesOf(header(0, 1, 0, 0, 2), question('a'), opt(1232, { version: 9 }), opt(1232));
    expect(parse(message).verdict).toBe(QueryVerdict.badOpt);
  });

  it('refuses one that is cut off', () => {
    const message = bytesOf(
      header(0, 1, 0, 0, 1),
      question('a'),
      opt(1232, { options: option(1, bytesOf('00')) }),
    );
    for (let length = 19; length < message.length; length++) {
      const { verdict, q } = parse(message.slice(0, length));
      expect(verdict).toBe(QueryVerdict.badRecord);
      expect(q.hasOpt).toBe(false);
    }
  });
});

describe('parseQuery: what is no ordinary query', () => {
  it('drops what is shorter than a header', () => {
    for (let length = 0; length < 12; length++) {
      expect(parse(www.slice(0, length)).verdict).toBe(QueryVerdict.tooShort);
    }
  });

  it('drops responses, whatever else they are', () => {
    expect(parse(bytesOf(header(0x8180, 1, 0, 0, 0), question('a'))).verdict).toBe(QueryVerdict.response);
    expect(parse(bytesOf(header(0xa800, 7, 7, 7, 7))).verdict).toBe(QueryVerdict.response);
  });

  it('recognizes other opcodes and does not read the rest', () => {
    for (let opcode = 1; opcode < 16; opcode++) {
      const { verdict, q } = parse(bytesOf(header(opcode << 11, 1, 0, 0, 0), question('a', 6)));
      expect(verdict).toBe(QueryVerdict.opcode);
      expect(q.id).toBe(0x1234);
      expect(q.flags).toBe(opcode << 11);
      expect(q.questionEnd).toBe(0);
    }
  });

  it('takes exactly one question', () => {
    expect(parse(bytesOf(header(0, 0, 0, 0, 0))).verdict).toBe(QueryVerdict.questionCount);
    const two = bytesOf(header(0, 2, 0, 0, 0), question('a'), question('b'));
    expect(parse(two).verdict).toBe(QueryVerdict.questionCount);
    expect(parse(bytesOf(header(0, 256, 0, 0, 0), question('a'))).verdict).toBe(QueryVerdict.questionCount);
  });

  it('refuses a question that is cut off anywhere', () => {
    for (let length = 12; length < www.length; length++) {
      const { verdict, q } = parse(www.slice(0, length));
      expect(verdict).toBe(QueryVerdict.badQuestion);
      expect(q.questionEnd).toBe(0);
    }
  });

  it.each([
    ['a compressed name', bytesOf('c00c', '00010001')],
    ['a name that ends in a pointer', bytesOf('0161', 'c00c', '00010001')],
    ['label type 01', bytesOf('4161', '00', '00010001')],
    ['label type 10', bytesOf('8161', '00', '00010001')],
    ['a name of 256 bytes', bytesOf(name(`${'a.'.repeat(126)}bb`), '00010001')],
    ['a name of 400 bytes', bytesOf(name('abc.'.repeat(100)), '00010001')],
  ])('refuses %s', (_, body) => {
    expect(parse(bytesOf(header(0, 1, 0, 0, 0), body)).verdict).toBe(QueryVerdict.badQuestion);
  });

  it.each([
    ['counts without records', bytesOf(header(0, 1, 0, 0, 1), question('a'))],
    ['counts beyond any message', bytesOf(header(0, 1, 0xffff, 0xffff, 0xffff), question('a'), opt(1232))],
    [
      'RDATA cut off',
      bytesOf(header(0, 1, 1, 0, 0), question('a'), QNAME_POINTER, '0001 0001 00000000 0005', '01020304'),
    ],
    [
      'an owner that points forwards',
      bytesOf(header(0, 1, 1, 0, 0), question('a'), 'c0ff 0001 0001 00000000 0000'),
    ],
    [
      'one record of two',
      bytesOf(header(0, 1, 1, 0, 1), question('a'), record(QNAME_POINTER, 1, 0, bytesOf('01020304'))),
    ],
  ])('refuses %s', (_, message) => {
    const { verdict, q } = parse(message);
    expect(verdict).toBe(QueryVerdict.badRecord);
    expect(q.questionEnd).toBe(19);
  });

  it('refuses transfers and OPT as a question, having read OPT for the answer', () => {
    for (const qtype of [252, 251, 41]) {
      const { verdict, q } = parse(bytesOf(header(0, 1, 0, 0, 1), question('a', qtype), opt(1300)));
      expect(verdict).toBe(QueryVerdict.badType);
      expect(q.hasOpt).toBe(true);
      expect(q.questionEnd).toBe(19);
    }
    expect(
      parse(bytesOf(header(0, 1, 0, 1, 0), question('a', 251), record('00', 6, 0, bytesOf()))).verdict,
    ).toBe(QueryVerdict.badType);
  });

  it.each([
    ['points forwards', 'c0ff'],
    ['points to itself', 'c013'],
    ['has a label of an unknown type', '80'],
    ['never ends', '3f'],
  ])('refuses a record whose owner %s', (_, owner) => {
    const message = bytesOf(header(0, 1, 1, 0, 0), question('a'), record(owner, 1, 0, bytesOf('01020304')));
    expect(parse(message).verdict).toBe(QueryVerdict.badRecord);
  });

  it('passes records it does not know as opaque', () => {
    const { verdict, q } = parse(
      bytesOf(header(0, 1, 1, 0, 0), question('a'), record('00', 65000, 0, bytesOf('01'))),
    );
    expect(verdict).toBe(QueryVerdict.ok);
    expect(q.opaque).toBe(true);
  });

  it('forgets the message before', () => {
    const q = new ParsedQuery();
    const full = bytesOf(
      header(RD, 1, 1, 0, 1),
      question('A.b'),
      record('00', 1, 0, bytesOf()),
      opt(4000, { dnssecOk: true }),
    );
    expect(parseQuery(full, full.length, q)).toBe(QueryVerdict.ok);
    expect(parseQuery(www, 3, q)).toBe(QueryVerdict.tooShort);
    const fresh = new ParsedQuery();
    const { labelOffsets: _a, ...left } = q;
    const { labelOffsets: _b, ...expected } = fresh;
    expect(left).toEqual(expected);
  });
});

describe('comparing questions', () => {
  it('sets case aside in the name only', () => {
    const a = bytesOf(header(0, 1, 0, 0, 0), question('www.example', 0x4141));
    const same = bytesOf(header(RD, 1, 0, 0, 0), question('WWW.Example', 0x4141));
    const otherType = bytesOf(header(0, 1, 0, 0, 0), question('www.example', 0x6161));
    const otherName = bytesOf(header(0, 1, 0, 0, 0), question('www.exampel', 0x4141));
    expect(equalQuestions(a, same, a.length)).toBe(true);
    expect(equalQuestions(a, otherType, a.length)).toBe(false);
    expect(equalQuestions(a, otherName, a.length)).toBe(false);
    // What follows the question is no part of it.
    expect(equalQuestions(bytesOf(a, '01'.repeat(40)), bytesOf(same, '02'.repeat(40)), a.length)).toBe(true);
  });

  it('compares bytes within two buffers', () => {
    expect(equalBytes(bytesOf('00010203'), 1, bytesOf('010203'), 0, 3)).toBe(true);
    expect(equalBytes(bytesOf('00010203'), 1, bytesOf('010204'), 0, 3)).toBe(false);
    expect(equalBytes(bytesOf(), 0, bytesOf(), 0, 0)).toBe(true);
  });

  it('matches a zone at a label', () => {
    const message = bytesOf(header(0, 1, 0, 0, 0), question('a.Cluster.local'));
    const { q } = parse(message);
    expect(matchesSuffix(message, q, 1, name('cluster.local'))).toBe(true);
    expect(matchesSuffix(message, q, 2, name('local'))).toBe(true);
    expect(matchesSuffix(message, q, 3, name(''))).toBe(true);
    expect(matchesSuffix(message, q, 0, name('cluster.local'))).toBe(false);
    expect(matchesSuffix(message, q, 1, name('cluster.loca'))).toBe(false);
    expect(matchesSuffix(message, q, 1, name('clustes.local'))).toBe(false);
    expect(uint16(q.labelOffsets[3]!)).toEqual(uint16(12 + q.qnameLength - 1));
  });
});
