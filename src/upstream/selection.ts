// Which upstream of a zone a query goes to. Called by the pipeline for each attempt; one Selection
// per zone and thread.
import type { RandomPool } from '../base/random.ts';
import type { Policy } from '../config/config.ts';
import { type SharedUpstreamState, UpstreamState } from './shared-state.ts';
import type { Trials } from './trials.ts';

/** Upstreams of one zone: attempts already made are bits of one small integer. */
export const MAX_CANDIDATES = 30;
/**
 * With `fastest`, one query in this many goes anywhere, so that a server that became fast is
 * noticed.
 */
const EXPLORE_ONE_IN = 20;

/**
 * A zone's upstreams and the policy among them. Indices are positions in the lists given; −1 means
 * none.
 */
export class Selection {
  readonly #policy: Policy;
  readonly #upstreamSlots: Int32Array;
  readonly #routeSlots: Int32Array;
  readonly #state: SharedUpstreamState;
  readonly #random: RandomPool;
  readonly #count: number;
  #turn = 0;
  // As of the last survey, bit i for upstream i.
  /** Not quarantined. */
  #open = 0;
  #down = 0;
  #suspect = 0;

  /**
   * upstreamSlots[i] and routeSlots[i] are where the shared state of upstream i, and of its use by
   * this zone, stand.
   */
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
   * The upstream to ask next, or −1 when none is usable: not down, not quarantined, not tried yet
   * (bit i of triedMask, set by the caller). A suspect one is asked only when there is no other:
   * an answer clears it within moments. Unanswered questions do not count here: otherwise the
   * owner of a name could steer everybody's queries. By roundRobin only passTurn() ends a turn.
   */
  pick(triedMask: number): number {
    this.#survey();
    const usable = this.#open & ~this.#down & ~triedMask;
    if (usable === 0) return -1;
    const plain = usable & ~this.#suspect;
    return this.#choose(plain === 0 ? usable : plain);
  }

  /** A question starts with upstream `index`: by roundRobin, the next question starts after it. */
  passTurn(index: number): void {
    this.#turn = (index + 1) % this.#count;
  }

  /**
   * When every upstream is down: one to try all the same, or −1 when none is left, or when no more
   * trials may be under way. Not a quarantined one: it loops.
   */
  pickTrial(triedMask: number, trials: Trials, clientHash: number): number {
    if (!this.allDown()) return -1;
    let usable = this.#open & ~triedMask;
    for (let i = 0; i < this.#count; i++) {
      const isUsable = (usable & (1 << i)) !== 0;
      if (isUsable && !trials.hasRoom(this.#upstreamSlots[i]!, clientHash)) usable &= ~(1 << i);
    }
    return usable === 0 ? -1 : this.#pickRandom(usable);
  }

  /**
   * One that is suspect or down, to be asked beside `index`, whose answer is the one that counts;
   * −1: none is due. So a server that answers questions but not its check comes back, and no client
   * waits for it. To be called right after pick(), whose survey it uses.
   */
  pickTrialAlongside(index: number, trials: Trials, clientHash: number, nowMs: number): number {
    if ((this.#down | this.#suspect) === 0) return -1;
    for (let i = 0; i < this.#count; i++) {
      if (i === index || ((this.#down | this.#suspect) & this.#open & (1 << i)) === 0) continue;
      if (trials.takeTurn(this.#upstreamSlots[i]!, clientHash, nowMs)) return i;
    }
    return -1;
  }

  /**
   * Whether none is known to answer: a failure now says nothing about the name that was asked for.
   */
  isOutage(): boolean {
    this.#survey();
    return (this.#open & ~this.#down & ~this.#suspect) === 0;
  }

  /** Whether every upstream that does not loop is down. */
  allDown(): boolean {
    this.#survey();
    return (this.#open & ~this.#down) === 0;
  }

  /** Whether every upstream is quarantined: no answer can be had, and the cause is a loop. */
  allQuarantined(): boolean {
    for (let i = 0; i < this.#count; i++) {
      if (!this.#state.isQuarantined(this.#routeSlots[i]!)) return false;
    }
    return this.#count > 0;
  }

  #choose(usable: number): number {
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

  /** Looks at all upstreams. */
  #survey(): void {
    let open = 0;
    let down = 0;
    let suspect = 0;
    for (let i = 0; i < this.#count; i++) {
      const bit = 1 << i;
      if (!this.#state.isQuarantined(this.#routeSlots[i]!)) open |= bit;
      const state = this.#state.stateOf(this.#upstreamSlots[i]!);
      if (state === UpstreamState.down) down |= bit;
      else if (state === UpstreamState.suspect) suspect |= bit;
    }
    this.#open = open;
    this.#down = down;
    this.#suspect = suspect;
  }

  #pickRandom(mask: number): number {
    return nthBit(mask, this.#random.below(bitCount(mask)));
  }

  #pickNext(mask: number): number {
    // The upstreams at or after the turn, else from the start.
    const ahead = mask & ~((1 << this.#turn) - 1);
    return lowestBit(ahead === 0 ? mask : ahead);
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
