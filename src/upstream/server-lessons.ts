// When a server as a whole is asked without a mark (marks.ts). The owner of a name decides what a
// resolver answers for it, so the evidence is several unrelated names, some of them our own
// questions', and none of ours to the contrary. Pure: the main thread feeds it and carries out what
// it says.
import { MARK_COUNT } from './marks.ts';

/** Names of unrelated owners that have to show the same. */
export const ENOUGH_NAMES = 3;
/** Client names' owners that are remembered for a mark. */
const MAX_DOMAINS = 8;
/** Evidence older than this counts no more: servers change, ms. */
const EVIDENCE_MS = 600_000;

/** What one of our own questions says of a mark. */
export type Finding = 'shows' | 'contradicts' | 'nothing';

/** Evidence about one server. */
export class ServerEvidence {
  /** By mark: when a domain's questions last showed it, ms. */
  readonly #domains = Array.from({ length: MARK_COUNT }, () => new Map<string, number>());

  /** A question for a name of this domain met with a stumble over these marks. */
  note(marks: number, domain: string, nowMs: number): void {
    for (const [bit, domains] of this.#domains.entries()) {
      if ((marks & (1 << bit)) === 0) continue;
      domains.delete(domain);
      domains.set(domain, nowMs);
      if (domains.size > MAX_DOMAINS) domains.delete(domains.keys().next().value!);
    }
  }

  /** Domains that have shown a mark (by bit number) not too long ago. */
  count(bit: number, nowMs: number): number {
    const domains = this.#domains[bit]!;
    for (const [domain, atMs] of domains) if (nowMs - atMs > EVIDENCE_MS) domains.delete(domain);
    return domains.size;
  }
}

/**
 * Whether a mark is to be given up for a server: `domains` of clients' names showed it, and our own
 * questions say this.
 */
export function isShown(domains: number, own: readonly Finding[]): boolean {
  if (own.includes('contradicts')) return false;
  const ours = own.filter((finding) => finding === 'shows').length;
  return ours > 0 && domains + ours >= ENOUGH_NAMES;
}
