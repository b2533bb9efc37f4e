// Which upstreams take long to answer, from the round-trip times that workers measure. Once a
// second, for the log; nothing is decided by it. Main thread.
import { SLOW_RTT_MS } from '../../admin/verdict.ts';
import type { SharedUpstreamState } from '../../upstream/shared-state.ts';
import type { RegisteredUpstream } from './upstream-registry.ts';

/** Below this a slow one is slow no longer: between the two it stays what it was. */
const QUICK_RTT_MS = SLOW_RTT_MS / 2;

export class SlowUpstreams {
  readonly #state: SharedUpstreamState;
  /** Keys of those that are slow. */
  #slow: ReadonlySet<string> = new Set();

  constructor(state: SharedUpstreamState) {
    this.#state = state;
  }

  /** Returns those that have become slow, and those that no longer are. */
  look(upstreams: readonly RegisteredUpstream[]): {
    slower: RegisteredUpstream[];
    quicker: RegisteredUpstream[];
  } {
    const before = this.#slow;
    const isSlow = ({ spec }: RegisteredUpstream) =>
      this.#state.rttMs(spec.slot) >= (before.has(spec.key) ? QUICK_RTT_MS : SLOW_RTT_MS);
    const after = new Set(upstreams.filter(isSlow).map(({ spec }) => spec.key));
    this.#slow = after;
    return {
      slower: upstreams.filter(({ spec }) => after.has(spec.key) && !before.has(spec.key)),
      quicker: upstreams.filter(({ spec }) => before.has(spec.key) && !after.has(spec.key)),
    };
  }
}
