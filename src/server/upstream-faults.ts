// Why connections toward upstreams, and queries over them, failed: the last words of each kind, as workers tell them. Kept on the
// main thread, for the log and GET /upstreams.
import type { FailureReason } from '../upstream/exchange.ts';

export interface UpstreamFault {
  readonly text: string;
  /** Wall clock, ms since 1970. */
  readonly atMs: number;
}

export class UpstreamFaults {
  /** By the upstream’s text, then by reason: as many as there are upstreams and reasons. */
  readonly #faults = new Map<string, Map<FailureReason, UpstreamFault>>();

  add(upstream: string, reason: FailureReason, text: string): void {
    const known = this.#faults.get(upstream) ?? new Map<FailureReason, UpstreamFault>();
    known.set(reason, { text, atMs: Date.now() });
    this.#faults.set(upstream, known);
  }

  /** The last words about failures of one kind; '' for none. */
  textOf(upstream: string, reason: FailureReason): string {
    return this.#faults.get(upstream)?.get(reason)?.text ?? '';
  }

  /** The last words of all; null for none. */
  last(upstream: string): UpstreamFault | null {
    let last: UpstreamFault | null = null;
    for (const fault of this.#faults.get(upstream)?.values() ?? []) {
      if (last === null || fault.atMs >= last.atMs) last = fault;
    }
    return last;
  }

  /** Forgets all others. */
  keep(upstreams: readonly string[]): void {
    for (const upstream of this.#faults.keys())
      if (!upstreams.includes(upstream)) this.#faults.delete(upstream);
  }
}
