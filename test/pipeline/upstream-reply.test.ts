// What an upstream's reply says, and what clients get of it.
import { describe, expect, it } from 'vitest';
import { LOOP_TEXT } from '../../src/pipeline/loop-guard.ts';
import { Outcome } from '../../src/pipeline/situation.ts';
import { edeOf, isError, outcomeOf, saysThatWeLoop, trimReply } from '../../src/pipeline/upstream-reply.ts';
import { EdeCode, Rcode } from '../../src/wire/codes.ts';
import { NO_EDE } from '../../src/wire/ede.ts';
import { ScannedResponse, ScanVerdict, scanResponse } from '../../src/wire/response.ts';
import {
  bytesOf,
  header,
  opt,
  option,
  type Part,
  QNAME_POINTER,
  question,
  record,
  uint16,
} from '../wire/build-message.ts';

const TC = 0x0200;
const OPTION_EDE = 15;
const A = record(QNAME_POINTER, 1, 60, Uint8Array.of(192, 0, 2, 1));
const CNAME = record(QNAME_POINTER, 5, 60, bytesOf(1, 'ff', QNAME_POINTER));
const TXT = record(QNAME_POINTER, 16, 60, Uint8Array.of(1, 0x61));

/** A reply to `www.example A`: its answers, and OPT where there are options (or an empty one). */
function reply(flags: number, answers: readonly Part[] = [], ...optRecord: Uint8Array[]) {
  const bytes = bytesOf(
    header(0x8180 | flags, 1, answers.length, 0, optRecord.length),
    question('www.example'),
    ...answers,
    ...optRecord,
  );
  const scanned = new ScannedResponse();
  expect(scanResponse(bytes, bytes.length, scanned)).toBe(ScanVerdict.ok);
  return { bytes, scanned };
}

/** OPT with an EDE. */
const withEde = (code: number, text: string | Uint8Array = '') =>
  opt(1232, {
    options: option(
      OPTION_EDE,
      bytesOf(uint16(code), typeof text === 'string' ? new TextEncoder().encode(text) : text),
    ),
  });
const NO_OPTIONS = opt(1232);
/** Our words but for the last, a space, with which the code of the next option begins. */
const CUT_SHORT = opt(1232, {
  options: bytesOf(
    option(OPTION_EDE, bytesOf(uint16(EdeCode.notReady), LOOP_TEXT.slice(0, -1))),
    option(0x2000, new Uint8Array(4)),
  ),
});

describe('the outcome of a reply', () => {
  it.each<[string, keyof typeof Outcome, number, readonly Part[], Uint8Array[]]>([
    ['a record of the asked type', 'answered', Rcode.NOERROR, [A], []],
    ['an alias alone', 'answered', Rcode.NOERROR, [CNAME], []],
    ['records of another type', 'negative', Rcode.NOERROR, [TXT], []],
    ['no records', 'negative', Rcode.NOERROR, [], []],
    ['TC without records', 'answered', TC | Rcode.NOERROR, [], []],
    ['NXDOMAIN', 'negative', Rcode.NXDOMAIN, [], []],
    ['NXDOMAIN at the end of an alias', 'answered', Rcode.NXDOMAIN, [CNAME], []],
    ['FORMERR', 'rejected', Rcode.FORMERR, [], []],
    ['FORMERR with OPT and a reason', 'rejected', Rcode.FORMERR, [], [withEde(0)]],
    ['NOTIMP without OPT, as of a server without EDNS', 'rejected', Rcode.NOTIMP, [], []],
    ['NOTIMP with OPT', 'refused', Rcode.NOTIMP, [], [NO_OPTIONS]],
    ['SERVFAIL', 'refused', Rcode.SERVFAIL, [], []],
    ['SERVFAIL with OPT but no reason', 'refused', Rcode.SERVFAIL, [], [NO_OPTIONS]],
    ['SERVFAIL with a reason', 'refusedWithReason', Rcode.SERVFAIL, [], [withEde(6)]],
    ['REFUSED', 'refused', Rcode.REFUSED, [], []],
    ['an RCODE that nobody knows', 'refused', 15, [], []],
  ])('of %s is: %s', (_, outcome, flags, answers, optRecord) => {
    const { scanned } = reply(flags, answers, ...optRecord);
    expect(outcomeOf(scanned)).toBe(Outcome[outcome]);
  });

  it('of BADVERS, an RCODE that OPT completes, is: rejected', () => {
    const { scanned } = reply(0, [], opt(1232, { extendedRcode: 1 }));
    expect(scanned.rcode).toBe(Rcode.BADVERS);
    expect(outcomeOf(scanned)).toBe(Outcome.rejected);
  });

  it('is an error unless it answers or denies', () => {
    const errors = Object.entries(Outcome).filter(([, outcome]) => isError(outcome));
    expect(errors.map(([name]) => name)).toEqual(['rejected', 'refused', 'refusedWithReason']);
  });
});

