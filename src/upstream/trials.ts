// Questions that upstreams are asked although they are down, so that a check which is never
// answered (a firewall that drops it) cannot keep them out. Bounded, so that a dead server costs
// little. One per worker, kept by attempt-sender; selection asks it which servers have room.
import { MAX_UPSTREAMS } from '../base/slots.ts';

/**
 * Under way at once for each upstream and thread. More questions than that are answered at once:
 * stale data, or SERVFAIL.
 */
const MAX_TRIALS = 64;
/** While others are up: one question in this time goes to it as well. */
const TURN_MS = 500;

export class Trials {
  readonly #underWay = new Uint16Array(MAX_UPSTREAMS);
  /** The same by upstream and client, where it is not 0. */
  readonly #byClient = new Map<number, number>();
  /** When it may be asked along with another again. */
  readonly #nextTurnMs = new Float64Array(MAX_UPSTREAMS);

  /**
   * Whether a client may have one more. It gets no more than it leaves to others: one alone has
   * half of the slots. A client that asks for names that are never answered does not keep the
   * server out for all.
   */
  hasRoom(slot: number, clientHash: number): boolean {
    const own = this.#byClient.get(keyOf(slot, clientHash)) ?? 0;
    return own < MAX_TRIALS - this.#underWay[slot]!;
  }

  begin(slot: number, clientHash: number): void {
    this.#underWay[slot]!++;
    const key = keyOf(slot, clientHash);
    this.#byClient.set(key, (this.#byClient.get(key) ?? 0) + 1);
  }

  end(slot: number, clientHash: number): void {
    this.#underWay[slot]!--;
    const key = keyOf(slot, clientHash);
    const own = this.#byClient.get(key)! - 1;
    if (own > 0) this.#byClient.set(key, own);
    else this.#byClient.delete(key);
  }

  /** Whether it is due to be asked along with another; if so, its turn is used up. */
  takeTurn(slot: number, clientHash: number, nowMs: number): boolean {
    if (nowMs < this.#nextTurnMs[slot]! || !this.hasRoom(slot, clientHash)) return false;
    this.#nextTurnMs[slot] = nowMs + TURN_MS;
    return true;
  }
}

/** `clientHash` (pipeline/client-hash.ts) has 32 bits. */
function keyOf(slot: number, clientHash: number): number {
  return slot * 2 ** 32 + (clientHash >>> 0);
}
