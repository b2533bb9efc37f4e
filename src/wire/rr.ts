// A cursor over resource records: where each starts, its type, class, TTL and RDATA, checked
// against the message's end. Called by code that looks at single records; parseQuery() and
// scanResponse() have walks of their own (RFC 1035 §4.1.3).
//
//   NAME (labels, pointer) | TYPE 16 | CLASS 16 | TTL 32 | RDLENGTH 16 | RDATA

import { readUint16 } from './bytes.ts';
import { skipName } from './name.ts';

/** TYPE, CLASS, TTL and RDLENGTH together, bytes. */
export const RR_FIXED_LENGTH = 10;
/** The shortest record: the root's name and the fixed part. */
export const MIN_RR_LENGTH = 1 + RR_FIXED_LENGTH;

const EMPTY = new Uint8Array(0);

/**
 * Reusable: reset() to a section (or all of them), then next() until it returns false; then check
 * `failed`.
 */
export class RrCursor {
  nameOffset = 0;
  type = 0;
  class = 0;
  ttlOffset = 0;
  rdataOffset = 0;
  rdataLength = 0;
  /** Where the next record begins. */
  endOffset = 0;
  /**
   * A record was cut off, its name was invalid, or there were fewer bytes than the count promised.
   */
  failed = false;

  #bytes: Uint8Array = EMPTY;
  #length = 0;
  #left = 0;

  /** Starts at `offset` with `count` records ahead. Keeps `bytes` until the next reset(). */
  reset(bytes: Uint8Array, length: number, offset: number, count: number): void {
    this.#bytes = bytes;
    this.#length = length;
    this.#left = count;
    this.endOffset = offset;
    this.failed = count * MIN_RR_LENGTH > length - offset;
  }

  /** Steps to the next record; false after the last one and if the records are malformed. */
  next(): boolean {
    if (this.#left <= 0 || this.failed) return false;
    this.#left--;
    const bytes = this.#bytes;
    const nameOffset = this.endOffset;
    const fixedOffset = skipName(bytes, this.#length, nameOffset);
    if (fixedOffset < 0 || fixedOffset + RR_FIXED_LENGTH > this.#length) return this.#fail();
    const rdataOffset = fixedOffset + RR_FIXED_LENGTH;
    const rdataLength = readUint16(bytes, fixedOffset + 8);
    if (rdataOffset + rdataLength > this.#length) return this.#fail();
    this.nameOffset = nameOffset;
    this.type = readUint16(bytes, fixedOffset);
    this.class = readUint16(bytes, fixedOffset + 2);
    this.ttlOffset = fixedOffset + 4;
    this.rdataOffset = rdataOffset;
    this.rdataLength = rdataLength;
    this.endOffset = rdataOffset + rdataLength;
    return true;
  }

  #fail(): false {
    this.failed = true;
    return false;
  }
}
