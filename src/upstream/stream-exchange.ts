// Queries toward one upstream over connections: TCP, TLS (RFC 7766, RFC 7858) or HTTPS (RFC 8484).
// Connections are opened as there is demand, up to a bound, and closed when idle. Made by
// open-exchange.
//
//   send ─▶ waiting ─▶ the least loaded connection with room, whose server is not silent ─▶ answer
//              ▲                                     │ closed by the server, or given up as it was silent
//              └─────────── twice at most ───────────┘
//
// How many queries fit on a connection is the server's word (HTTP/2), or what its replies show
// (pipeline-depth.ts). A query that finds no room waits here, until it is given up. For clients
// that ask least, the connection whose server was silent for longest is closed and opened again.
import type { Clock } from '../base/clock.ts';
import { HEADER_LENGTH } from '../wire/header.ts';
import { AnswerPace } from './answer-pace.ts';
import { type Exchange, FailureReason, UNSENT_ID, type UpstreamQuery } from './exchange.ts';
import { FailureQueue } from './failure-queue.ts';
import { FaultTeller } from './fault-teller.ts';
import { chooseLink, isStuck } from './link-choice.ts';
import { LinkPool, type LinkPoolOwner } from './link-pool.ts';
import { MAX_QUESTION_LENGTH } from './question-match.ts';
import { Standstill } from './standstill.ts';
import {
  MAX_MESSAGE_LENGTH,
  MAX_RETRIES,
  MAX_WAITING,
  type StreamExchangeOptions,
  TICK_MS,
} from './stream-bounds.ts';
import { createEntry, type StreamEntry } from './stream-entry.ts';
import type { StreamLink } from './stream-link.ts';
import { WaitingQueries } from './waiting-queries.ts';

/** The TCP, TLS or HTTPS side of one upstream in one thread. */
export class StreamExchange implements Exchange, LinkPoolOwner {
  readonly #options: StreamExchangeOptions;
  readonly #clock: Clock;
  readonly #failures = new FailureQueue(this);
  readonly #waiting = new WaitingQueries();
  readonly #pool: LinkPool;
  readonly #pace = new AnswerPace();
  readonly #faults: FaultTeller;
  #answeredAtMs = 0;
  #timer: NodeJS.Timeout | null = null;
  readonly #standstill = new Standstill();
  /** Owners are being asked for room, which goes to those that are asked for. */
  #isMakingRoom = false;
  #closing = false;
  readonly #whenClosed: (() => void)[] = [];

  constructor(options: StreamExchangeOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#faults = new FaultTeller(options.onFault);
    this.#pool = new LinkPool(options, this, this.#pace);
  }

  /** What went wrong last, for the log; '' if nothing did. */
  get lastError(): string {
    return this.#faults.last;
  }

  get inFlight(): number {
    return this.#failures.length + this.#waiting.size + this.#pool.live;
  }

  /** Connections open or opening. */
  get connections(): number {
    return this.#pool.links.length;
  }

  send(query: UpstreamQuery): void {
    if (query.exchange !== null) query.exchange.cancel(query);
    const questionLength = query.questionEnd - HEADER_LENGTH;
    if (this.#closing) {
      this.#failures.push(query, FailureReason.closed);
    } else if (
      query.length > MAX_MESSAGE_LENGTH ||
      questionLength <= 0 ||
      questionLength > MAX_QUESTION_LENGTH
    ) {
      this.#failures.push(query, FailureReason.protocol);
    } else if (this.#waiting.size >= MAX_WAITING) {
      this.#failures.push(query, FailureReason.overload);
    } else {
      this.#wait(createEntry(query, this.#options.encrypted, this.#clock.nowMs));
      this.#place();
    }
  }

