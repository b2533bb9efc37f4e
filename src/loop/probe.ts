// Probe names: random names that only we can have created. The main thread sends a HINFO query for
// one by each route. If the name comes back as a query, that route loops, whatever the boxes in
// between did to case and options. Any worker recognizes it without being told.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { MAX_ROUTES } from '../base/slots.ts';
import { copyBytes } from '../base/word-bytes.ts';
import { writeUint16, writeUint32 } from '../wire/bytes.ts';
import { Type } from '../wire/codes.ts';
import { FLAG_QR, FLAG_RA, FLAG_RD, HEADER_LENGTH, writeCounts, writeFlags } from '../wire/header.ts';
import { MAX_NAME_LENGTH, type ParsedQuery } from '../wire/query.ts';
import { EPOCH_MS, type EpochKeys, type KeyRing } from './keys.ts';
import { WorkBudget } from './work-budget.ts';

/** QTYPE of a probe: passed unchanged by every forwarder tried, and asked by nobody else. */
export const PROBE_QTYPE = Type.HINFO;
/** How long our own probe counts as evidence. */
export const PROBE_LIFETIME_MS = 30_000;
/** How far the clocks of replicas may differ, for their probes. */
const CLOCK_SKEW_MS = EPOCH_MS;

/**
 * The name is two labels of 20 bytes, base32 (RFC 4648 §6, without case) of 25 bytes, under the
 * zone's suffix:
 * ```
 *   0        4          8       10        14                      25
 *   | NONCE  | INSTANCE | ROUTE | SECONDS | HMAC-SHA256, 88 bits  |
 * ```
 */
const PAYLOAD_LENGTH = 25;
const INSTANCE_OFFSET = 4;
const ROUTE_OFFSET = 8;
const SECONDS_OFFSET = 10;
const MAC_OFFSET = 14;
const LABEL_LENGTH = 20;
/** Compression pointer to the byte after the header (RFC 1035 §4.1.4). */
const QNAME_POINTER = 0xc000 | HEADER_LENGTH;
const LABELS_LENGTH = 2 * (1 + LABEL_LENGTH);

const ALPHABET = Buffer.from('abcdefghijklmnopqrstuvwxyz234567');
/** Value of a base32 digit in either case, 255 for other bytes. */
const DIGIT_VALUE = new Uint8Array(256).fill(255);
for (let value = 0; value < 32; value++) {
  const digit = ALPHABET[value]!;
  DIGIT_VALUE[digit] = value;
  if (digit >= 0x61) DIGIT_VALUE[digit & ~0x20] = value;
}

/**
 * HMACs per second for probes in our own instance's name (others cannot guess it), and in other
 * replicas'.
 */
const OWN_HMACS_PER_SECOND = 2000;
const REPLICA_HMACS_PER_SECOND = 200;

/**
 * Makes the QNAME of a probe for a route, on the wire, under a zone's suffix (on the wire with its
 * root byte; for the root zone that byte alone). Null if the suffix leaves no room.
 */
export function makeProbeName(
  keys: KeyRing,
  routeSlot: number,
  zoneSuffix: Uint8Array,
  nonce: number,
  nowMs: number,
): Uint8Array | null {
  if (LABELS_LENGTH + zoneSuffix.length > MAX_NAME_LENGTH) return null;
  const payload = Buffer.alloc(PAYLOAD_LENGTH);
  payload.writeUInt32BE(nonce >>> 0, 0);
  payload.writeUInt32BE(keys.material.instance, INSTANCE_OFFSET);
  payload.writeUInt16BE(routeSlot, ROUTE_OFFSET);
  payload.writeUInt32BE(Math.floor(keys.timeMs(nowMs) / 1000) >>> 0, SECONDS_OFFSET);
  // The epoch is that of the seconds, which the reader sees, and not that of a key ring a moment
  // behind.
  const epochKeys = keysOfSeconds(keys, payload.readUInt32BE(SECONDS_OFFSET)) ?? keys.current;
  computeMac(epochKeys, payload).copy(payload, MAC_OFFSET);
  const name = new Uint8Array(LABELS_LENGTH + zoneSuffix.length);
  let bits = 0;
  let bitCount = 0;
  let at = 0;
  for (const byte of payload) {
    bits = ((bits << 8) | byte) & 0xfff;
    bitCount += 8;
    while (bitCount >= 5) {
      if (at % (1 + LABEL_LENGTH) === 0) name[at++] = LABEL_LENGTH;
      bitCount -= 5;
      name[at++] = ALPHABET[(bits >>> bitCount) & 31]!;
    }
  }
  name.set(zoneSuffix, LABELS_LENGTH);
  return name;
}

function computeMac(keys: EpochKeys, payload: Uint8Array): Buffer {
  return createHmac('sha256', keys.probeKey)
    .update(payload.subarray(0, MAC_OFFSET))
    .digest()
    .subarray(0, PAYLOAD_LENGTH - MAC_OFFSET);
}

function keysOfSeconds(keys: KeyRing, seconds: number): EpochKeys | null {
  return keys.find(Math.floor((seconds * 1000) / EPOCH_MS));
}

/**
 * Writes the answer to another replica's probe into `out`: a HINFO record that only its ring can
 * create. It tells the prober that its query came to the ring. Returns the message's length; 0
 * if the query is not a probe of an accepted epoch.
 */
