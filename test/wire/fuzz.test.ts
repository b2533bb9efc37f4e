// Broken and hostile packets: nothing throws, nothing is read behind the message, no offset leaves
// it, no walk is long.
import { describe, expect, it } from 'vitest';
import { describeMessage } from '../../src/wire/describe.ts';
import { ede, NO_EDE } from '../../src/wire/ede.ts';
import { findOption, optionLengthAt } from '../../src/wire/edns.ts';
import { expandName, skipName } from '../../src/wire/name.ts';
import { ParsedQuery, parseQuery, QueryVerdict } from '../../src/wire/query.ts';
import { writeErrorReply } from '../../src/wire/reply.ts';
import { ScannedResponse, ScanVerdict, scanResponse, stripOpt } from '../../src/wire/response.ts';
import { restoreForClient } from '../../src/wire/restore.ts';
import { RrCursor } from '../../src/wire/rr.ts';
import { rounds } from '../kit/rounds.ts';
import {
  bytesOf,
  header,
  name,
  opt,
  option,
  QNAME_POINTER,
  question,
  record,
  toHex,
} from './build-message.ts';

const PACKETS = rounds(200_000);
const SLOT = 512;
/** What lies behind a message: roots, pointers, short labels. */
const FILLERS = [0, 0xc0, 1];

/** xorshift32: the same packets on every run. */
class Generator {
  #state = 0x9e3779b9;
  below(bound: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) % bound;
  }
}

const A = bytesOf('c0000201');
const options = bytesOf(
  option(10, bytesOf('0102030405060708')),
  option(15, bytesOf('0016 6869')),
  option(12, bytesOf('0000')),
);
const soa = bytesOf(name('ns'), 'c00c', '00000001 00000002 00000003 00000004 00000005');
const SEEDS = [
  bytesOf(header(0x0100, 1, 0, 0, 0), question('www.Example.com')),
  bytesOf(header(0x0100, 1, 0, 0, 1), question('a.b.c.d.example'), opt(4096, { dnssecOk: true, options })),
  bytesOf(
    header(0, 1, 0, 0, 2),
    question('x'),
    opt(1232, { options }),
    record(QNAME_POINTER, 250, 0, A, 255),
  ),
  bytesOf(
    header(0, 1, 1, 1, 2),
    question('x'),
    record('c00c', 1, 5, A),
    record('c00c', 2, 5, bytesOf('c00c')),
    record('c00e', 1, 1, A),
    opt(512),
  ),
  bytesOf(
    header(0x8180, 1, 2, 0, 1),
    question('www.example'),
    record(QNAME_POINTER, 5, 60, bytesOf('0177 c010')),
    record('0177 c010', 1, 9, A),
    opt(1232),
  ),
  bytesOf(
    header(0x8583, 1, 0, 1, 1),
    question('no.example'),
    record('c00f', 6, 300, soa),
    opt(1232, { extendedRcode: 1, options }),
  ),
  bytesOf(
    header(0x8380, 1, 3, 0, 0),
    question('big.example'),
    record('c00c', 16, 1, bytesOf('03616263')),
    record('c00c', 1, 2, A),
    record('c00c', 1, 3, A),
  ),
  bytesOf(header(0x8182, 0, 0, 0, 1), opt(1232, { options })),
];
/** Values that parsers stumble over. */
const NASTY = [0, 1, 0x3f, 0x40, 0x7f, 0x80, 0xbf, 0xc0, 0xfe, 0xff, 12, 41];

function mutate(random: Generator, seed: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(SLOT);
  bytes.set(seed);
  let length = seed.length;
  for (let changes = 1 + random.below(4); changes > 0; changes--) {
    const at = random.below(length + 1);
    const kind = random.below(8);
    if (kind < 3) bytes[at] = NASTY[random.below(NASTY.length)]!;
    else if (kind < 5) bytes[at] = random.below(256);
    else if (kind === 5) bytes.set([0xc0 | random.below(2), random.below(256)], at);
    else if (kind === 6) length = at;
    else {
      // Some of the message once more.
      const from = random.below(length + 1);
      const count = Math.min(random.below(60), length - from, 300 - length);
      if (count > 0) {
        bytes.copyWithin(length, from, from + count);
        length += count;
      }
    }
    length = Math.min(length, 300);
  }
  return bytes.slice(0, length);
}