describe('a trimmed reply', () => {
  it('has no OPT, and no bytes after it', () => {
    const { bytes, scanned } = reply(0, [A], NO_OPTIONS);
    const end = trimReply(bytes, bytes.length, scanned, true);
    expect(end).toBe(bytes.length - NO_OPTIONS.length);
    expect(bytes[11]).toBe(0);
  });

  it('has one TTL for all records of an RRset: the smallest (RFC 2181 §5.2)', () => {
    const longer = record(QNAME_POINTER, 1, 600, Uint8Array.of(192, 0, 2, 2));
    const { bytes, scanned } = reply(0, [longer, A]);
    trimReply(bytes, bytes.length, scanned, true);
    const view = new DataView(bytes.buffer);
    expect([...scanned.ttlOffsets.slice(0, 2)].map((at) => view.getUint32(at))).toEqual([60, 60]);
  });

  it('keeps its records as they are when it is signed (TSIG)', () => {
    const longer = record(QNAME_POINTER, 1, 600, Uint8Array.of(192, 0, 2, 2));
    const tsig = record('00', 250, 0, new Uint8Array(16), 255);
    const bytes = bytesOf(header(0x8180, 1, 2, 0, 1), question('www.example'), longer, A, tsig);
    const scanned = new ScannedResponse();
    scanResponse(bytes, bytes.length, scanned);
    const before = bytes.slice();
    expect(trimReply(bytes, bytes.length, scanned, true)).toBe(before.length);
    expect(bytes).toEqual(before);
  });
});

describe('the reason that clients get', () => {
  const textOf = (text: string) => {
    const { bytes, scanned } = reply(Rcode.SERVFAIL, [], withEde(EdeCode.notReady, text));
    const { code, text: relayed } = edeOf(bytes, scanned);
    return { code, text: relayed === null ? null : new TextDecoder().decode(relayed) };
  };

  it('is none where the upstream gives none', () => {
    const { bytes, scanned } = reply(Rcode.SERVFAIL, [], NO_OPTIONS);
    expect(edeOf(bytes, scanned)).toBe(NO_EDE);
  });

  it('is the code alone where there is no text', () => {
    expect(textOf('')).toEqual({ code: EdeCode.notReady, text: null });
  });

  it('has the first 96 bytes of the text', () => {
    expect(textOf('x'.repeat(96)).text).toHaveLength(96);
    expect(textOf('x'.repeat(400)).text).toBe('x'.repeat(96));
  });

  it('is a copy: the receive buffer is used again', () => {
    const { bytes, scanned } = reply(Rcode.SERVFAIL, [], withEde(EdeCode.notReady, 'why'));
    const { text } = edeOf(bytes, scanned);
    bytes.fill(0);
    expect(new TextDecoder().decode(text!)).toBe('why');
  });
});

describe('an upstream that says that we loop', () => {
  const says = (rcode: number, ...optRecord: Uint8Array[]) => {
    const { bytes, scanned } = reply(rcode, [], ...optRecord);
    return saysThatWeLoop(bytes, scanned);
  };
  const longer = bytesOf(LOOP_TEXT, new TextEncoder().encode(': 192.0.2.1:53 (.)'));

  it('says it in our words, with whatever after them', () => {
    expect(says(Rcode.SERVFAIL, withEde(EdeCode.notReady, LOOP_TEXT))).toBe(true);
    expect(says(Rcode.SERVFAIL, withEde(EdeCode.notReady, longer))).toBe(true);
  });

  it.each([
    ['with another RCODE', Rcode.REFUSED, [withEde(EdeCode.notReady, longer)]],
    ['with another code', Rcode.SERVFAIL, [withEde(EdeCode.other, longer)]],
    ['in other words', Rcode.SERVFAIL, [withEde(EdeCode.notReady, 'not ready for this at all yet')]],
    ['in words cut short, with the last byte in the next option', Rcode.SERVFAIL, [CUT_SHORT]],
    ['without a word', Rcode.SERVFAIL, [withEde(EdeCode.notReady)]],
    ['without OPT', Rcode.SERVFAIL, []],
  ] as const)('does not say it %s', (_, rcode, optRecord) => {
    expect(says(rcode, ...optRecord)).toBe(false);
  });
});
