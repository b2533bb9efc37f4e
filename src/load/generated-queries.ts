// Questions made up on the way: a hot set by Zipf that a cache will hold, names never asked before,
// and names that should not exist. Called by the lanes for every query; no allocation.
import { copyBytes } from '../base/word-bytes.ts';
import { textToName } from '../wire/text.ts';
import { FastRandom, shareThreshold } from './fast-random.ts';
import { writeHex } from './hex-label.ts';
import type { QuerySource } from './query-source.ts';
import { type QueryShape, QueryWriter } from './query-writer.ts';
import { Zipf } from './zipf.ts';

/** What to make up. */
export interface GeneratedOptions extends QueryShape {
  /** Names of the hot set. */
  readonly hotNames: number;
  readonly zipfExponent: number;
  /** Share of names never asked before, 0 … 1. */
  readonly uniqueShare: number;
  /** Share of names below nxdomainSuffix, hot and unique alike, 0 … 1. */
  readonly nxdomainShare: number;
  readonly suffix: string;
  readonly nxdomainSuffix: string;
  /** Asked in turn. */
  readonly qtypes: readonly number[];
  /** Unique names differ from seed to seed; all else repeats with it. */
  readonly seed: number;
}

/** "h" and 8 digits of the rank; "u", 8 of the counter, 8 of the seed. */
const HOT_LABEL_LENGTH = 9;
const UNIQUE_LABEL_LENGTH = 17;
const LETTER_H = 0x68;
const LETTER_U = 0x75;

/** Makes up queries without end. */
export class GeneratedQueries implements QuerySource {
  readonly description: string;
  readonly together = 1;
  readonly #random: FastRandom;
  readonly #writer: QueryWriter;
  readonly #zipf: Zipf;
  readonly #uniqueThreshold: number;
  readonly #nxdomainThreshold: number;
  readonly #suffix: Uint8Array;
  readonly #nxdomainSuffix: Uint8Array;
  readonly #qtypes: Uint16Array;
  readonly #seed: number;
  #unique = 0;
  #turn = 0;

  /** Throws RangeError when a suffix is not a name. */
  constructor(options: GeneratedOptions) {
    this.#seed = options.seed >>> 0;
    this.#random = new FastRandom(this.#seed);
    this.#writer = new QueryWriter(options, this.#random);
    this.#zipf = new Zipf(options.hotNames, options.zipfExponent, this.#random);
    this.#uniqueThreshold = shareThreshold(options.uniqueShare);
    this.#nxdomainThreshold = shareThreshold(options.nxdomainShare);
    this.#suffix = suffixName(options.suffix);
    this.#nxdomainSuffix = suffixName(options.nxdomainSuffix);
    this.#qtypes = Uint16Array.from(options.qtypes);
    this.description = describe(options);
  }

  write(out: Uint8Array, offset: number): number {
    const at = this.#writer.begin(out, offset);
    const isUnique = this.#uniqueThreshold > 0 && this.#random.uint32() < this.#uniqueThreshold;
    const labelEnd = isUnique ? this.#writeUniqueLabel(out, at) : this.#writeHotLabel(out, at);
    const isNxdomain = this.#nxdomainThreshold > 0 && this.#random.uint32() < this.#nxdomainThreshold;
    const suffix = isNxdomain ? this.#nxdomainSuffix : this.#suffix;
    copyBytes(suffix, 0, out, labelEnd, suffix.length);
    const qtype = this.#qtypes[this.#turn]!;
    if (++this.#turn === this.#qtypes.length) this.#turn = 0;
    return this.#writer.finish(out, offset, labelEnd + suffix.length, qtype);
  }

  #writeHotLabel(out: Uint8Array, at: number): number {
    out[at] = HOT_LABEL_LENGTH;
    out[at + 1] = LETTER_H;
    return writeHex(out, at + 2, this.#zipf.next());
  }

  #writeUniqueLabel(out: Uint8Array, at: number): number {
    out[at] = UNIQUE_LABEL_LENGTH;
    out[at + 1] = LETTER_U;
    const end = writeHex(out, at + 2, this.#unique++);
    return writeHex(out, end, this.#seed);
  }
}

function suffixName(text: string): Uint8Array {
  const name = textToName(text);
  if (name.length + UNIQUE_LABEL_LENGTH + 1 > 255) throw new RangeError(`"${text}" is too long for a suffix`);
  return name;
}

function describe(options: GeneratedOptions): string {
  const percent = (share: number) => `${Math.round(share * 1000) / 10} %`;
  const parts = [`${options.hotNames} hot names (Zipf ${options.zipfExponent})`];
  if (options.uniqueShare > 0) parts.push(`${percent(options.uniqueShare)} unique`);
  if (options.nxdomainShare > 0) parts.push(`${percent(options.nxdomainShare)} NXDOMAIN`);
  if (options.randomCase) parts.push('random case');
  if (options.ednsShare > 0) parts.push(`${percent(options.ednsShare)} EDNS`);
  if (options.dnssecShare > 0) parts.push(`${percent(options.dnssecShare)} DO`);
  return parts.join(', ');
}
