import { describe, expect, it } from 'vitest';
import { cutForeignRecords } from '../../src/wire/foreign-records.ts';
import {
  MAX_TTL_OFFSETS,
  ScannedResponse,
  ScanVerdict,
  scanResponse,
  stripOpt,
} from '../../src/wire/response.ts';
import { rounds } from '../kit/rounds.ts';
import { bytesOf, header, name, opt, QNAME_POINTER, question, record, toHex } from './build-message.ts';

const A = 1;
const NS = 2;
const CNAME = 5;
const SOA = 6;
const AAAA = 28;
const DNAME = 39;
const DS = 43;
const RRSIG = 46;
const NSEC = 47;
const ANY = 255;
const ADDRESS = bytesOf('c0000201');
const BAD = bytesOf('cb007142');
const QNAME = 'www.shop.example';

interface Sections {
  readonly answers: readonly Uint8Array[];
  readonly authorities?: readonly Uint8Array[];
  readonly additionals?: readonly Uint8Array[];
  readonly qtype?: number;
  readonly withOpt?: boolean;
}

/** How many records are left of each section, and how long the message is then. */
function cutCounts(sections: Sections): [answers: number, authorities: number, additionals: number] {
  const { bytes, end } = cutMessage(sections);
  const view = new DataView(bytes.buffer);
  // What is left is a message: it can be read to its very end.
  const again = new ScannedResponse();
  expect(scanResponse(bytes, end, again)).toBe(0);
  expect(again.endOffset).toBe(end);
  return [view.getUint16(6), view.getUint16(8), view.getUint16(10)];
}

function cutMessage(sections: Sections): { bytes: Uint8Array; end: number; scanned: ScannedResponse } {
  const { answers, authorities = [], additionals = [], qtype = A, withOpt = true } = sections;
  const extra = withOpt ? [opt(1232)] : [];
  const bytes = bytesOf(
    header(0x8180, 1, answers.length, authorities.length, additionals.length + extra.length),
    question(QNAME, qtype),
    ...answers,
    ...authorities,
    ...additionals,
    ...extra,
  );
  const scanned = new ScannedResponse();
  expect(scanResponse(bytes, bytes.length, scanned)).toBe(0);
  cutForeignRecords(bytes, bytes.length, scanned);
  return { bytes, end: stripOpt(bytes, bytes.length, scanned), scanned };
}

const own = record(QNAME_POINTER, A, 300, ADDRESS);
const foreign = record(name('bank.example'), A, 60, BAD);

/** QNAME ▶ n1.test ▶ n2.test …, so many aliases. */
function chain(length: number): Uint8Array[] {
  return Array.from({ length }, (_, i) =>
    record(i === 0 ? QNAME_POINTER : name(`n${i}.test`), CNAME, 1, name(`n${i + 1}.test`)),
  );
}

describe('cutForeignRecords leaves alone', () => {
  it.each<[string, Sections, [number, number, number]]>([
    ['an answer', { answers: [own, own] }, [2, 0, 0]],
    [
      '… whose owner is spelt out, in another case',
      { answers: [record(name('WWW.shop.EXAMPLE'), A, 1, ADDRESS)] },
      [1, 0, 0],
    ],
    [
      'a chain of aliases, with signatures in any place',
      {
        answers: [
          record(QNAME_POINTER, CNAME, 300, name('a.cdn.example')),
          record(QNAME_POINTER, RRSIG, 300, ADDRESS),
          record(name('a.cdn.example'), CNAME, 300, name('b.cdn.example')),
          record(name('B.cdn.example'), A, 300, ADDRESS),
          record(name('a.cdn.example'), RRSIG, 300, ADDRESS),
          record(name('b.cdn.example'), RRSIG, 300, ADDRESS),
        ],
      },
      [6, 0, 0],
    ],
    [
      'a DNAME above, its signature, and the alias made of it',
      {
        answers: [
          record(name('example'), DNAME, 300, name('test')),
          record(name('example'), RRSIG, 300, ADDRESS),
          record(QNAME_POINTER, CNAME, 300, name('www.shop.test')),
          record(name('www.shop.test'), A, 300, ADDRESS),
        ],
      },
      [4, 0, 0],
    ],
    [
      'the authority of the name, of its target, and proofs',
      {
        answers: [
          record(QNAME_POINTER, CNAME, 300, name('a.cdn.test')),
          record(name('a.cdn.test'), A, 300, ADDRESS),
        ],
        authorities: [
          record(name('shop.example'), NS, 300, name('ns.other.test')),
          record(name('cdn.test'), NS, 300, name('ns.other.test')),
          record('00', NS, 300, name('root')),
          record(name('test'), SOA, 300, bytesOf(name('ns'), name('me'), new Uint8Array(20))),
          record(QNAME_POINTER, DS, 300, ADDRESS),
          record(name('aaa.shop.example'), NSEC, 300, ADDRESS),
        ],
        additionals: [record(name('ns.other.test'), A, 300, ADDRESS)],
      },
      [2, 6, 1],
    ],
    [
      'an answer of any type to ANY',
      { answers: [own, record(QNAME_POINTER, AAAA, 1, ADDRESS)], qtype: ANY },
      [2, 0, 0],
    ],
    ['a reply without any answer of its own', { answers: [foreign, own] }, [2, 0, 0]],
    [
      'an alias whose target is not named as it is',
      { answers: [record(QNAME_POINTER, CNAME, 1, name('x.test')), foreign] },
      [2, 0, 0],
    ],
    [
      'a reply without answers',
      { answers: [], authorities: [record(name('bank.example'), NS, 300, name('ns.bad.test'))] },
      [0, 1, 0],
    ],
    [
      'more owners than are compared',
      {
        answers: [
          own,
          ...Array.from({ length: 64 }, () => record(name(QNAME), A, 1, ADDRESS)),
          record(name(QNAME), A, 1, ADDRESS),
          foreign,
        ],
      },
      [67, 0, 0],
    ],
    [
      'more authority than is compared',
      {
        answers: [own],
        authorities: [
          ...Array.from({ length: 64 }, () => record(name('example'), NS, 1, name('ns'))),
          record(name('bank.example'), NS, 1, name('ns')),
        ],
      },
      [1, 65, 0],
    ],
    [
      'a chain too long to follow',
      { answers: [own, ...chain(17), record(name('n17.test'), A, 1, ADDRESS), foreign] },
      [20, 0, 0],
    ],
  ])('%s', (_, sections, counts) => {
    expect(cutCounts(sections)).toEqual(counts);
    expect(cutCounts({ ...sections, withOpt: false })).toEqual(counts);
  });
});

