// Puts a query together from a wire name: header, question, and OPT where it is wanted. Called by
// the query sources.
import { writeUint16 } from '../wire/bytes.ts';
import { HEADER_LENGTH } from '../wire/header.ts';
import { type FastRandom, shareThreshold } from './fast-random.ts';

const RD_BYTE = 0x01;
const OPT_LENGTH = 11;
const UDP_SIZE = 1232;

/** What every query may have besides its question. */
export interface QueryShape {
  /** Letters in upper or lower case at random, as a resolver with 0x20 asks. */
  readonly randomCase: boolean;
  /** Share of the queries that have OPT, 0 … 1. */
  readonly ednsShare: number;
  /** Share of the queries that have OPT with DO, 0 … 1; they count as EDNS too. */
  readonly dnssecShare: number;
}

/** Writes queries of one shape. */
export class QueryWriter {
  readonly #random: FastRandom;
  readonly #randomCase: boolean;
  readonly #ednsThreshold: number;
  readonly #dnssecThreshold: number;

  constructor(shape: QueryShape, random: FastRandom) {
    this.#random = random;
    this.#randomCase = shape.randomCase;
    this.#ednsThreshold = shareThreshold(Math.max(shape.ednsShare, shape.dnssecShare));
    this.#dnssecThreshold = shareThreshold(shape.dnssecShare);
  }

  /** Writes the header at `offset` and returns where the name begins. */
  begin(out: Uint8Array, offset: number): number {
    out.fill(0, offset, offset + HEADER_LENGTH);
    out[offset + 2] = RD_BYTE;
    out[offset + 5] = 1;
    return offset + HEADER_LENGTH;
  }

  /** Finishes the query whose name ends before `nameEnd`; returns its length. */
  finish(out: Uint8Array, offset: number, nameEnd: number, qtype: number): number {
    if (this.#randomCase) this.#scramble(out, offset + HEADER_LENGTH, nameEnd);
    writeUint16(out, nameEnd, qtype);
    writeUint16(out, nameEnd + 2, 1);
    let end = nameEnd + 4;
    if (this.#ednsThreshold > 0) {
      const draw = this.#random.uint32();
      if (draw < this.#ednsThreshold) end = this.#writeOpt(out, offset, end, draw < this.#dnssecThreshold);
    }
    return end - offset;
  }

  #writeOpt(out: Uint8Array, offset: number, at: number, dnssecOk: boolean): number {
    out.fill(0, at, at + OPT_LENGTH);
    out[at + 2] = 41;
    writeUint16(out, at + 3, UDP_SIZE);
    if (dnssecOk) out[at + 7] = 0x80;
    out[offset + 11] = 1;
    return at + OPT_LENGTH;
  }

  /** Length bytes (≤ 63) lie below the letters, so the whole name may be walked. */
  #scramble(out: Uint8Array, from: number, to: number): void {
    let bits = 0;
    let left = 0;
    for (let i = from; i < to; i++) {
      const folded = out[i]! | 0x20;
      if (folded < 0x61 || folded > 0x7a || out[i]! < 0x41) continue;
      if (left === 0) {
        bits = this.#random.uint32();
        left = 32;
      }
      out[i] = folded ^ ((bits & 1) << 5);
      bits >>>= 1;
      left--;
    }
  }
}
