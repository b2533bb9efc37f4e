// The secrets behind all loop evidence. The main thread creates the material once
// (createKeyMaterial) and posts it to the workers; each thread derives the keys of an hour (an
// epoch) from it, so that nothing seen outside stays valid for long.
import { createHmac, hkdfSync, randomBytes } from 'node:crypto';
import type { WordBytes } from '../base/word-bytes.ts';
import { expandHashKey, HASH_KEY_LENGTH } from './keyed-hash.ts';

/** An epoch's length. */
export const EPOCH_MS = 3_600_000;
/**
 * How long one case pattern of a name is used. Shorter than for the other keys: whoever sees a
 * pattern (docs/adr/0003-loop-evidence.md says who can) can use it to forge replies, but only for
 * this long.
 */
export const CASE_EPOCH_MS = 300_000;
/**
 * How long before and after its epoch a key of this process alone is still accepted: threads rotate
 * within a second of each other.
 */
const OWN_OVERLAP_MS = 10_000;
/** How often the clock is checked. */
const CHECK_MS = 1000;

/** What all threads of a process share. Plain data: may be posted to a worker. */
export interface LoopKeyMaterial {
  /** 32 bytes. */
  readonly secret: Uint8Array;
  /** Derived from a cluster key: other processes hold the same secret. */
  readonly shared: boolean;
  /** Random per process, 32 bit: distinguishes replicas that share a secret. */
  readonly instance: number;
  readonly ring: string;
  /** Keyed hash of the ring's name, 32 bit. */
  readonly ringId: number;
}

/**
 * Creates the material at start. An empty cluster key: a random secret, known only to this process.
 */
export function createKeyMaterial(clusterKey: string, ring: string): LoopKeyMaterial {
  const shared = clusterKey !== '';
  const input = shared ? Buffer.from(clusterKey, 'utf8') : randomBytes(32);
  const secret = new Uint8Array(hkdfSync('sha256', input, 'unloop loop evidence, version 1', 'secret', 32));
  return {
    secret,
    shared,
    instance: randomBytes(4).readUInt32BE(),
    ring,
    ringId: derive(secret, `ring ${ring}`).readUInt32BE(),
  };
}

function derive(secret: Uint8Array, purpose: string): Buffer {
  return createHmac('sha256', secret).update(purpose).digest();
}

/** The keys of one epoch. */
export class EpochKeys {
  /** Hours since the Unix epoch (shared secret) or since the machine started. */
  readonly epoch: number;
  /** Authenticates tags. The same in all rings, so that a hop of another ring can be counted. */
  readonly tagKey: Buffer;
  /** Authenticates probe names; different in each ring. */
  readonly probeKey: Buffer;
  /** tags[route slot]: that route's tag with hop count 0, built when first needed (tag.ts). */
  readonly tags: (WordBytes | undefined)[] = [];

  constructor(material: LoopKeyMaterial, epoch: number) {
    this.epoch = epoch;
    this.tagKey = derive(material.secret, `tag ${epoch}`);
    this.probeKey = derive(material.secret, `probe ${epoch} ${material.ring}`);
  }
}

/** One Chaskey key. */
function hashSchedule(secret: Uint8Array, purpose: string): Int32Array {
  return expandHashKey(derive(secret, purpose).subarray(0, HASH_KEY_LENGTH));
}

/** The key for case patterns, used for CASE_EPOCH_MS. */
interface CaseKey {
  readonly epoch: number;
  readonly schedule: Int32Array;
}

/**
 * The keys that are valid now: one set to send with, and those accepted on arrival. One per
 * thread.
 *
 * Replicas agree on the epoch by the wall clock, and accept the neighboring epochs too: clocks may
 * be an hour apart. A process that shares its secret with nobody uses the monotonic clock,
 * which never jumps.
 */
