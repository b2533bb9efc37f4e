// Queries for the tests of the exchanges, and an owner that remembers what it was told.

import { type FailureReason, type ReplyOwner, UpstreamQuery } from '../../src/upstream/exchange.ts';
import { textToName } from '../../src/wire/text.ts';

/** A query for an A record, ready to send. */
export function createQuery(
  name: string,
  owner: ReplyOwner,
  options: { type?: number; matchCase?: boolean } = {},
): UpstreamQuery {
  const query = new UpstreamQuery();
  const wireName = textToName(name);
  const bytes = Buffer.alloc(12 + wireName.length + 4);
  bytes.writeUInt16BE(0x0100, 2); // RD
  bytes.writeUInt16BE(1, 4); // QDCOUNT
  bytes.set(wireName, 12);
  bytes.writeUInt16BE(options.type ?? 1, 12 + wireName.length);
  bytes.writeUInt16BE(1, 14 + wireName.length);
  query.bytes = bytes;
  query.length = bytes.length;
  query.questionEnd = bytes.length;
  query.matchCase = options.matchCase ?? true;
  query.owner = owner;
  return query;
}

export type Outcome =
  | { readonly kind: 'reply'; readonly query: UpstreamQuery; readonly bytes: Buffer }
  | { readonly kind: 'failure'; readonly query: UpstreamQuery; readonly reason: FailureReason }
  | { readonly kind: 'suspicious'; readonly query: UpstreamQuery };

/** Remembers every call, in order. */
export class RecordingOwner implements ReplyOwner {
  readonly outcomes: Outcome[] = [];
  /** What onReply returns. */
  takes: (bytes: Uint8Array) => boolean = () => true;
  /** What makeRoom does and returns. */
  givesUpOthers: (query: UpstreamQuery) => boolean = () => false;
  #waiting: { count: number; resolve: () => void }[] = [];

  onReply(query: UpstreamQuery, bytes: Uint8Array, length: number): boolean {
    const copy = Buffer.from(bytes.subarray(0, length));
    const taken = this.takes(copy);
    if (taken) this.#add({ kind: 'reply', query, bytes: copy });
    return taken;
  }

  onFailure(query: UpstreamQuery, reason: FailureReason): void {
    this.#add({ kind: 'failure', query, reason });
  }

  makeRoom(query: UpstreamQuery): boolean {
    return this.givesUpOthers(query);
  }

  onSuspicious(query: UpstreamQuery): void {
    this.#add({ kind: 'suspicious', query });
  }

  get replies(): number {
    return this.outcomes.filter((outcome) => outcome.kind === 'reply').length;
  }

  /** The outcome at a position, when it has come. */
  async outcome(index: number): Promise<Outcome> {
    await this.told(index + 1);
    return this.outcomes[index]!;
  }

  /** Resolves when there were `count` outcomes. */
  told(count: number): Promise<void> {
    return new Promise((resolve) => {
      if (this.outcomes.length >= count) resolve();
      else this.#waiting.push({ count, resolve });
    });
  }

  #add(outcome: Outcome): void {
    this.outcomes.push(outcome);
    const reached = this.#waiting.filter((waiter) => waiter.count <= this.outcomes.length);
    this.#waiting = this.#waiting.filter((waiter) => waiter.count > this.outcomes.length);
    for (const waiter of reached) waiter.resolve();
  }
}
