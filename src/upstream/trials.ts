// Questions that upstreams are asked although they are down, so that a check which is never answered (a firewall that drops it)
// cannot keep them out. Bounded, so that a dead server costs little. One per worker; used by selection and forward-path.
import { MAX_UPSTREAMS } from '../metrics/counters.ts';

/** Under way at once for each upstream and thread. More questions than that are answered at once: stale data, or SERVFAIL. */
const MAX_TRIALS = 64;
/** While others are up: one question in this time goes to it as well. */
const TURN_MS = 500;

export class Trials {
  readonly #underWay = new Uint16Array(MAX_UPSTREAMS);
  /** When it may be asked beside another again. */
  readonly #nextTurnMs = new Float64Array(MAX_UPSTREAMS);

  hasRoom(slot: number): boolean {
    return this.#underWay[slot]! < MAX_TRIALS;
  }

  begin(slot: number): void {
    this.#underWay[slot]!++;
  }

  end(slot: number): void {
    this.#underWay[slot]!--;
  }

  /** Whether it is due to be asked beside another; if so, the turn is taken. */
  takeTurn(slot: number, nowMs: number): boolean {
    if (nowMs < this.#nextTurnMs[slot]! || !this.hasRoom(slot)) return false;
    this.#nextTurnMs[slot] = nowMs + TURN_MS;
    return true;
  }
}
