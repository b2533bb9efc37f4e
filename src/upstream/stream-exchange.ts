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
import { ConnectBackoff } from './connect-backoff.ts';
import { type Exchange, FailureReason, UNSENT_ID, type UpstreamQuery } from './exchange.ts';
import { FailureQueue } from './failure-queue.ts';
import { FaultTeller } from './fault-teller.ts';
import { chooseLink, isStuck, MAX_CONNECTIONS, REPLACE_SILENT_MS } from './link-choice.ts';
import { MAX_QUESTION_LENGTH } from './question-match.ts';
import {
  CROWDED_MS,
  DEAD_SILENCE_MS,
  MAX_FIRST_CONNECTIONS,
  MAX_MESSAGE_LENGTH,
  MAX_RETRIES,
  MAX_WAITING,
  type StreamExchangeOptions,
  TICK_MS,
} from './stream-bounds.ts';
import { createEntry, type StreamEntry } from './stream-entry.ts';
import type { LinkHandler, StreamLink } from './stream-link.ts';

/** The connections toward one upstream in one thread. */
export class StreamExchange implements Exchange, LinkHandler {
  readonly #options: StreamExchangeOptions;
  readonly #clock: Clock;
  readonly #failures = new FailureQueue(this);
  readonly #backoff = new ConnectBackoff();
  /** All that are not closed, retiring ones included. */
  readonly #links: StreamLink[] = [];
  /** Queries without a connection: favored ones first, then oldest first. */
  #waiting = new Map<UpstreamQuery, StreamEntry>();
  /** Queries that a connection takes, as far as is known. */
  #depth: number;
  #serial = 0;
  readonly #pace = new AnswerPace();
  readonly #faults: FaultTeller;
  #answeredAtMs = 0;
  #timer: NodeJS.Timeout | null = null;
  /** Owners are being asked for room, which goes to those that are asked for. */
  #isMakingRoom = false;
  /** A timer runs that opens connections for those that still wait then. */
  #isPatient = false;
  #closing = false;
  readonly #whenClosed: (() => void)[] = [];

  constructor(options: StreamExchangeOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#faults = new FaultTeller(options.onFault);
    this.#depth = options.firstDepth;
  }

  /** What went wrong last, for the log; '' if nothing did. */
  get lastError(): string {
    return this.#faults.last;
  }