  cancel(query: UpstreamQuery): void {
    if (query.exchange !== this) return;
    const { id } = query;
    query.exchange = null;
    query.id = -1;
    if (id < 0) return; // waits in the failure queue, which passes it over
    if (id === UNSENT_ID) {
      this.#waiting.remove(query);
    } else {
      query.id = id;
      const link = this.#pool.links.find(({ serial }) => serial === query.channel);
      link?.cancel(query);
      query.id = -1;
      if (this.#waiting.size > 0 && !this.#isMakingRoom) {
        // What the server still works on is of no use to anybody, and others wait for it.
        if (link?.live === 0 && isStuck(link, this.#pace, this.#clock.nowMs)) link.giveUp();
        this.#place();
      }
    }
  }

  close(force: boolean): Promise<void> {
    this.#closing = true;
    if (force) this.#failWaiting(FailureReason.closed);
    for (const link of [...this.#pool.links]) {
      if (force) link.destroy();
      else if (this.#waiting.size === 0) link.retire();
    }
    return new Promise((resolve) => {
      this.#whenClosed.push(resolve);
      this.#finishClosing();
    });
  }

  onOpen(link: StreamLink): void {
    this.#pool.backoff.succeeded();
    this.#pace.connected(link.connectMs);
    this.#place();
    this.#finishClosing();
  }

  onAnswer(entry: StreamEntry, bytes: Uint8Array, length: number): void {
    const query = entry.query!;
    const { nowMs } = this.#clock;
    this.#answeredAtMs = nowMs;
    this.#pace.answered(nowMs - entry.sinceMs);
    query.id = -1;
    query.exchange = null;
    const taken = query.owner === null || query.owner.onReply(query, bytes, length);
    // No better reply will come. An owner that has sent the query again has taken the reply.
    if (!taken && query.exchange === null) this.#failures.push(query, FailureReason.protocol);
    this.#goOn();
  }

  onLost(entry: StreamEntry, refused: boolean, reason: FailureReason, text: string): void {
    this.#faults.note(reason, text, this.#clock.nowMs);
    if (!refused || !this.#repeat(entry)) this.#fail(entry, reason);
    this.#goOn();
  }

  onClosed(link: StreamLink, unanswered: StreamEntry[], reason: FailureReason, text: string): void {
    this.#pool.remove(link);
    const isFault = (unanswered.length > 0 || !link.open) && !this.#closing;
    if (isFault) this.#faults.note(reason, text, this.#clock.nowMs);
    if (!link.open && !this.#closing) this.#pool.backoff.failed(this.#clock.nowMs, reason);
    // A server that has never sent DNS, or nothing at all, has no better answer over the next
    // connection.
    const isProven = link.answered > 0 || (link.wasSilent && this.#answeredAtMs > 0);
    const mayRepeat = isProven || (reason !== FailureReason.protocol && !link.wasSilent);
    for (const [index, entry] of unanswered.entries()) {
      const query = entry.query!;
      // Its owner may have canceled it when told of an earlier one's failure.
      if (query.exchange !== this || query.channel !== link.serial || query.id === UNSENT_ID) continue;
      // The server may be silent about the oldest one only: the others wait behind it.
      const isCulprit = link.wasSilent && index === 0;
      entry.alone = !link.wasSilent;
      if (!mayRepeat || isCulprit || !this.#repeat(entry)) this.#fail(entry, reason);
    }
    this.#goOn();
  }

  /** Something has changed: room for those that wait, or the last one done. */
  #goOn(): void {
    if (this.#waiting.size > 0) this.#place();
    if (this.#closing) this.#finishClosing();
  }

  #wait(entry: StreamEntry): void {
    const query = entry.query!;
    query.exchange = this;
    query.id = UNSENT_ID;
    this.#waiting.add(entry, this.#clock.nowMs);
  }

  /** Lets an entry leave once more, if it may. */
  #repeat(entry: StreamEntry): boolean {
    const query = entry.query!;
    if (this.#closing || query.late || entry.retries >= MAX_RETRIES) return false;
    if (query.owner?.mayRepeat?.(query) === false) return false;
    entry.retries++;
    this.#wait(entry);
    return true;
  }

  /** Tells the owner; called from events only, never from within send(). */
  #fail({ query }: StreamEntry, reason: FailureReason): void {
    query!.id = -1;
    query!.exchange = null;
    query!.owner?.onFailure(query!, reason);
  }

  /** Puts those that wait on connections with room, and opens more connections for the rest. */
  #place(): void {
    for (const entry of this.#waiting.entries()) {
      const link = chooseLink(this.#pool.links, entry, this.#pace, this.#clock.nowMs);
      if (link === null) {
        if (entry.alone) continue;
        break;
      }
      this.#waiting.remove(entry.query!);
      link.send(entry);
      link.exclusive = entry.alone;
    }
    if (this.#waiting.size > 0) this.#grow();
  }

  /** Opens connections for those that wait; they fail where none can be opened. */
  #grow(): void {
    const reason = this.#pool.grow(this.#waiting, this.#answeredAtMs > 0, this.#clock.nowMs);
    if (this.#timer === null && this.#pool.links.length > 0) {
      this.#standstill.begin(this.#clock.nowMs);
      this.#timer = setInterval(this.#tick, TICK_MS);
      this.#timer.unref();
    }
    if (reason !== null) this.#failWaiting(reason);
  }

  onPatienceOver(): void {
    this.#clock.refresh();
    if (this.#waiting.size > 0) this.#place();
  }

  #failWaiting(reason: FailureReason): void {
    for (const { query } of this.#waiting.takeAll()) this.#failures.push(query!, reason);
  }

  /** Time goes by: connections idle, silent or not opened, and queries that wait in vain. */
  readonly #tick = (): void => {
    const nowMs = this.#clock.refresh();
    if (this.#standstill.precedes(nowMs)) return;
    this.#pool.tick(nowMs);
    if (this.#waiting.size > 0) this.#place();
    if (this.#waiting.size > 0) this.#makeRoom(nowMs);
    if (this.#pool.links.length > 0 || this.#waiting.size > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  };

  /** Every connection is full or silent, and there may be no more of them. */
  #makeRoom(nowMs: number): void {
    this.#dropLate();
    if (this.#waiting.size > 0) this.#place();
    if (this.#waiting.size > 0) this.#askForRoom(nowMs);
    if (this.#waiting.size === 0) return;
    this.#pool.replaceSilent(this.#waiting.favored, nowMs);
  }

  /** Asks the owners of those that have waited for some time. */
  #askForRoom(nowMs: number): void {
    this.#isMakingRoom = true;
    this.#waiting.askForRoom(this, nowMs);
    this.#isMakingRoom = false;
    this.#place();
  }

  /** Nobody waits for these any more. */
  #dropLate(): void {
    for (const link of this.#pool.links) {
      for (const { query } of link.entries()) {
        if (query === null || !query.late) continue;
        link.cancel(query);
        this.#failures.push(query, FailureReason.overload);
      }
    }
  }

  #finishClosing(): void {
    if (!this.#closing) return;
    if (this.#waiting.size === 0) for (const link of [...this.#pool.links]) if (!link.retiring) link.retire();
    if (this.#pool.links.length > 0 || this.#waiting.size > 0) return;
    if (this.#failures.length > 0) setImmediate(() => this.#finishClosing());
    else for (const resolve of this.#whenClosed.splice(0)) resolve();
  }
}
