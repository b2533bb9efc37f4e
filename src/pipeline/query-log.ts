// One line per answer with log.queries: true: who asked what, what came of it, how long it took,
// and which upstreams were asked. A failure's line has the whole answer. Built from the answer's
// bytes and its record, only while switched on. The lines per second are limited, so that a flood
// cannot fill a disk; they are written asynchronously (base/log.ts), and what is not written is
// counted. Called by answers.
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { formatPeer } from '../io/peer.ts';
import { Counter, type Counters } from '../metrics/counters.ts';
import { readUint16 } from '../wire/bytes.ts';
import { className, Rcode, rcodeName, typeName } from '../wire/codes.ts';
import { describeMessage } from '../wire/describe.ts';
import { HEADER_LENGTH } from '../wire/header.ts';
import { skipName } from '../wire/name.ts';
import { nameToText } from '../wire/text.ts';
import type { AnswerRecord } from './answer-record.ts';
import { cacheStateName, edesOf, isTruncated } from './answer-text.ts';
import { attemptLines } from './attempt-text.ts';
import type { QueryFilter } from './query-filter.ts';
import type { Recipient } from './reply-sink.ts';

const MAX_LINES_PER_SECOND = 1000;
const IN = 1;

/** Takes lines, and says how many it could not write: an OpenLog of base/log.ts. */
export interface QueryLines {
  readonly log: Log;
  dropped(): number;
}

export class QueryLog {
  readonly #lines: QueryLines;
  readonly #filter: QueryFilter;
  readonly #counters: Counters;
  readonly #clock: Clock;
  #secondMs = 0;
  #written = 0;
  #suppressed = 0;
  /** Of #lines.dropped(), counted so far. */
  #counted: number;

  constructor(lines: QueryLines, filter: QueryFilter, clock: Clock, counters: Counters) {
    this.#lines = lines;
    this.#filter = filter;
    this.#counters = counters;
    this.#counted = lines.dropped();
    this.#clock = clock;
  }

  /** Logs an answer of `length` bytes that is about to be sent. */
  note(to: Recipient, answer: Uint8Array, length: number, record: AnswerRecord): void {
    if (!this.#filter.takes(to, answer, length, record)) return;
    if (this.#clock.nowMs - this.#secondMs >= 1000) this.#beginSecond();
    if (this.#written >= MAX_LINES_PER_SECOND) {
      this.#suppressed++;
      this.#counters.increment(Counter.queryLogDropped);
      return;
    }
    this.#written++;
    const { rcode, flight, upstream } = record;
    const nameEnd = skipName(answer, length, HEADER_LENGTH);
    const hasQuestion = nameEnd > 0 && nameEnd + 4 <= length && readUint16(answer, 4) === 1;
    const qclass = hasQuestion ? readUint16(answer, nameEnd + 2) : IN;
    const edes = edesOf(answer, length);
    this.#lines.log.info(
      {
        client: formatPeer(to.peers, to.peerOffset),
        proto: to.replyTo.stream ? 'tcp' : 'udp',
        qname: hasQuestion ? nameToText(answer, HEADER_LENGTH, length) : null,
        qtype: hasQuestion ? typeName(readUint16(answer, nameEnd)) : null,
        ...(qclass === IN ? {} : { qclass: className(qclass) }),
        rcode: rcodeName(rcode),
        bytes: length,
        ...(isTruncated(answer) ? { truncated: true } : {}),
        durationMs: Math.round(record.durationMs * 100) / 100,
        cache: cacheStateName(record, answer),
        ...(flight === null
          ? {}
          : {
              zone: flight.zone!.suffix,
              upstream: upstream === null ? null : upstream.text,
              attempts: attemptLines(flight, this.#clock.nowMs),
            }),
        ...(edes.length > 0 ? { ede: edes } : {}),
        ...(isFailure(rcode) ? { answer: describeMessage(answer, length).split('\n') } : {}),
      },
      'query',
    );
  }

  /** Once a second: counts what could not be written, and says what was left out. */
  tick(): void {
    if (this.#suppressed > 0 && this.#clock.nowMs - this.#secondMs >= 1000) this.#beginSecond();
    const dropped = this.#lines.dropped();
    this.#counters.values[Counter.queryLogDropped]! += dropped - this.#counted;
    this.#counted = dropped;
  }

  #beginSecond(): void {
    if (this.#suppressed > 0)
      this.#lines.log.warn({ suppressed: this.#suppressed }, 'too many queries to log: some were left out');
    this.#secondMs = this.#clock.nowMs;
    this.#written = 0;
    this.#suppressed = 0;
  }
}

/** Whether the answer is neither data nor a denial of it. */
function isFailure(rcode: number): boolean {
  return rcode !== Rcode.NOERROR && rcode !== Rcode.NXDOMAIN;
}
