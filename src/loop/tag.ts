// The loop tag: an EDNS option on outgoing queries that says which process sent them, by which
// route, and how many unloops of other rings they passed before. detector.ts reads it on incoming
// queries; the pipeline appends it (RFC 6891 §6.1.2, local use: §9).
import { createHmac, timingSafeEqual } from 'node:crypto';
import { MAX_ROUTES } from '../base/slots.ts';
import { WordBytes } from '../base/word-bytes.ts';
import { readUint16, readUint32 } from '../wire/bytes.ts';
import type { EpochKeys, KeyRing, LoopKeyMaterial } from './keys.ts';
import { WorkBudget } from './work-budget.ts';

/**
 * EDNS option code, from the range for local use (65001–65534). 65001, 65073, 65074, 65500 and
 * 65518 are used by others; this one is near neither those nor an end of the range, where people
 * start to choose.
 */
export const TAG_OPTION = 65353;

/**
 * ```
 *                +0 (MSB)                            +1
 *    +--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+
 *    |                   filler                      |   0 to 15 bytes of 0: the message ends at a multiple of 16
 *    +--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+
 *  0 |      VERSION (1)      |          HOPS         |   HOPS: unloops of other rings passed
 *    +--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+
 *  2 |                     ROUTE                     |   slot of (upstream, zone) in the sender
 *    +--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+
 *  4 |                     RING                      |   keyed hash of the ring's name
 *  6 |                                               |
 *    +--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+
 *  8 |                   INSTANCE                    |   random per process
 * 10 |                                               |
 *    +--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+
 * 12 |                    EPOCH                      |   which hour's key
 * 14 |                                               |
 *    +--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+
 * 16 |                     MAC                       |   HMAC-SHA256 of everything before it except
 *  … |                                               |   HOPS, its first 96 bits
 *    +--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+
 * ```
 * HOPS changes on the way, like a TTL, and like a TTL it is not covered by the MAC: who can
 * change it can remove the option as well. The filler has no meaning and is ignored. It comes first
 * so that the tag starts on a word.
 */
export const TAG_LENGTH = 28;
/**
 * Longest filler. One less than a power of two: messages are padded to a multiple of
 * that power.
 */
export const MAX_FILLER_LENGTH = 15;
/** Offset of the tag in what tagFor() returns; the bytes before it are 0, for the filler. */
export const FILLED_TAG_OFFSET = MAX_FILLER_LENGTH + 1;
const VERSION = 1;
const HOPS_OFFSET = 1;
const ROUTE_OFFSET = 2;
const RING_OFFSET = 4;
const INSTANCE_OFFSET = 8;
const EPOCH_OFFSET = 12;
const MAC_OFFSET = 16;
const MAC_LENGTH = TAG_LENGTH - MAC_OFFSET;

/** HMACs per second for tags of others: about 0.3 % of a core. */
const HMACS_PER_SECOND = 1000;
const HMAC_BURST = 200;
/**
 * Tags of other processes whose HMAC was computed, good and bad kept apart, so that bad ones cannot
 * push out good ones.
 */
const REMEMBERED = 256;

/** The result of judging a tag. */
export const TagVerdict = {
  /**
   * No tag of this version, or one in our name that is not ours (forged, or older than two epochs).
   */
  none: 0,
  /** Ours: this process sent the query. */
  own: 1,
  /** Authentic: another process of this ring sent it. */
  ring: 2,
  /** Authentic: another ring's. The query is forwarded with HOPS one higher. */
  hop: 3,
  /**
   * A tag that we cannot judge: another key's, or no budget left to check it. It proves nothing; it
   * is forwarded.
   */
  foreign: 4,
} as const;
export type TagVerdict = (typeof TagVerdict)[keyof typeof TagVerdict];

/** What a tag says. */
export class ReadTag {
  /** The sender's route slot. Meaningful to us only if the verdict is `own`. */
  routeSlot = -1;
  /** HOPS. */
  hops = 0;
}

/** A tag with hop count 0, at FILLED_TAG_OFFSET. */
export function buildTag(material: LoopKeyMaterial, keys: EpochKeys, routeSlot: number): WordBytes {
  const tag = Buffer.alloc(TAG_LENGTH);
  tag[0] = VERSION;
  tag.writeUInt16BE(routeSlot, ROUTE_OFFSET);
  tag.writeUInt32BE(material.ringId, RING_OFFSET);
  tag.writeUInt32BE(material.instance, INSTANCE_OFFSET);
  tag.writeUInt32BE(keys.epoch >>> 0, EPOCH_OFFSET);
  computeMac(keys, tag).copy(tag, MAC_OFFSET);
  const filled = WordBytes.ofLength(FILLED_TAG_OFFSET + TAG_LENGTH);
  filled.set(tag, FILLED_TAG_OFFSET);
  return filled;
}

