// A TCP or TLS connection as a lane: queries pipelined, many in one write; answers in any order
// (RFC 7766 §6.2.1, RFC 7858). A connection that breaks loses its queries and is opened again.
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { FRAME_HEADER_LENGTH, type FrameHandler, FrameReader, writeFrameHeader } from '../io/tcp-framing.ts';
import { writeUint16 } from '../wire/bytes.ts';
import { fingerprint, InFlightTable } from './in-flight-table.ts';
import type { Lane, LaneOptions } from './lane.ts';
import { LONGEST_QUERY } from './query-source.ts';

/**
 * IDs of a connection, and so its most queries in flight. Small, as there may be thousands of
 * connections.
 */
const TABLE_SIZE = 4096;
/** Bytes gathered before they are handed over without waiting for the turn's end. */
const WRITE_BYTES = 16 * 1024;
/** Bytes that the kernel has not taken yet; beyond, nothing is sent. */
const MAX_QUEUED_BYTES = 256 * 1024;
const CONNECT_TIMEOUT_MS = 5000;
const RECONNECT_MS = 100;

/** Opens a connection; rejects when that fails the first time. */
export async function openStreamLane(options: LaneOptions): Promise<StreamLane> {
  const lane = new StreamLane(options);
  await lane.open();
  return lane;
}

/** A connection with its queries in flight. */
export class StreamLane implements Lane, FrameHandler {
  readonly table = new InFlightTable(TABLE_SIZE);
  window = 0;
  readonly #options: LaneOptions;
  #socket: Socket | null = null;
  #reader = new FrameReader(this);
  #connected = false;
  #closed = false;
  #reconnect: NodeJS.Timeout | undefined;
  #out: Uint8Array = new Uint8Array(WRITE_BYTES);
  #outLength = 0;
  #nowMs = 0;

  constructor(options: LaneOptions) {
    this.#options = options;
  }

  get ready(): boolean {
    return this.#connected && !this.table.full && this.#socket!.writableLength < MAX_QUEUED_BYTES;
  }

  send(intendedMs: number, nowMs: number): void {
    if (this.#outLength + FRAME_HEADER_LENGTH + LONGEST_QUERY > WRITE_BYTES) this.flush();
    const out = this.#out;
    const at = this.#outLength + FRAME_HEADER_LENGTH;
    const length = this.#options.source.write(out, at);
    writeUint16(out, at, this.table.take(fingerprint(out, at), intendedMs, nowMs));
    writeFrameHeader(out, this.#outLength, length);
    this.#outLength = at + length;
    this.#options.tally.sent++;
  }

  flush(): void {
    if (this.#outLength === 0) return;
    // The stream keeps the bytes until the kernel has them, so the next turn writes elsewhere.
    this.#socket?.write(this.#out.subarray(0, this.#outLength));
    this.#out = new Uint8Array(WRITE_BYTES);
    this.#outLength = 0;
  }

  /** Resolves when connected (TLS included), rejects when that fails. */
  open(): Promise<void> {
    const { address, port, serverName, ca, insecure } = this.#options.target;
    const isTls = this.#options.target.proto === 'tls';
    const socket = isTls
      ? connectTls({
          host: address,
          port,
          ALPNProtocols: ['dot'],
          rejectUnauthorized: !insecure,
          ...(isIP(serverName) === 0 ? { servername: serverName } : {}),
          ...(ca === null ? {} : { ca }),
        })
      : connectTcp({ host: address, port });
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => socket.destroy(new Error('ETIMEDOUT')));
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    return new Promise((resolve, reject) => {
      socket.once(isTls ? 'secureConnect' : 'connect', () => {
        socket.setTimeout(0);
        this.#connected = true;
        resolve();
        this.#options.onAnswers(this, performance.now());
      });
      let failure = new Error('the server closed the connection');
      socket.on('error', (error: NodeJS.ErrnoException) => {
        failure = error;
        if (!this.#closed) this.#options.tally.onError(error.code ?? error.message);
      });
      socket.once('close', () => {
        reject(failure);
        this.#onClose();
      });
    });
  }

  #onData(chunk: Buffer): void {
    this.#nowMs = performance.now();
    this.#reader.push(chunk);
    this.#options.onAnswers(this, this.#nowMs);
  }

  onMessage(bytes: Uint8Array, length: number): void {
    this.#options.tally.onMessage(this.table, bytes, length, this.#nowMs);
  }

  onFramingError(): void {
    this.#options.tally.onError('FRAMING');
    this.#socket?.destroy();
  }

  #onClose(): void {
    const wasConnected = this.#connected;
    this.#connected = false;
    if (this.#closed) return;
    const { tally } = this.#options;
    tally.connectionFailures++;
    tally.lost += this.table.clear();
    this.#outLength = 0;
    this.#reader = new FrameReader(this);
    // The first attempt is open()'s caller's to judge.
    if (!wasConnected && this.#reconnect === undefined) return;
    this.#reconnect = setTimeout(() => this.open().catch(() => {}), RECONNECT_MS);
  }

  close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#reconnect);
    const socket = this.#socket;
    if (socket === null || socket.destroyed) return Promise.resolve();
    return new Promise((resolve) => {
      socket.once('close', () => resolve());
      socket.destroy();
    });
  }
}
