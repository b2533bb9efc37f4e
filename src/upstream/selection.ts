// Which upstream of a zone a query goes to. Called by the pipeline for each attempt; one Selection per zone and thread.
import type { RandomPool } from '../base/random.ts';
import type { Policy } from '../config/config.ts';
import type { SharedUpstreamState } from './shared-state.ts';

/** Upstreams of one zone: attempts already made are bits of one small integer. */
export const MAX_CANDIDATES = 30;
/** With `fastest`, one query in this many goes anywhere, so that a server that became fast is noticed. */
const EXPLORE_ONE_IN = 20;

/** A zone's upstreams and the policy among them. Indices are positions in the lists given; −1 stands for none. */
export class Selection {
  readonly #policy: Policy;
  readonly #upstreamSlots: Int32Array;
  readonly #routeSlots: Int32Array;
  readonly #state: SharedUpstreamState;
  readonly #random: RandomPool;
  readonly #count: number;
  #turn = 0;

  /** upstreamSlots[i] and routeSlots[i] are where the shared state of upstream i, and of its use by this zone, stand. */
  constructor(
    policy: Policy,
    upstreamSlots: readonly number[],
    routeSlots: readonly number[],
    state: SharedUpstreamState,
    random: RandomPool,
  ) {
    if (upstreamSlots.length > MAX_CANDIDATES) {
      throw new RangeError(`a zone has at most ${MAX_CANDIDATES} upstreams, not ${upstreamSlots.length}`);
    }
    this.#policy = policy;
    this.#upstreamSlots = Int32Array.from(upstreamSlots);
    this.#routeSlots = Int32Array.from(routeSlots);
    this.#state = state;
    this.#random = random;
    this.#count = upstreamSlots.length;
  }

  /**
   * The upstream to ask next, or −1 when none is usable: up, not quarantined, not tried yet (bit i of triedMask). The
   * caller sets the bit. One whose last query failed is asked only when there is no other: its next answer, or its health
   * check, clears it within moments.
   */
  pick(triedMask: number): number {
    let usable = this.#usableOf(triedMask);
    if (usable === 0) return -1;
    const unblemished = this.#withoutFailures(usable);
    if (unblemished !== 0) usable = unblemished;
    switch (this.#policy) {
      case 'sequential':
        return lowestBit(usable);
      case 'roundRobin':
        return this.#pickNext(usable);
      case 'fastest':
        return this.#pickFastest(usable);
      default:
        return this.#pickRandom(usable);
    }
  }

  /** Whether every upstream is quarantined: no answer can be had, and the cause is a loop. */
  allQuarantined(): boolean {
    for (let i = 0; i < this.#count; i++) {
      if (!this.#state.isQuarantined(this.#routeSlots[i]!)) return false;
    }
    return this.#count > 0;
  }

  /** The untried, unquarantined upstreams that are up. */
  #usableOf(triedMask: number): number {
    let mask = 0;
    for (let i = 0; i < this.#count; i++) {
      if ((triedMask & (1 << i)) !== 0) continue;
      if (this.#state.isQuarantined(this.#routeSlots[i]!)) continue;
      if (this.#state.isUp(this.#upstreamSlots[i]!)) mask |= 1 << i;
    }
    return mask;
  }

  /** Those of a mask that have answered since they last failed. */
  #withoutFailures(mask: number): number {
    let rest = mask;
    for (let i = 0; i < this.#count; i++) {
      if (this.#state.failures(this.#upstreamSlots[i]!) > 0) rest &= ~(1 << i);
    }
    return rest;
  }

  #pickRandom(mask: number): number {
    return nthBit(mask, this.#random.below(bitCount(mask)));
  }

  #pickNext(mask: number): number {
    // The upstreams at or after the turn, else from the start.
    const ahead = mask & ~((1 << this.#turn) - 1);
    const index = lowestBit(ahead === 0 ? mask : ahead);
    this.#turn = (index + 1) % this.#count;
    return index;
  }

  #pickFastest(mask: number): number {
    if (this.#random.below(EXPLORE_ONE_IN) === 0) return this.#pickRandom(mask);
    let best = -1;
    let bestMs = Number.POSITIVE_INFINITY;
    let unmeasured = 0;
    for (let i = 0; i < this.#count; i++) {
      if ((mask & (1 << i)) === 0) continue;
      const rttMs = this.#state.rttMs(this.#upstreamSlots[i]!);
      if (rttMs === 0) unmeasured |= 1 << i;
      else if (rttMs < bestMs) {
        best = i;
        bestMs = rttMs;
      }
    }
    return unmeasured === 0 ? best : this.#pickRandom(unmeasured);
  }
}

function lowestBit(mask: number): number {
  return 31 - Math.clz32(mask & -mask);
}

function bitCount(mask: number): number {
  let count = 0;
  for (let rest = mask; rest !== 0; rest &= rest - 1) count++;
  return count;
}

/** Position of the n-th set bit, n from 0. */
function nthBit(mask: number, n: number): number {
  let rest = mask;
  for (let i = 0; i < n; i++) rest &= rest - 1;
  return lowestBit(rest);
}