/** One reader's findings in numbers and text, to be compared between readings. */
function read(bytes: Uint8Array, length: number, subjects: Subjects): string {
  const { q, r, rr, out, expanded } = subjects;
  const verdict = parseQuery(bytes, length, q);
  let found = `${verdict} ${q.id} ${q.flags} ${q.questionEnd} ${q.qtype} ${q.qclass} ${q.keyHash} ${q.keyFlags} ${q.optOffset} ${q.udpSize} ${q.optionsOffset} ${q.optionsLength} ${q.opaque}`;
  check(q.questionEnd <= length && q.optionsOffset + q.optionsLength <= length && q.labelCount <= 127);
  check(q.questionEnd === 0 || q.labelOffsets[q.labelCount]! + 5 === q.questionEnd);
  check(q.qnameLength <= 255);
  if (verdict !== QueryVerdict.tooShort && verdict !== QueryVerdict.response) {
    const replyLength = writeErrorReply(bytes, q, out, 5, NO_EDE);
    check(replyLength <= length + (q.hasOpt ? 11 : 0));
    check(scanResponse(out, replyLength, r) === ScanVerdict.ok || (q.flags & 0x7800) !== 0);
    found += ` ${sum(out, replyLength)}`;
  }
  if (q.hasOpt) {
    const dataOffset = findOption(bytes, q.optionsOffset, q.optionsLength, 15);
    check(
      dataOffset < 0 || dataOffset + optionLengthAt(bytes, dataOffset) <= q.optionsOffset + q.optionsLength,
    );
    found += ` ${dataOffset}`;
  }

  const scanned = scanResponse(bytes, length, r);
  found += ` | ${scanned} ${r.rcode} ${r.endOffset} ${r.ttlCount} ${r.minTtlSeconds} ${r.negativeTtlSeconds} ${r.optOffset} ${r.edeOffset} ${r.edeLength} ${r.signed} ${r.hasAskedType} ${r.hasAlias}`;
  check(r.endOffset <= length && r.optEnd <= length && r.edeOffset + r.edeLength <= length);
  for (let i = 0; i < r.ttlCount; i++) check(r.ttlOffsets[i]! + 4 <= length);
  if (scanned === ScanVerdict.ok && r.questionEnd > 12) {
    out.set(bytes.subarray(0, length));
    const stripped = stripOpt(out, length, r);
    check(stripped <= length && stripped >= r.questionEnd);
    const question = { id: 1, flags: 0x0100, qnameLength: r.questionEnd - 16, hasOpt: true, dnssecOk: true };
    const client = { question, named: bytes, sizeLimit: 512 };
    const restoredLength = restoreForClient(out, stripped, client, r.rcode, ede(3));
    found += ` ${stripped} ${sum(out, restoredLength)}`;
    // What leaves us is sound and has one OPT, at its end, whatever came in.
    check(scanResponse(out, restoredLength, r) === ScanVerdict.ok);
    check(r.hasOpt && r.endOffset === restoredLength && r.additionalBeforeOpt === r.additionalCount - 1);
  }

  rr.reset(bytes, length, 12, 20);
  rr.failed = false; // although so many cannot be there: as many as there are
  let steps = 0;
  while (rr.next()) {
    check(
      rr.endOffset <= length &&
        rr.ttlOffset + 4 <= length &&
        rr.rdataOffset + rr.rdataLength === rr.endOffset,
    );
    steps++;
  }
  found += ` | ${steps} ${rr.endOffset}`;
  for (let offset = 0; offset <= length; offset += 5) {
    const end = skipName(bytes, length, offset);
    const expandedLength = expandName(bytes, length, offset, expanded);
    check(end <= length && expandedLength <= 255 && end < 0 === expandedLength < 0);
    found += ` ${end} ${expandedLength}`;
  }
  return found;
}

class Subjects {
  readonly q = new ParsedQuery();
  readonly r = new ScannedResponse();
  readonly rr = new RrCursor();
  readonly out = new Uint8Array(1024);
  readonly expanded = new Uint8Array(255);
}

function sum(bytes: Uint8Array, length: number): number {
  let total = length;
  for (let i = 0; i < length; i++) total = Math.imul(total, 31) + bytes[i]!;
  return total;
}

function check(holds: boolean): void {
  if (!holds) throw new Error('an invariant does not hold');
}

describe('hostile packets', () => {
  it(`leave ${PACKETS} mutated messages within their bounds, whatever lies behind them`, {
    timeout: 300_000,
  }, () => {
    const random = new Generator();
    const subjects = new Subjects();
    const slot = new Uint8Array(SLOT);
    const other = new Uint8Array(SLOT);
    const verdicts = new Set<number>();
    for (let i = 0; i < PACKETS; i++) {
      const message = mutate(random, SEEDS[i % SEEDS.length]!);
      slot.fill(FILLERS[i % 3]!).set(message);
      other.fill(FILLERS[(i + 1) % 3]!).set(message);
      try {
        const found = read(slot, message.length, subjects);
        verdicts.add(parseQuery(slot, message.length, subjects.q));
        if (read(other, message.length, subjects) !== found) throw new Error('what lies behind was read');
        if (
          i % 16 === 0 &&
          describeMessage(slot, message.length) !== describeMessage(other, message.length)
        ) {
          throw new Error('what lies behind was described');
        }
      } catch (error) {
        throw new Error(`packet ${toHex(message)}`, { cause: error });
      }
    }
    // The mutations reach every verdict.
    expect([...verdicts].sort()).toEqual(Object.values(QueryVerdict));
  });
});