  get inFlight(): number {
    let count = this.#failures.length + this.#waiting.size;
    for (const link of this.#links) count += link.live;
    return count;
  }

  /** Connections open or opening. */
  get connections(): number {
    return this.#links.length;
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
      this.#waiting.delete(query);
    } else {
      query.id = id;
      const link = this.#links.find(({ serial }) => serial === query.channel);
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
    for (const link of [...this.#links]) {
      if (force) link.destroy();
      else if (this.#waiting.size === 0) link.retire();
    }
    return new Promise((resolve) => {
      this.#whenClosed.push(resolve);
      this.#finishClosing();
    });
  }

  onOpen(link: StreamLink): void {
    this.#backoff.succeeded();
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
    this.#links.splice(this.#links.indexOf(link), 1);
    const isFault = (unanswered.length > 0 || !link.open) && !this.#closing;
    if (isFault) this.#faults.note(reason, text, this.#clock.nowMs);
    if (!link.open && !this.#closing) this.#backoff.failed(this.#clock.nowMs, reason);
    // A server that has never sent DNS, or nothing at all, has no better answer over the next
    // connection.
    const isProven = link.answered > 0 || (link.wasSilent && this.#answeredAtMs > 0);
    const mayRepeat = isProven || (reason !== FailureReason.protocol && !link.wasSilent);
    for (const [index, entry] of unanswered.entries()) {
      const query = entry.query!;
      // Its owner may have cancelled it when told of an earlier one's failure.
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
    entry.sinceMs = this.#clock.nowMs;
    this.#waiting.set(query, entry);
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

  /**
   * Puts those that wait on connections, as far as there is room, and opens more connections for
   * the rest.
   */
  #place(): void {
    for (const [query, entry] of this.#waiting) {
      const link = chooseLink(this.#links, entry, this.#pace, this.#clock.nowMs);
      if (link === null) {
        if (entry.alone) continue;
        break;
      }
      this.#waiting.delete(query);
      link.send(entry);
      link.exclusive = entry.alone;
    }
    if (this.#waiting.size > 0) this.#grow();
  }

  /**
   * Opens as many connections as those that wait need; where that is not to be, they go on waiting,
   * or fail.
   */
  #grow(): void {
    const { nowMs } = this.#clock;
    let inUse = 0;
    let opening = 0;
    let proven = false;
    for (const link of this.#links) {
      // One that could not be opened: in a moment it is closed, and more is known.
      if (link.retiring && !link.open) return;
      if (link.retiring) continue;
      inUse++;
      if (link.answered > 0 && link.limit > 0 && !isStuck(link, this.#pace, this.#clock.nowMs)) proven = true;
      if (link.open) this.#depth = Math.max(1, link.limit);
      else opening++;
    }
    if (proven && !this.#isPatienceOver(nowMs)) return;
    const wanted = Math.min(MAX_CONNECTIONS, this.#connectionsWanted());
    const mostOpening = this.#answeredAtMs === 0 ? MAX_FIRST_CONNECTIONS : MAX_CONNECTIONS;
    while (
      opening < wanted &&
      opening < mostOpening &&
      inUse < MAX_CONNECTIONS &&
      this.#links.length < 2 * MAX_CONNECTIONS &&
      this.#backoff.mayConnect(nowMs)
    ) {
      this.#links.push(this.#options.connect(this.#serial++, this));
      opening++;
      inUse++;
    }
    if (this.#timer === null && this.#links.length > 0) {
      this.#timer = setInterval(this.#tick, TICK_MS);
      this.#timer.unref();
    }
    if (inUse === 0)
      this.#failWaiting(this.#backoff.mayConnect(nowMs) ? FailureReason.overload : this.#backoff.reason);
  }

  /** Connections that bring answers may have room before another one is open. */
  #isPatienceOver(nowMs: number): boolean {
    const [oldest] = this.#waiting.values();
    const leftMs = oldest!.sinceMs + this.#pace.patienceMs - nowMs;
    if (leftMs <= 0) return true;
    if (!this.#isPatient) setTimeout(this.#onPatienceOver, leftMs + 1).unref();
    this.#isPatient = true;
    return false;
  }

  readonly #onPatienceOver = (): void => {
    this.#isPatient = false;
    this.#clock.refresh();
    if (this.#waiting.size > 0) this.#place();
  };

  /** Those that are to be alone need a connection each, the others share. */
  #connectionsWanted(): number {
    let alone = 0;
    for (const entry of this.#waiting.values()) if (entry.alone && ++alone === MAX_CONNECTIONS) return alone;
    return alone + Math.ceil((this.#waiting.size - alone) / this.#depth);
  }

  #failWaiting(reason: FailureReason): void {
    const entries = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { query } of entries) this.#failures.push(query!, reason);
  }

  /**
   * Time goes by: connections that are idle, silent or not opened, and queries that wait in vain.
   */
  readonly #tick = (): void => {
    const nowMs = this.#clock.refresh();
    for (const link of [...this.#links]) {
      link.tick(nowMs);
      this.#judgeSilence(link, nowMs);
    }
    this.#letOthersIn(nowMs);
    if (this.#waiting.size > 0) this.#place();
    if (this.#waiting.size > 0) this.#makeRoom(nowMs);
    if (this.#links.length > 0 || this.#waiting.size > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  };

  /** Gives up a connection that brings nothing any more. */
  #judgeSilence(link: StreamLink, nowMs: number): void {
    const silentMs = link.silentMs(nowMs);
    const isUseless = link.live === 0 && silentMs > this.#pace.suspectMs;
    if (isUseless || silentMs > DEAD_SILENCE_MS) link.giveUp();
  }

  /**
   * A server that serves one connection after the other cannot get at the next one while we keep
   * this one open.
   */
  #letOthersIn(nowMs: number): void {
    const isKeptOut = this.#links.some(
      (link) => link.live > 0 && link.answered === 0 && link.silentMs(nowMs) > this.#pace.suspectMs,
    );
    if (!isKeptOut) return;
    for (const link of this.#links) if (link.open && link.load === 0) link.retire();
  }

  /** Every connection is full or silent, and there may be no more of them. */
  #makeRoom(nowMs: number): void {
    this.#dropLate();
    if (this.#waiting.size > 0) this.#place();
    if (this.#waiting.size > 0) this.#askForRoom(nowMs);
    if (this.#waiting.size === 0) return;
    const silent = this.#links
      .filter((link) => link.open && !link.retiring && isStuck(link, this.#pace, this.#clock.nowMs))
      .sort((a, b) => b.silentMs(nowMs) - a.silentMs(nowMs));
    for (const link of silent.slice(0, this.#replacementsWanted(nowMs))) {
      if (link.silentMs(nowMs) > this.#pace.suspectMs) link.giveUp();
    }
  }

  /**
   * One connection for each favored query; one in any case when none has brought anything for long.
   */
  #replacementsWanted(nowMs: number): number {
    let wanted = 0;
    let isHopeless = true;
    for (const { isFavored } of this.#waiting.values()) if (isFavored) wanted++;
    for (const link of this.#links) {
      if (!link.open) wanted--;
      if (link.silentMs(nowMs) <= REPLACE_SILENT_MS) isHopeless = false;
    }
    return Math.max(wanted, isHopeless ? 1 : 0);
  }

  /**
   * Asks the owners of those that have waited for some time. Those that others have made room for
   * leave first.
   */
  #askForRoom(nowMs: number): void {
    this.#isMakingRoom = true;
    for (const [query, entry] of [...this.#waiting]) {
      if (nowMs - entry.sinceMs < CROWDED_MS) continue;
      // Cancelled when another one was asked.
      if (entry.isFavored || query.id !== UNSENT_ID || query.exchange !== this) continue;
      entry.isFavored = query.owner?.makeRoom?.(query) === true;
      entry.mayTry = !entry.isFavored;
    }
    this.#isMakingRoom = false;
    const byFavor = [...this.#waiting].sort(([, a], [, b]) => Number(b.isFavored) - Number(a.isFavored));
    this.#waiting = new Map(byFavor);
    this.#place();
  }

  /** Nobody waits for these any more. */
  #dropLate(): void {
    for (const link of this.#links) {
      for (const { query } of link.entries()) {
        if (query === null || !query.late) continue;
        link.cancel(query);
        this.#failures.push(query, FailureReason.overload);
      }
    }
  }

  #finishClosing(): void {
    if (!this.#closing) return;
    if (this.#waiting.size === 0) for (const link of [...this.#links]) if (!link.retiring) link.retire();
    if (this.#links.length > 0 || this.#waiting.size > 0) return;
    if (this.#failures.length > 0) setImmediate(() => this.#finishClosing());
    else for (const resolve of this.#whenClosed.splice(0)) resolve();
  }
}
