// Builds the queries that the tests of src/loop let in, and the keys and detectors that judge them.
import { Clock } from '../../src/base/clock.ts';
import { FILLED_TAG_OFFSET, LoopDetector, TAG_OPTION } from '../../src/loop/detector.ts';
import { createKeyMaterial, type LoopKeyMaterial } from '../../src/loop/keys.ts';
import { SentNote, SentQuestions } from '../../src/loop/sent-questions.ts';
import { writeQuestion } from '../../src/wire/build-query.ts';
import { Class, Type } from '../../src/wire/codes.ts';
import { appendOption, writeOpt } from '../../src/wire/edns.ts';
import { FLAG_RD, HEADER_LENGTH, writeAdditionalCount } from '../../src/wire/header.ts';
import { ParsedQuery, parseQuery, QueryVerdict } from '../../src/wire/query.ts';
import { textToName } from '../../src/wire/text.ts';

/** One option of a query's OPT record. */
export interface Option {
  readonly code: number;
  readonly data: Uint8Array;
}

/** A query as it stands on the wire, and what the parser says of it. */
export interface Incoming {
  readonly bytes: Uint8Array;
  readonly q: ParsedQuery;
}

/** Parses a message that is known to be a sound query. */
export function incoming(message: Uint8Array): Incoming {
  const q = new ParsedQuery();
  if (parseQuery(message, message.length, q) !== QueryVerdict.ok)
    throw new Error('the test made a bad query');
  return { bytes: message, q };
}

/** A query for a name (text, or bytes as on the wire). */
export function query(
  name: string | Uint8Array,
  qtype: number = Type.A,
  options: readonly Option[] = [],
): Incoming {
  const out = new Uint8Array(4096);
  const nameWire = typeof name === 'string' ? textToName(name) : name;
  let length = writeQuestion(out, nameWire, qtype, Class.IN, FLAG_RD);
  if (options.length > 0) {
    const optOffset = length;
    length = writeOpt(out, length, 1232, 0, false);
    for (const { code, data } of options) {
      length = appendOption(out, optOffset, length, code, data);
    }
    writeAdditionalCount(out, 1);
  }
  return incoming(out.slice(0, length));
}

/** A tag, as tagFor() gives it out, as an option without filler. */
export function tagOption(filled: Uint8Array): Option {
  return { code: TAG_OPTION, data: filled.slice(FILLED_TAG_OFFSET) };
}

/** The QNAME's bytes. */
export function nameOf({ bytes, q }: Incoming): Uint8Array {
  return bytes.slice(HEADER_LENGTH, HEADER_LENGTH + q.qnameLength);
}

/** Gives each letter the case that `upper` says, letter by letter. */
export function recase(name: Uint8Array, upper: (letter: number) => boolean): Uint8Array {
  let letter = 0;
  return name.map((byte) => {
    const folded = byte | 0x20;
    if (folded < 0x61 || folded > 0x7a) return byte;
    return upper(letter++) ? folded & ~0x20 : folded;
  });
}

export const START_WALL_MS = Date.UTC(2026, 0, 15, 12, 30);

/** A clock that stands still until a test moves it. */
export class HandClock extends Clock {
  constructor(startMs = 1_000_000) {
    super();
    this.nowMs = startMs;
  }

  override refresh(): number {
    return this.nowMs;
  }

  advance(ms: number): void {
    this.nowMs += ms;
  }
}

/** One process: a detector with a clock, and a wall clock that a test may set. */
export class Node {
  readonly clock: HandClock;
  readonly material: LoopKeyMaterial;
  readonly sentQuestions = new SentQuestions();
  readonly detector: LoopDetector;
  wallShiftMs = 0;

  constructor({ clusterKey = '', ring = 'default', maxHops = 8, clock = new HandClock() } = {}) {
    this.clock = clock;
    this.material = createKeyMaterial(clusterKey, ring);
    this.detector = this.anotherWorker(maxHops);
  }

  wallNowMs = (): number => START_WALL_MS - 1_000_000 + this.clock.nowMs + this.wallShiftMs;

  /** Another thread of the same process. */
  anotherWorker(maxHops = 8): LoopDetector {
    return new LoopDetector({
      material: structuredClone(this.material),
      clock: this.clock,
      sentQuestions: new SentQuestions(this.sentQuestions.buffer),
      maxHops,
      wallNowMs: this.wallNowMs,
    });
  }

  /**
   * What leaves by a route for a client's question: our case, our tag, and the tags that it brought
   * along.
   */
  send(
    question: Incoming,
    routeSlot: number,
    { tagged = true, cased = true, hops = 0, carried = [] as readonly Option[] } = {},
  ): Incoming {
    const { q } = question;
    const out = query(nameOf(question), q.qtype).bytes;
    this.detector.markSent(out, q, routeSlot, cased, new SentNote());
    const name = out.slice(HEADER_LENGTH, HEADER_LENGTH + q.qnameLength);
    const options = tagged ? [tagOption(this.detector.tagFor(routeSlot, hops)), ...carried] : [];
    return query(name, q.qtype, options);
  }
}