export function writeProbeProof(keys: KeyRing, query: Uint8Array, q: ParsedQuery, out: Uint8Array): number {
  const rdata = makeProof(keys, query.subarray(HEADER_LENGTH, q.questionEnd));
  if (rdata === null) return 0;
  copyBytes(query, 0, out, 0, q.questionEnd);
  writeFlags(out, FLAG_QR | FLAG_RA | (q.flags & FLAG_RD));
  writeCounts(out, 1, 1, 0, 0);
  let at = q.questionEnd;
  writeUint16(out, at, QNAME_POINTER);
  writeUint16(out, at + 2, PROBE_QTYPE);
  writeUint16(out, at + 4, q.qclass);
  writeUint32(out, at + 6, 0);
  writeUint16(out, at + 10, rdata.length);
  at += 12;
  copyBytes(rdata, 0, out, at, rdata.length);
  return at + rdata.length;
}

/**
 * RDATA of that record: two character-strings (RFC 1035 §3.3.2), our name and 128 bits of HMAC in
 * hexadecimal. `name` in any case.
 */
function makeProof(keys: KeyRing, name: Uint8Array): Buffer | null {
  const payload = Buffer.alloc(PAYLOAD_LENGTH);
  if (!decodeName(name, 0, payload)) return null;
  const epochKeys = keysOfSeconds(keys, payload.readUInt32BE(SECONDS_OFFSET));
  if (epochKeys === null) return null;
  const proof = createHmac('sha256', epochKeys.probeKey)
    .update('came to its ring')
    .update(payload)
    .digest('hex');
  return Buffer.from(`\x06unloop\x20${proof.slice(0, 32)}`, 'latin1');
}

/** Whether a reply to the probe `name` contains a replica's proof, anywhere in the message. */
export function hasProbeProof(keys: KeyRing, name: Uint8Array, reply: Uint8Array, length: number): boolean {
  const proof = makeProof(keys, name);
  return proof !== null && Buffer.from(reply.buffer, reply.byteOffset, length).includes(proof);
}

/** Decodes the two labels at an offset; false if they cannot be a probe's. */
function decodeName(bytes: Uint8Array, offset: number, payload: Uint8Array): boolean {
  if (bytes[offset] !== LABEL_LENGTH || bytes[offset + 1 + LABEL_LENGTH] !== LABEL_LENGTH) return false;
  let bits = 0;
  let bitCount = 0;
  let length = 0;
  for (let i = 0; i < LABELS_LENGTH; i++) {
    if (i % (1 + LABEL_LENGTH) === 0) continue;
    const value = DIGIT_VALUE[bytes[offset + i]!]!;
    if (value === 255) return false;
    bits = ((bits << 5) | value) & 0xfff;
    bitCount += 5;
    if (bitCount >= 8) {
      bitCount -= 8;
      payload[length++] = (bits >>> bitCount) & 0xff;
    }
  }
  return true;
}

/** What a probe-like query is. */
export const ProbeVerdict = {
  /** Not a probe, or a forged or expired one. */
  none: 0,
  /** Ours: its route and nonce say which. */
  own: 1,
  /** From another replica of our ring: it wants the proof (writeProbeProof). */
  ring: 2,
} as const;
export type ProbeVerdict = (typeof ProbeVerdict)[keyof typeof ProbeVerdict];

/** What a probe says. */
export class ReadProbe {
  routeSlot = -1;
  nonce = 0;
}

/** Recognizes incoming probes. One per thread. */
export class ProbeReader {
  readonly ownBudget: WorkBudget;
  readonly replicaBudget: WorkBudget;
  readonly #keys: KeyRing;
  readonly #payload = Buffer.alloc(PAYLOAD_LENGTH);

  constructor(keys: KeyRing, nowMs: number) {
    this.#keys = keys;
    this.ownBudget = new WorkBudget(OWN_HMACS_PER_SECOND, OWN_HMACS_PER_SECOND, nowMs);
    this.replicaBudget = new WorkBudget(REPLICA_HMACS_PER_SECOND, REPLICA_HMACS_PER_SECOND, nowMs);
  }

  /**
   * Judges a query; what an authentic probe says is in `out` then. One that is not HINFO with two
   * first labels of 20 bytes costs a comparison or two.
   */
  read(bytes: Uint8Array, q: ParsedQuery, nowMs: number, out: ReadProbe): ProbeVerdict {
    if (q.qtype !== PROBE_QTYPE || q.qnameLength <= LABELS_LENGTH) return ProbeVerdict.none;
    const payload = this.#payload;
    if (!decodeName(bytes, HEADER_LENGTH, payload)) return ProbeVerdict.none;
    const own = payload.readUInt32BE(INSTANCE_OFFSET) === this.#keys.material.instance;
    if (!own && !this.#keys.material.shared) return ProbeVerdict.none;
    const seconds = payload.readUInt32BE(SECONDS_OFFSET);
    const ageMs = this.#keys.timeMs(nowMs) - seconds * 1000;
    if (ageMs > (own ? PROBE_LIFETIME_MS : CLOCK_SKEW_MS) || ageMs < -CLOCK_SKEW_MS) return ProbeVerdict.none;
    const keys = keysOfSeconds(this.#keys, seconds);
    if (keys === null || !(own ? this.ownBudget : this.replicaBudget).take(nowMs)) return ProbeVerdict.none;
    if (!timingSafeEqual(computeMac(keys, payload), payload.subarray(MAC_OFFSET))) return ProbeVerdict.none;
    out.routeSlot = payload.readUInt16BE(ROUTE_OFFSET);
    out.nonce = payload.readUInt32BE(0);
    if (out.routeSlot >= MAX_ROUTES) return ProbeVerdict.none;
    return own ? ProbeVerdict.own : ProbeVerdict.ring;
  }
}
