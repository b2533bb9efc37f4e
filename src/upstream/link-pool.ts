// The connections toward one upstream: opened as those that wait need them, given up when the
// server is silent. Belongs to stream-exchange, which puts queries on them.
import type { AnswerPace } from './answer-pace.ts';
import { ConnectBackoff } from './connect-backoff.ts';
import { FailureReason } from './exchange.ts';
import { isStuck, MAX_CONNECTIONS, REPLACE_SILENT_MS } from './link-choice.ts';
import { DEAD_SILENCE_MS, MAX_FIRST_CONNECTIONS, type StreamExchangeOptions } from './stream-bounds.ts';
import type { LinkHandler, StreamLink } from './stream-link.ts';
import type { WaitingQueries } from './waiting-queries.ts';

/** Who uses the connections: StreamExchange. */
export interface LinkPoolOwner extends LinkHandler {
  /** Connections had time to take those that wait, and those that still do need more of them. */
  onPatienceOver(): void;
}

export class LinkPool {
  /** All that are not closed, retiring ones included. */
  readonly links: StreamLink[] = [];
  readonly backoff = new ConnectBackoff();
  readonly #options: StreamExchangeOptions;
  readonly #owner: LinkPoolOwner;
  readonly #pace: AnswerPace;
  /** Queries that a connection takes, as far as is known. */
  #depth: number;
  #serial = 0;
  /** A timer runs that opens connections for those that still wait then. */
  #isPatient = false;

  constructor(options: StreamExchangeOptions, owner: LinkPoolOwner, pace: AnswerPace) {
    this.#options = options;
    this.#owner = owner;
    this.#pace = pace;
    this.#depth = options.firstDepth;
  }

  /** Queries that are sent and not answered. */
  get live(): number {
    let count = 0;
    for (const link of this.links) count += link.live;
    return count;
  }

  remove(link: StreamLink): void {
    this.links.splice(this.links.indexOf(link), 1);
  }

  /**
   * Opens as many connections as those that wait need. Returns why they must fail; null: they go on
   * waiting.
   * @param isKnown the server has answered before
   */
  grow(waiting: WaitingQueries, isKnown: boolean, nowMs: number): FailureReason | null {
    let inUse = 0;
    let opening = 0;
    let proven = false;
    for (const link of this.links) {
      // One that could not be opened: in a moment it is closed, and more is known.
      if (link.retiring && !link.open) return null;
      if (link.retiring) continue;
      inUse++;
      if (link.answered > 0 && link.limit > 0 && !isStuck(link, this.#pace, nowMs)) proven = true;
      if (link.open) this.#depth = Math.max(1, link.limit);
      else opening++;
    }
    if (proven && !this.#isPatienceOver(waiting.firstSinceMs, nowMs)) return null;
    const wanted = waiting.connectionsWanted(this.#depth, MAX_CONNECTIONS);
    const mostOpening = isKnown ? MAX_CONNECTIONS : MAX_FIRST_CONNECTIONS;
    while (
      opening < wanted &&
      opening < mostOpening &&
      inUse < MAX_CONNECTIONS &&
      this.links.length < 2 * MAX_CONNECTIONS &&
      this.backoff.mayConnect(nowMs)
    ) {
      this.links.push(this.#options.connect(this.#serial++, this.#owner));
      opening++;
      inUse++;
    }
    if (inUse > 0) return null;
    return this.backoff.mayConnect(nowMs) ? FailureReason.overload : this.backoff.reason;
  }

  /** Connections that bring answers may have room before another one is open. */
  #isPatienceOver(sinceMs: number, nowMs: number): boolean {
    const leftMs = sinceMs + this.#pace.patienceMs - nowMs;
    if (leftMs <= 0) return true;
    if (!this.#isPatient) setTimeout(this.#onPatienceOver, leftMs + 1).unref();
    this.#isPatient = true;
    return false;
  }

  readonly #onPatienceOver = (): void => {
    this.#isPatient = false;
    this.#owner.onPatienceOver();
  };

  /** Time goes by: connections that are idle, silent or not opened. */
  tick(nowMs: number): void {
    for (const link of [...this.links]) {
      link.tick(nowMs);
      this.#judgeSilence(link, nowMs);
    }
    this.#letOthersIn(nowMs);
  }

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
    const isKeptOut = this.links.some(
      (link) => link.live > 0 && link.answered === 0 && link.silentMs(nowMs) > this.#pace.suspectMs,
    );
    if (!isKeptOut) return;
    for (const link of this.links) if (link.open && link.load === 0) link.retire();
  }

  /**
   * Gives up connections whose servers were silent for longest: one for each favored query; one in
   * any case when none has brought anything for long.
   */
  replaceSilent(favored: number, nowMs: number): void {
    let wanted = favored;
    let isHopeless = true;
    for (const link of this.links) {
      if (!link.open) wanted--;
      if (link.silentMs(nowMs) <= REPLACE_SILENT_MS) isHopeless = false;
    }
    const silent = this.links
      .filter((link) => link.open && !link.retiring && isStuck(link, this.#pace, nowMs))
      .sort((a, b) => b.silentMs(nowMs) - a.silentMs(nowMs));
    for (const link of silent.slice(0, Math.max(wanted, isHopeless ? 1 : 0))) {
      if (link.silentMs(nowMs) > this.#pace.suspectMs) link.giveUp();
    }
  }
}
