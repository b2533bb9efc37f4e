// One HTTPS connection toward a DNS server (RFC 8484): HTTP/2, or HTTP/1.1 where the server has
// nothing else. HTTP tells the replies apart, so the ID on the wire is 0, which lets the server's
// caches work (§4.1).
import type { TLSSocket } from 'node:tls';
import { FRAME_HEADER_LENGTH } from '../io/tcp-framing.ts';
import { Counter, type Counters } from '../metrics/counters.ts';
import type { DohClient, ResponseHandler } from './doh-client.ts';
import { Http1Client } from './doh-http1.ts';
import { Http2Client } from './doh-http2.ts';
import { FailureReason, type UpstreamQuery } from './exchange.ts';
import { answersEntry, type StreamEntry } from './stream-entry.ts';
import { type LinkHandler, type LinkOptions, StreamLink } from './stream-link.ts';

export interface DohConnectionOptions extends LinkOptions {
  /** "dns.example:8443". */
  readonly authority: string;
  readonly urlPath: string;
  readonly counters: Counters;
}

interface Request {
  readonly entry: StreamEntry;
  cancel(): void;
}

/** See the head of the file. Connects at once. */
export class DohConnection extends StreamLink {
  readonly #options: DohConnectionOptions;
  /** In the order they were sent. */
  readonly #requests = new Map<UpstreamQuery, Request>();
  #client: DohClient | null = null;
  /** With more requests than this under way the server refused one, whatever its settings say. */
  #refusedAbove = Number.POSITIVE_INFINITY;

  constructor(serial: number, handler: LinkHandler, options: DohConnectionOptions) {
    super(serial, handler, options);
    this.#options = options;
  }

  override get load(): number {
    return this.live;
  }

  protected override get owed(): number {
    return this.live;
  }

  override get canOvertake(): boolean {
    return true;
  }

  protected override get ownLimit(): number {
    return Math.min(this.#client?.limit ?? 0, this.#refusedAbove);
  }

  override send(entry: StreamEntry): void {
    const query = entry.query!;
    this.sent(entry);
    query.id = 0;
    query.channel = this.serial;
    const body = entry.frame.subarray(FRAME_HEADER_LENGTH);
    this.#requests.set(query, { entry, cancel: this.#client!.post(body, this.#handlerOf(query, entry)) });
  }

  override cancel(query: UpstreamQuery): void {
    const request = this.#requests.get(query);
    if (request === undefined) return;
    this.#forget(query);
    request.cancel();
  }

  override entries(): StreamEntry[] {
    return [...this.#requests.values()].map(({ entry }) => entry);
  }

  protected override onTransport(): void {
    const { authority, urlPath } = this.#options;
    const socket = this.socket as TLSSocket;
    const server = { authority, urlPath, socket };
    const owner = {
      onReady: () => this.opened(),
      onAlive: () => {
        this.heardMs = this.clock.refresh();
      },
      onGoingAway: () => this.retire(),
      onBroken: (text: string) => this.destroy(this.open ? FailureReason.closed : FailureReason.tls, text),
    };
    // A server without ALPN speaks HTTP/1.1 (RFC 9113 §3.2).
    this.#client =
      socket.alpnProtocol === 'h2' ? new Http2Client(server, owner) : new Http1Client(server, owner);
    // HTTP/1.1 has no settings to wait for.
    if (this.#client.limit > 0) this.opened();
  }

  protected override ping(): void {
    this.#client?.ping();
  }

  #handlerOf(query: UpstreamQuery, entry: StreamEntry): ResponseHandler {
    const isOver = () => this.#requests.get(query)?.entry !== entry;
    return {
      onResponse: (body) => {
        this.clock.refresh();
        if (isOver()) return;
        this.heardAnswer();
        this.depth.answered(this.answered);
        this.#refusedAbove++;
        if (!answersEntry(entry, body, body.length, this.#options.counters.values)) {
          this.#options.counters.values[Counter.upstreamMismatches]!++;
          this.#lose(query, entry, FailureReason.protocol, 'a response that does not answer the query');
          return;
        }
        this.#forget(query);
        this.handler.onAnswer(entry, body, body.length);
      },
      onUseless: (text) => {
        this.clock.refresh();
        if (isOver()) return;
        this.heardAnswer();
        this.#lose(query, entry, FailureReason.protocol, text);
      },
      onLost: (refused, text) => {
        // What becomes of the queries of a lost connection is decided when it has closed.
        if (isOver() || this.socket.destroyed) return;
        this.clock.refresh();
        this.#forget(query);
        // It goes on to answer those that it has not refused.
        if (refused && this.retiring) this.depth.closedEarly(this.answered + this.live);
        else if (refused) this.#refusedAbove = Math.max(1, this.live);
        this.handler.onLost(entry, refused, FailureReason.closed, text);
      },
    };
  }

  #lose(query: UpstreamQuery, entry: StreamEntry, reason: FailureReason, text: string): void {
    const request = this.#requests.get(query)!;
    this.#forget(query);
    request.cancel();
    this.handler.onLost(entry, false, reason, text);
  }

  #forget(query: UpstreamQuery): void {
    this.#requests.delete(query);
    this.left();
  }
}
