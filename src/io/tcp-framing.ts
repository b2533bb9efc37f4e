// DNS messages in a stream: two bytes of length, then the message (RFC 1035 §4.2.2, RFC 7766 §8).
// Used by the TCP listener and by TCP and TLS upstreams.
//
//   chunk      │len│ message │len│ message │len│ mess       each message is passed on as words, in memory that all streams share
//   chunk      age │len│ …                                  one cut in two is put together in a buffer of its own
import { copyBytes, WordBytes } from '../base/word-bytes.ts';

/** Bytes of the length field. */
export const FRAME_HEADER_LENGTH = 2;
/** The shortest message: a DNS header. */
const MIN_MESSAGE_LENGTH = 12;
/**
 * First size of the buffer for a message in parts. It grows as bytes come, not as a length is
 * announced.
 */
const FIRST_BUFFER_BYTES = 512;
const EMPTY = new Uint8Array(0);
/** The message passed to a handler. One per thread: only one stream is read at a time. */
const message = WordBytes.ofLength(0x10000);

/** Receives the messages of a stream. Must not throw. */
export interface FrameHandler {
  /**
   * One whole message: the first `length` bytes of `bytes`, valid during the call only. It may not
   * push() to any reader.
   */
  onMessage(bytes: WordBytes, length: number): void;
  /**
   * A length that no message can have: the stream is out of step. Called once; nothing is read any
   * more.
   */
  onFramingError(): void;
}

/**
 * Cuts a stream into messages. Holds at most one unfinished message, and no buffer between
 * messages.
 */
export class FrameReader {
  readonly #handler: FrameHandler;
  /** Length of the message being read, −1 while its length field is not complete. */
  #length = -1;
  /** First byte of a length field that was cut in two, −1 otherwise. */
  #highByte = -1;
  #buffer: Uint8Array = EMPTY;
  /** Bytes of the message in the buffer. */
  #gathered = 0;
  #stopped = false;
  #held = false;

  constructor(handler: FrameHandler) {
    this.#handler = handler;
  }

  /**
   * Whether a message has begun and is not complete: the stream may not end here, nor wait for
   * long.
   */
  get partial(): boolean {
    return this.#length >= 0 || this.#highByte >= 0;
  }

  /** Stops reading and drops what was gathered. May be called from the handler. */
  stop(): void {
    this.#stopped = true;
    this.#length = -1;
    this.#highByte = -1;
    this.#buffer = EMPTY;
    this.#gathered = 0;
  }

  /** Takes nothing more of the chunk that is being pushed. For the handler. */
  hold(): void {
    this.#held = true;
  }

  /**
   * Takes the next bytes of the stream; calls the handler for each message that they complete.
   * Returns how many it took: all, unless the handler said hold(); the others are to be pushed
   * again.
   */
  push(chunk: Uint8Array): number {
    const end = chunk.length;
    let offset = 0;
    this.#held = false;
    while (offset < end && !this.#stopped && !this.#held) {
      if (this.#length < 0) {
        offset = this.#readLength(chunk, offset);
        continue;
      }
      if (this.#gathered === 0 && end - offset >= this.#length) {
        const length = this.#length;
        this.#length = -1;
        copyBytes(chunk, offset, message, 0, length);
        offset += length;
        this.#handler.onMessage(message, length);
        continue;
      }
      offset = this.#gather(chunk, offset);
    }
    return this.#stopped ? end : offset;
  }

  /** Reads a length field, or the half of it that is there. Returns the offset after it. */
  #readLength(chunk: Uint8Array, offset: number): number {
    if (this.#highByte < 0) {
      this.#highByte = chunk[offset]!;
      return offset + 1;
    }
    this.#length = (this.#highByte << 8) | chunk[offset]!;
    this.#highByte = -1;
    if (this.#length < MIN_MESSAGE_LENGTH) {
      this.stop();
      this.#handler.onFramingError();
    }
    return offset + 1;
  }

  /**
   * Adds bytes to the message in parts; passes it on when it is complete. Returns the offset after
   * them.
   */
  #gather(chunk: Uint8Array, offset: number): number {
    const taken = Math.min(this.#length - this.#gathered, chunk.length - offset);
    this.#reserve(this.#gathered + taken);
    this.#buffer.set(chunk.subarray(offset, offset + taken), this.#gathered);
    this.#gathered += taken;
    if (this.#gathered === this.#length) {
      const length = this.#length;
      copyBytes(this.#buffer, 0, message, 0, length);
      this.#length = -1;
      this.#buffer = EMPTY;
      this.#gathered = 0;
      this.#handler.onMessage(message, length);
    }
    return offset + taken;
  }

  /**
   * Makes room for `wanted` bytes. Doubling keeps the copies linear; the announced length is the
   * limit.
   */
  #reserve(wanted: number): void {
    if (wanted <= this.#buffer.length) return;
    const size = Math.min(this.#length, Math.max(wanted, 2 * this.#buffer.length, FIRST_BUFFER_BYTES));
    const grown = new Uint8Array(size);
    grown.set(this.#buffer.subarray(0, this.#gathered));
    this.#buffer = grown;
  }
}

/** Writes the length field of a message of `length` bytes at bytes[offset]. */
export function writeFrameHeader(bytes: Uint8Array, offset: number, length: number): void {
  bytes[offset] = length >> 8;
  bytes[offset + 1] = length & 0xff;
}
