// The connection of one worker to the reader of its dnstap events: connects, greets, writes, and
// connects again. Nobody waits for it: what the reader does not take is dropped and counted; that
// there is none is reported.
import { createConnection, type Socket } from 'node:net';
import { Counter, type Counters } from '../metrics/counters.ts';
import { Control, ControlReader, controlFrame, dataHeader } from './frame-stream.ts';

/** A Unix socket, or a host and port. */
export type DnstapTarget = { readonly path: string } | { readonly host: string; readonly port: number };

/** Bytes that wait for the reader, at most. */
export const MAX_WAITING_BYTES = 1024 * 1024;
/** How long events are gathered before they are written together. */
const GATHER_MS = 20;
const RECONNECT_MS = 1000;
/** For the connection and the reader's ACCEPT. */
const GREETING_MS = 5000;
/** For what waits, and the reader's FINISH, at the end. */
const FINISH_MS = 500;

/** Told of each connection that comes to nothing, why; null: the reader is there again. */
export type ReaderReport = (fault: string | null) => void;

export class DnstapOutput {
  readonly #target: DnstapTarget;
  readonly #counters: Counters;
  readonly #report: ReaderReport;
  #socket: Socket | null = null;
  /** The reader has said that it takes our events. */
  #isAccepted = false;
  /** The last connection came to nothing. */
  #isMissed = false;
  #closing = false;
  #gathered: Uint8Array[] = [];
  #gatheredBytes = 0;
  #flushTimer: NodeJS.Timeout | null = null;
  #retryTimer: NodeJS.Timeout | null = null;
  #finished: () => void = () => {};

  constructor(target: DnstapTarget, counters: Counters, report: ReaderReport) {
    this.#target = target;
    this.#counters = counters;
    this.#report = report;
    this.#connect();
  }

  /** Sends an event, or drops it. */
  send(event: Uint8Array): void {
    const waiting = this.#gatheredBytes + (this.#isAccepted ? this.#socket!.writableLength : 0);
    if (waiting + event.length > MAX_WAITING_BYTES) {
      this.#counters.increment(Counter.dnstapDropped);
      return;
    }
    this.#gathered.push(dataHeader(event.length), event);
    this.#gatheredBytes += event.length;
    if (this.#isAccepted) this.#flushTimer ??= setTimeout(() => this.#flush(), GATHER_MS);
  }

  /** Writes what waits and says goodbye; resolves when that is done or the time for it is over. */
  async close(): Promise<void> {
    this.#closing = true;
    clearTimeout(this.#retryTimer ?? undefined);
    if (this.#isAccepted) {
      this.#flush();
      const finished = new Promise<void>((resolve) => {
        this.#finished = resolve;
      });
      const patience = setTimeout(this.#finished, FINISH_MS);
      this.#socket!.write(controlFrame(Control.stop));
      await finished;
      clearTimeout(patience);
    }
    this.#socket?.destroy();
  }

  #connect(): void {
    const socket = createConnection(this.#target);
    const reader = new ControlReader();
    let fault = 'it does not take our events: no ACCEPT of protobuf:dnstap.Dnstap';
    this.#socket = socket;
    socket.setTimeout(GREETING_MS, () => {
      if (!this.#isAccepted) socket.destroy();
    });
    socket.on('connect', () => socket.write(controlFrame(Control.ready)));
    socket.on('data', (chunk) => this.#onControl(socket, reader.push(chunk)));
    // 'close' follows.
    socket.on('error', (error) => {
      fault = error.message;
    });
    socket.on('close', () => this.#onClose(fault));
  }

  #onControl(socket: Socket, controls: Control[] | null): void {
    if (controls === null) socket.destroy();
    for (const control of controls ?? []) {
      if (control === Control.accept && !this.#isAccepted) {
        this.#isAccepted = true;
        this.#counters.values[Counter.dnstapConnected] = 1;
        if (this.#isMissed) this.#report(null);
        this.#isMissed = false;
        socket.write(controlFrame(Control.start));
        this.#flush();
      } else if (control === Control.finish) {
        this.#finished();
        socket.destroy();
      }
    }
  }

  #onClose(fault: string): void {
    if (!this.#isAccepted && !this.#closing) {
      this.#isMissed = true;
      this.#report(fault);
    }
    this.#isAccepted = false;
    this.#counters.values[Counter.dnstapConnected] = 0;
    this.#finished();
    if (!this.#closing) this.#retryTimer = setTimeout(() => this.#connect(), RECONNECT_MS);
  }

  #flush(): void {
    clearTimeout(this.#flushTimer ?? undefined);
    this.#flushTimer = null;
    if (!this.#isAccepted || this.#gathered.length === 0) return;
    const events = this.#gathered.length / 2;
    this.#socket!.write(Buffer.concat(this.#gathered), (error) => {
      // The kernel has it, or the connection is gone.
      this.#counters.values[error ? Counter.dnstapDropped : Counter.dnstapSent]! += events;
    });
    this.#gathered = [];
    this.#gatheredBytes = 0;
  }
}