export class KeyRing {
  readonly material: LoopKeyMaterial;
  /** Outgoing queries carry these. */
  current: EpochKeys;
  /** Incoming queries may carry these; the first is `current`. At most four. */
  accepted: readonly EpochKeys[];
  /**
   * Identifies a question (sent-questions.ts). Never rotated, as nothing made with it leaves the
   * process except through caseKeys.
   */
  readonly nameSchedule: Int32Array;
  /**
   * Keys for case patterns: the first for outgoing queries, all for incoming ones. Different in
   * each ring: another ring's query passing by is no loop.
   */
  caseKeys: readonly CaseKey[] = [];
  readonly #wallNowMs: () => number;
  readonly #overlapMs: number;
  /** The set in use before the wall clock jumped: what was sent with it may still come back. */
  #beforeJump: EpochKeys | null = null;
  #nextCheckMs: number;

  constructor(material: LoopKeyMaterial, nowMs: number, wallNowMs: () => number = Date.now) {
    this.material = material;
    this.#wallNowMs = wallNowMs;
    this.#overlapMs = material.shared ? EPOCH_MS : OWN_OVERLAP_MS;
    this.nameSchedule = hashSchedule(material.secret, `name ${material.ring}`);
    this.current = new EpochKeys(material, Math.floor(this.timeMs(nowMs) / EPOCH_MS));
    this.accepted = [this.current];
    this.#nextCheckMs = nowMs;
    this.advance(nowMs);
  }

  /**
   * The time that epochs and probes are counted in: wall time with a shared secret, else monotonic.
   */
  timeMs(nowMs: number): number {
    return this.material.shared ? this.#wallNowMs() : nowMs;
  }

  /** Moves on to the epoch of `nowMs`. One comparison, except once a second. */
  advance(nowMs: number): void {
    if (nowMs >= this.#nextCheckMs) this.#check(nowMs);
  }

  /** The accepted keys of an epoch, null if that epoch is over or has not started. */
  find(epoch: number): EpochKeys | null {
    for (const keys of this.accepted) if (keys.epoch === epoch) return keys;
    return null;
  }

  #check(nowMs: number): void {
    this.#nextCheckMs = nowMs + CHECK_MS;
    const timeMs = this.timeMs(nowMs);
    const epoch = Math.floor(timeMs / EPOCH_MS);
    const elapsedMs = timeMs - epoch * EPOCH_MS;
    const former = this.current;
    if (former.epoch !== epoch) this.#beforeJump = Math.abs(former.epoch - epoch) > 1 ? former : null;
    const current = this.#keysOf(epoch);
    const accepted = [current];
    if (elapsedMs < this.#overlapMs) accepted.push(this.#keysOf(epoch - 1));
    if (EPOCH_MS - elapsedMs <= this.#overlapMs) accepted.push(this.#keysOf(epoch + 1));
    if (this.#beforeJump !== null && !accepted.includes(this.#beforeJump)) accepted.push(this.#beforeJump);
    this.current = current;
    this.accepted = accepted;
    this.#setCaseKeys(timeMs);
  }

  #setCaseKeys(timeMs: number): void {
    const epoch = Math.floor(timeMs / CASE_EPOCH_MS);
    const elapsedMs = timeMs - epoch * CASE_EPOCH_MS;
    const overlapMs = this.material.shared ? CASE_EPOCH_MS : OWN_OVERLAP_MS;
    const epochs = [epoch];
    if (elapsedMs < overlapMs) epochs.push(epoch - 1);
    if (CASE_EPOCH_MS - elapsedMs <= overlapMs) epochs.push(epoch + 1);
    this.caseKeys = epochs.map(
      (wanted) => this.caseKeys.find((known) => known.epoch === wanted) ?? this.#caseKeyOf(wanted),
    );
  }

  #caseKeyOf(epoch: number): CaseKey {
    const { secret, ring } = this.material;
    return { epoch, schedule: hashSchedule(secret, `case ${epoch} ${ring}`) };
  }

  #keysOf(epoch: number): EpochKeys {
    return this.find(epoch) ?? new EpochKeys(this.material, epoch);
  }
}