/** The MAC of a tag whose hop count is 0. */
function computeMac(keys: EpochKeys, tag: Uint8Array): Buffer {
  return createHmac('sha256', keys.tagKey)
    .update(tag.subarray(0, MAC_OFFSET))
    .digest()
    .subarray(0, MAC_LENGTH);
}

/** Creates tags to send and judges those that arrive. One per thread. */
export class TagReader {
  /** Bounds the HMACs done for tags of other processes. */
  readonly budget: WorkBudget;
  readonly #keys: KeyRing;
  readonly #good = new TagMemory();
  readonly #bad = new TagMemory();
  readonly #withHops = WordBytes.ofLength(FILLED_TAG_OFFSET + TAG_LENGTH);
  readonly #candidate = Buffer.alloc(TAG_LENGTH);

  constructor(keys: KeyRing, nowMs: number) {
    this.#keys = keys;
    this.budget = new WorkBudget(HMACS_PER_SECOND, HMAC_BURST, nowMs);
  }

  /**
   * The option's data for a query that leaves by a route: the tag at FILLED_TAG_OFFSET, after as
   * much filler as needed. Valid until the next call; copy it at once.
   */
  tagFor(routeSlot: number, hops: number): WordBytes {
    const tag = this.#ownTag(this.#keys.current, routeSlot);
    if (hops === 0) return tag;
    this.#withHops.set(tag);
    this.#withHops[FILLED_TAG_OFFSET + HOPS_OFFSET] = Math.min(hops, 255);
    return this.#withHops;
  }

  #ownTag(keys: EpochKeys, routeSlot: number): WordBytes {
    let tag = keys.tags[routeSlot];
    if (tag === undefined) {
      tag = buildTag(this.#keys.material, keys, routeSlot);
      keys.tags[routeSlot] = tag;
    }
    return tag;
  }

  /**
   * Judges an option's data; what a tag of this version says is in `out` then. Allocates and
   * computes only for a tag that was not seen before.
   */
  read(bytes: Uint8Array, dataOffset: number, dataLength: number, nowMs: number, out: ReadTag): TagVerdict {
    const fillerLength = dataLength - TAG_LENGTH;
    const tagOffset = dataOffset + fillerLength;
    if (fillerLength < 0 || fillerLength > MAX_FILLER_LENGTH || bytes[tagOffset] !== VERSION)
      return TagVerdict.none;
    out.hops = bytes[tagOffset + HOPS_OFFSET]!;
    out.routeSlot = readUint16(bytes, tagOffset + ROUTE_OFFSET);
    const material = this.#keys.material;
    const sameRing = readUint32(bytes, tagOffset + RING_OFFSET) === material.ringId;
    const keys = this.#keys.find(readUint32(bytes, tagOffset + EPOCH_OFFSET));
    if (sameRing && readUint32(bytes, tagOffset + INSTANCE_OFFSET) === material.instance) {
      if (keys === null || out.routeSlot >= MAX_ROUTES) return TagVerdict.none;
      return equalTags(this.#ownTag(keys, out.routeSlot), FILLED_TAG_OFFSET, bytes, tagOffset)
        ? TagVerdict.own
        : TagVerdict.none;
    }
    if (!material.shared || keys === null) return TagVerdict.foreign;
    if (!this.#isAuthentic(keys, bytes, tagOffset, nowMs)) return TagVerdict.foreign;
    return sameRing ? TagVerdict.ring : TagVerdict.hop;
  }

  #isAuthentic(keys: EpochKeys, bytes: Uint8Array, tagOffset: number, nowMs: number): boolean {
    if (this.#good.has(bytes, tagOffset)) return true;
    if (this.#bad.has(bytes, tagOffset) || !this.budget.take(nowMs)) return false;
    const tag = this.#candidate;
    for (let i = 0; i < TAG_LENGTH; i++) tag[i] = bytes[tagOffset + i]!;
    tag[HOPS_OFFSET] = 0;
    const authentic = timingSafeEqual(computeMac(keys, tag), tag.subarray(MAC_OFFSET));
    (authentic ? this.#good : this.#bad).add(tag);
    return authentic;
  }
}

/** Whether two tags are equal, whatever their hop counts. */
function equalTags(a: Uint8Array, aOffset: number, b: Uint8Array, bOffset: number): boolean {
  for (let i = TAG_LENGTH - 1; i > HOPS_OFFSET; i--) if (a[aOffset + i] !== b[bOffset + i]) return false;
  return a[aOffset] === b[bOffset];
}

/**
 * A bounded memory of tags: each has one slot, by its MAC's last byte, and replaces the tag that
 * was there.
 */
class TagMemory {
  readonly #tags = new Uint8Array(REMEMBERED * TAG_LENGTH);

  has(bytes: Uint8Array, offset: number): boolean {
    return equalTags(this.#tags, bytes[offset + TAG_LENGTH - 1]! * TAG_LENGTH, bytes, offset);
  }

  add(tag: Uint8Array): void {
    this.#tags.set(tag, tag[TAG_LENGTH - 1]! * TAG_LENGTH);
  }
}
