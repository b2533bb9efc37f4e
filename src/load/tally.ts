// What a run has counted so far. Lanes report to it, the run samples it, the report is made from
// it.
import { HEADER_LENGTH, readId } from '../wire/header.ts';
import { ANSWERED, fingerprint, type InFlightTable, LATE } from './in-flight-table.ts';
import { LatencyHistogram } from './latency-histogram.ts';

/** Header, root label, QTYPE and QCLASS: the shortest message whose question may be compared. */
const SHORTEST_WITH_QUESTION = 17;
const QR = 0x80;
const TC = 0x02;

/** Counters of a run. */
export class Tally {
  sent = 0;
  answered = 0;
  /** Given up after the timeout, or with their connection. */
  lost = 0;
  /** Answers to queries that had been given up; the queries stay lost. */
  late = 0;
  /** Duplicates, answers to nothing, and what is no answer. */
  unexpected = 0;
  /** Answers with TC. */
  truncated = 0;
  /** Connections that broke or could not be opened. */
  connectionFailures = 0;
  /** How far the tool itself was behind its schedule at worst, ms. */
  behindMs = 0;
  /** By RCODE, the lower four bits. */
  readonly rcodes = new Float64Array(16);
  readonly latency = new LatencyHistogram();
  /** Errors of sockets, by the system's code. */
  readonly errors = new Map<string, number>();
  /** When the last answer in time came. */
  readonly lastAnswerMs = new Float64Array(1);

  /** Takes one message that came by the lane with this table. */
  onMessage(table: InFlightTable, bytes: Uint8Array, length: number, nowMs: number): void {
    if (length < HEADER_LENGTH || (bytes[2]! & QR) === 0) {
      this.unexpected++;
      return;
    }
    const id = readId(bytes);
    const hasQuestion = length >= SHORTEST_WITH_QUESTION && (bytes[4]! | bytes[5]!) !== 0;
    const verdict = table.settle(id, hasQuestion ? fingerprint(bytes, 0) : 0, hasQuestion);
    if (verdict === ANSWERED) {
      this.answered++;
      this.rcodes[bytes[3]! & 0x0f]!++;
      if ((bytes[2]! & TC) !== 0) this.truncated++;
      this.lastAnswerMs[0] = nowMs;
      this.latency.record(nowMs - table.intendedMs(id));
    } else if (verdict === LATE) this.late++;
    else this.unexpected++;
  }

  /** Counts an error of a socket. */
  onError(code: string): void {
    this.errors.set(code, (this.errors.get(code) ?? 0) + 1);
  }
}
