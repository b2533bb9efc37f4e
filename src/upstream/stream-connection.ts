// One TCP or TLS connection toward an upstream: framed messages, pipelined as far as the server
// tolerates it, replies in any order (RFC 7766 §6.2.1, §7).
import type { RandomPool } from '../base/random.ts';
import { FRAME_HEADER_LENGTH, FrameReader } from '../io/tcp-framing.ts';
import { Counter, type Counters } from '../metrics/counters.ts';
import { FailureReason, type UpstreamQuery } from './exchange.ts';
import { answersEntry, type StreamEntry } from './stream-entry.ts';
import { type LinkHandler, type LinkOptions, StreamLink } from './stream-link.ts';

/** Canceled queries that the server never answered: with more, the connection is given up. */
const MAX_ABANDONED = 256;
/** Queries on a connection whose owners wait. */
const MAX_LIVE = 64;
/** Messages that match no query before the server is taken for broken. */
const MAX_STRAYS = 16;

export interface StreamConnectionOptions extends LinkOptions {
  readonly random: RandomPool;
  readonly counters: Counters;
}

/** See the head of the file. Connects at once. */
export class StreamConnection extends StreamLink {
  readonly #random: RandomPool;
  readonly #counterValues: Float64Array;
  readonly #reader: FrameReader;
  /** By ID, oldest first, canceled ones included. */
  readonly #pending = new Map<number, StreamEntry>();
  /**
   * Those sent after the last one that was answered, canceled ones included: a server that answers
   * in order has them to do.
   */
  #ahead = 0;
  #orders = 0;
  /** The highest order that was answered. */
  #answeredOrder = -1;
  #answeredMs = 0;
  #strays = 0;
  #corked = false;

  constructor(serial: number, handler: LinkHandler, options: StreamConnectionOptions) {
    super(serial, handler, options);
    this.#random = options.random;
    this.#counterValues = options.counters.values;
    this.#reader = new FrameReader({
      onMessage: (bytes, length) => this.#onMessage(bytes, length),
      onFramingError: () => this.#giveUp('not DNS: a message too short to be one'),
    });
    this.socket.on('data', (chunk: Buffer) => {
      this.clock.refresh();
      this.#reader.push(chunk);
    });
  }

  override get load(): number {
    return this.depth.isConcurrent ? this.live : this.#ahead;
  }

  protected override get owed(): number {
    return this.#ahead;
  }

  override get canOvertake(): boolean {
    return this.depth.isConcurrent;
  }

  protected override get ownLimit(): number {
    return this.live < MAX_LIVE ? this.depth.limit : 0;
  }

  override send(entry: StreamEntry): void {
    const query = entry.query!;
    let id = this.#random.uint16();
    while (this.#pending.has(id)) id = this.#random.uint16(); // few of 65,536 are taken
    entry.frame[FRAME_HEADER_LENGTH] = id >>> 8;
    entry.frame[FRAME_HEADER_LENGTH + 1] = id & 0xff;
    this.sent(entry);
    this.#ahead++;
    entry.order = this.#orders++;
    this.#pending.set(id, entry);
    query.id = id;
    query.channel = this.serial;
    this.#write(entry);
  }

  /** The ID stays taken until the reply has come, so that no other query can get it. */
  override cancel(query: UpstreamQuery): void {
    const entry = this.#pending.get(query.id);
    if (entry?.query !== query) return;
    entry.query = null;
    this.left();
    if (this.#pending.size - this.live > MAX_ABANDONED) this.retire();
  }

  override entries(): StreamEntry[] {
    return [...this.#pending.values()].filter((entry) => entry.query !== null);
  }

  protected override onTransport(): void {
    this.opened();
  }

  /** Writes a frame; those of one turn leave together. */
  #write(entry: StreamEntry): void {
    if (!this.#corked) {
      this.#corked = true;
      this.socket.cork();
      process.nextTick(this.#uncork);
    }
    this.socket.write(entry.frame);
  }

  readonly #uncork = (): void => {
    this.#corked = false;
    this.socket.uncork();
  };

  #onMessage(bytes: Uint8Array, length: number): void {
    const id = (bytes[0]! << 8) | bytes[1]!;
    const entry = this.#pending.get(id);
    if (entry === undefined || !answersEntry(entry, bytes, length, this.#counterValues)) {
      this.#counterValues[Counter.upstreamMismatches]!++;
      if (++this.#strays > MAX_STRAYS) this.#giveUp('replies that match no query');
      return;
    }
    this.#pending.delete(id);
    // What was sent before the last answer came was owed all the while.
    if (this.answered > 0 && entry.sinceMs <= this.#answeredMs)
      this.depth.gap(this.clock.nowMs - this.#answeredMs);
    this.#answeredMs = this.clock.nowMs;
    this.heardAnswer();
    this.depth.answered(this.answered);
    if (entry.order < this.#answeredOrder) {
      this.depth.overtaken();
    } else {
      this.#answeredOrder = entry.order;
      this.#ahead = this.#countAhead();
      const [oldest] = this.#pending.values();
      if (oldest !== undefined && oldest.order < entry.order)
        this.depth.passed(entry.sinceMs - oldest.sinceMs, this.clock.nowMs - entry.sinceMs);
    }
    if (entry.query === null) return;
    this.left();
    this.handler.onAnswer(entry, bytes, length);
  }

  #countAhead(): number {
    let count = 0;
    for (const { order } of this.#pending.values()) if (order > this.#answeredOrder) count++;
    return count;
  }

  #giveUp(text: string): void {
    this.#reader.stop();
    this.destroy(FailureReason.protocol, text);
  }
}