describe('cutForeignRecords takes away', () => {
  it.each<[string, Sections, [number, number, number]]>([
    ['an answer for another name', { answers: [own, foreign] }, [1, 0, 0]],
    [
      '… whatever was asked for',
      { answers: [record(QNAME_POINTER, AAAA, 1, ADDRESS), foreign], qtype: AAAA },
      [1, 0, 0],
    ],
    ['… also where anything was asked for', { answers: [own, foreign], qtype: ANY }, [1, 0, 0]],
    [
      '… and all that follows it',
      { answers: [own, foreign, own], authorities: [foreign], additionals: [own] },
      [1, 0, 0],
    ],
    [
      'an answer behind many by the same pointer',
      {
        answers: [
          record(QNAME_POINTER, CNAME, 1, name('a.test')),
          // Behind the header, the question (22) and the alias' fixed part (12).
          ...Array.from({ length: 200 }, () => record('c02e', A, 1, ADDRESS)),
          foreign,
        ],
      },
      [201, 0, 0],
    ],
    [
      'an answer at a name that only a signature may have',
      { answers: [own, record('c010', RRSIG, 1, ADDRESS), record('c010', A, 1, BAD)] },
      [2, 0, 0],
    ],
    [
      'an answer for a name below',
      { answers: [own, record(bytesOf('0161', QNAME_POINTER), A, 1, BAD)] },
      [1, 0, 0],
    ],
    ['an answer for a name above', { answers: [own, record('c010', A, 1, BAD)] }, [1, 0, 0]],
    [
      'an answer for a name that only ends alike',
      { answers: [own, record(name('ww.shop.example'), A, 1, BAD)] },
      [1, 0, 0],
    ],
    [
      'a DNAME of a sibling',
      { answers: [own, record(name('hop.example'), DNAME, 1, name('x.test'))] },
      [1, 0, 0],
    ],
    [
      'a delegation of another zone',
      { answers: [own], authorities: [record(name('bank.example'), NS, 1, name('ns.bad.test'))] },
      [1, 0, 0],
    ],
    [
      'a delegation of a name below',
      { answers: [own], authorities: [record(name('a.www.shop.example'), NS, 1, name('ns'))] },
      [1, 0, 0],
    ],
    [
      'the SOA of another zone',
      {
        answers: [own],
        authorities: [
          record(name('bank.example'), SOA, 1, bytesOf(name('n'), name('m'), new Uint8Array(20))),
        ],
      },
      [1, 0, 0],
    ],
    [
      'DS for another zone',
      { answers: [own], authorities: [record(name('bank.example'), DS, 1, ADDRESS)] },
      [1, 0, 0],
    ],
    [
      'addresses as authority',
      {
        answers: [own],
        authorities: [record(name('shop.example'), NS, 1, name('ns')), record(QNAME_POINTER, AAAA, 1, BAD)],
      },
      [1, 0, 0],
    ],
    [
      'an alias as authority',
      {
        answers: [own],
        authorities: [record(QNAME_POINTER, CNAME, 1, name('bad.test'))],
        additionals: [foreign],
      },
      [1, 0, 0],
    ],
    [
      'the last one that is compared',
      { answers: [own, ...Array.from({ length: 63 }, () => record(name(QNAME), A, 1, ADDRESS)), foreign] },
      [64, 0, 0],
    ],
    [
      'what stands behind a DNAME and the alias made of it',
      {
        answers: [
          record(name('example'), DNAME, 300, name('test')),
          record(QNAME_POINTER, CNAME, 300, name('www.shop.test')),
          record(name('www.shop.test'), A, 300, ADDRESS),
          foreign,
        ],
      },
      [3, 0, 0],
    ],
    [
      'what stands behind the longest chain that is followed',
      { answers: [own, ...chain(16), record(name('n16.test'), A, 1, ADDRESS), foreign] },
      [18, 0, 0],
    ],
    [
      'what stands behind an alias to a broken name',
      { answers: [own, record(QNAME_POINTER, CNAME, 1, bytesOf('c0ff')), foreign] },
      [2, 0, 0],
    ],
    [
      'what stands behind a chain',
      {
        answers: [
          record(QNAME_POINTER, CNAME, 9, name('a.test')),
          record(name('a.test'), A, 9, ADDRESS),
          foreign,
        ],
      },
      [2, 0, 0],
    ],
  ])('%s', (_, sections, counts) => {
    expect(cutCounts(sections)).toEqual(counts);
    expect(cutCounts({ ...sections, withOpt: false })).toEqual(counts);
  });

  it('their TTLs too: what is left lives as long as it says', () => {
    const { scanned, bytes, end } = cutMessage({
      answers: [record(QNAME_POINTER, A, 300, ADDRESS), record(QNAME_POINTER, A, 200, ADDRESS), foreign],
    });
    expect(scanned).toMatchObject({ minTtlSeconds: 200, ttlCount: 2, answerCount: 2, hasOpt: true });
    expect(toHex(bytes.subarray(end - 4, end))).toBe('c0000201');
  });

  it('what stands where an earlier reply had an alias lead to', () => {
    const alias = record(bytesOf('03', new TextEncoder().encode('www'), 'c010'), CNAME, 1, name('a.test'));
    cutMessage({ answers: [alias, record(name('a.test'), CNAME, 1, name('b.test'))] });
    // Of the same length as the alias before its RDATA: the owner behind it stands where a.test
    // stood.
    expect(own.length).toBe(alias.length - name('a.test').length);
    expect(cutCounts({ answers: [own, foreign] })).toEqual([1, 0, 0]);
  });

  it('nothing of a reply with more records than there are offsets for', () => {
    const many = new Array<Uint8Array>(MAX_TTL_OFFSETS).fill(record(QNAME_POINTER, A, 300, bytesOf()));
    const bytes = bytesOf(header(0x8180, 1, many.length + 1, 0, 0), question(QNAME), ...many, foreign);
    const scanned = new ScannedResponse();
    expect(scanResponse(bytes, bytes.length, scanned)).toBe(ScanVerdict.tooManyRecords);
    cutForeignRecords(bytes, bytes.length, scanned);
    expect([scanned.answerCount, scanned.endOffset]).toEqual([many.length + 1, bytes.length]);
  });

  it('nothing that makes a broken message of any', () => {
    const seed = bytesOf(
      header(0x8180, 1, 4, 2, 2),
      question(QNAME),
      record(QNAME_POINTER, CNAME, 9, name('a.test')),
      record('c02e', CNAME, 9, name('b.test')),
      record(name('b.test'), A, 9, ADDRESS),
      foreign,
      record(name('test'), NS, 9, name('ns')),
      foreign,
      foreign,
      opt(1232),
    );
    const scanned = new ScannedResponse();
    const again = new ScannedResponse();
    let cuts = 0;
    for (let round = 0; round < rounds(50_000); round++) {
      const bytes = seed.slice();
      for (let i = 0; i <= round % 3; i++) {
        bytes[12 + ((round * 31 + i * 57) % (bytes.length - 12))] = (round * 7 + i) & 255;
      }
      if (scanResponse(bytes, bytes.length, scanned) !== 0) continue;
      const { answerCount } = scanned;
      cutForeignRecords(bytes, bytes.length, scanned);
      if (scanned.answerCount < answerCount) cuts++;
      const end = stripOpt(bytes, bytes.length, scanned);
      if (scanResponse(bytes, end, again) !== 0) expect(toHex(bytes.subarray(0, end))).toBe('sound');
    }
    expect(cuts).toBeGreaterThan(10);
  });

  it('as if the rest had never been there', () => {
    const whole = cutMessage({ answers: [own, foreign], authorities: [foreign], additionals: [foreign] });
    const clean = cutMessage({ answers: [own] });
    expect(toHex(whole.bytes.subarray(0, whole.end))).toBe(toHex(clean.bytes.subarray(0, clean.end)));
  });
});
