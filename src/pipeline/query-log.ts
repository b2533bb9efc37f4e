// One line per answer, for debugging with log.queries: true; a failure's line has the whole answer,
// with the reason (EDE) where the client takes one. Built from the answer's bytes, only while
// switched on; limited to a number of lines per second, so that a flood cannot fill a disk.
// Called by answers.
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { formatPeer } from '../io/peer.ts';
import { readUint16 } from '../wire/bytes.ts';
import { className, Rcode, rcodeName, typeName } from '../wire/codes.ts';
import { describeMessage } from '../wire/describe.ts';
import { HEADER_LENGTH } from '../wire/header.ts';
import { skipName } from '../wire/name.ts';
import { nameToText } from '../wire/text.ts';
import type { AnswerRecord } from './answer-record.ts';
import type { Recipient } from './reply-sink.ts';

const MAX_LINES_PER_SECOND = 1000;
const IN = 1;

export class QueryLog {
  readonly #log: Log;
  readonly #clock: Clock;
  #secondMs = 0;
  #lines = 0;
  #suppressed = 0;

  constructor(log: Log, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  /** Logs an answer of `length` bytes that is about to be sent. */
  note(to: Recipient, answer: Uint8Array, length: number, { rcode }: AnswerRecord): void {
    if (this.#clock.nowMs - this.#secondMs >= 1000) this.#beginSecond();
    if (this.#lines >= MAX_LINES_PER_SECOND) {
      this.#suppressed++;
      return;
    }
    this.#lines++;
    const nameEnd = skipName(answer, length, HEADER_LENGTH);
    const hasQuestion = nameEnd > 0 && nameEnd + 4 <= length && readUint16(answer, 4) === 1;
    const qclass = hasQuestion ? readUint16(answer, nameEnd + 2) : IN;
    this.#log.info(
      {
        client: formatPeer(to.peers, to.peerOffset),
        proto: to.replyTo.stream ? 'tcp' : 'udp',
        qname: hasQuestion ? nameToText(answer, HEADER_LENGTH, length) : null,
        qtype: hasQuestion ? typeName(readUint16(answer, nameEnd)) : null,
        ...(qclass === IN ? {} : { qclass: className(qclass) }),
        rcode: rcodeName(rcode),
        bytes: length,
        ...(isFailure(rcode) ? { answer: describeMessage(answer, length).split('\n') } : {}),
      },
      'query',
    );
  }

  #beginSecond(): void {
    if (this.#suppressed > 0)
      this.#log.warn({ suppressed: this.#suppressed }, 'queries were not logged: too many');
    this.#secondMs = this.#clock.nowMs;
    this.#lines = 0;
    this.#suppressed = 0;
  }
}

/** Whether the answer is neither data nor a denial of it. */
function isFailure(rcode: number): boolean {
  return rcode !== Rcode.NOERROR && rcode !== Rcode.NXDOMAIN;
}
