// Why connections toward upstreams, and queries over them, failed: the last words of each kind, as
// workers tell them. Kept on the main thread, for the log. What GET /upstreams shows is health's.
import type { FailureReason } from '../../upstream/exchange.ts';

export class UpstreamFaults {
  /** By the upstream’s text, then by reason: as many as there are upstreams and reasons. */
  readonly #texts = new Map<string, Map<FailureReason, string>>();

  add(upstream: string, reason: FailureReason, text: string): void {
    const known = this.#texts.get(upstream) ?? new Map<FailureReason, string>();
    known.set(reason, text);
    this.#texts.set(upstream, known);
  }

  /** The last message about failures of one kind; '' for none. */
  textOf(upstream: string, reason: FailureReason): string {
    return this.#texts.get(upstream)?.get(reason) ?? '';
  }

  /** Forgets all others. */
  keep(upstreams: readonly string[]): void {
    for (const upstream of this.#texts.keys())
      if (!upstreams.includes(upstream)) this.#texts.delete(upstream);
  }
}
