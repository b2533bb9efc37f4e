// `GET /events`: what the server says of itself once a second, as server-sent events (the HTML
// standard, §9.2), to each client that keeps its stream open. Bounded: the streams, and for each
// one what its socket takes and one message. Opened by routes.ts, ended by http.ts at the stop.
import type { ServerResponse } from 'node:http';

export const MAX_STREAMS = 16;
const INTERVAL_MS = 1000;
/** A reader that took nothing while this many messages passed is let go; it gets none of them. */
const MISSED_AT_MOST = 5;
/** Told to the reader: after how many ms it connects again. */
const OPENING = 'retry: 1000\n\n';

/** Which stream: `status` is JSON for programs, `page` is for the status page's own script. */
export type EventKind = 'status' | 'page';

interface Stream {
  readonly kind: EventKind;
  readonly response: ServerResponse;
  missed: number;
}

export interface EventStreamsOptions {
  /** The data of a message: one line. */
  readonly makers: Readonly<Record<EventKind, () => string>>;
  /** Told when a message could not be made. */
  readonly report: (error: Error) => void;
}

export class EventStreams {
  readonly #options: EventStreamsOptions;
  readonly #streams = new Set<Stream>();
  /** One for all streams, and only while there are some. */
  #timer: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(options: EventStreamsOptions) {
    this.#options = options;
  }

  get isFull(): boolean {
    return this.#closed || this.#streams.size >= MAX_STREAMS;
  }

  /** Streams to a response whose head was written, until either side ends it. */
  add(kind: EventKind, response: ServerResponse): void {
    if (this.isFull) {
      response.end();
      return;
    }
    const stream = { kind, response, missed: 0 };
    this.#streams.add(stream);
    response.once('close', () => this.#remove(stream));
    response.write(OPENING);
    this.#timer ??= setInterval(() => this.#tick(), INTERVAL_MS).unref();
  }

  /** Ends all streams; those that come later end at once. */
  close(): void {
    this.#closed = true;
    this.#endAll();
  }

  #endAll(): void {
    for (const { response } of this.#streams) response.end();
  }

  #remove(stream: Stream): void {
    this.#streams.delete(stream);
    if (this.#streams.size > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }

  #tick(): void {
    try {
      // Each message is made once, however many read it.
      const made = new Map<EventKind, string>();
      for (const stream of this.#streams) {
        const message = made.get(stream.kind) ?? this.#make(stream.kind);
        made.set(stream.kind, message);
        send(stream, message);
      }
    } catch (error) {
      this.#options.report(error instanceof Error ? error : new Error(String(error)));
      this.#endAll();
    }
  }

  #make(kind: EventKind): string {
    return `event: ${kind}\ndata: ${this.#options.makers[kind]()}\n\n`;
  }
}

function send(stream: Stream, message: string): void {
  const { response } = stream;
  // It has not taken all of it yet. A write after the end is an error that nobody catches.
  if (response.writableEnded) return;
  // The last message has not left yet: the next one would only grow the queue.
  if (response.writableNeedDrain) {
    if (++stream.missed >= MISSED_AT_MOST) response.destroy();
    return;
  }
  stream.missed = 0;
  response.write(message);
}
