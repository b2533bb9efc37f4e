// Why connections toward upstreams, and queries over them, failed: the last words of each kind, as
// workers tell them. Kept on the main thread, for the log. What GET /upstreams shows is health's.
import type { FailureReason } from '../../upstream/exchange.ts';

export class UpstreamFaults {
  /** By the upstream’s key, then by reason: as many as there are upstreams and reasons. */
  readonly #texts = new Map<string, Map<FailureReason, string>>();

  add(key: string, reason: FailureReason, text: string): void {
    const known = this.#texts.get(key) ?? new Map<FailureReason, string>();
    known.set(reason, text);
    this.#texts.set(key, known);
  }

  /** The last message about failures of one kind; '' for none. */
  textOf(key: string, reason: FailureReason): string {
    return this.#texts.get(key)?.get(reason) ?? '';
  }

  /** Forgets all others. */
  keep(keys: readonly string[]): void {
    for (const key of this.#texts.keys()) if (!keys.includes(key)) this.#texts.delete(key);
  }
}
