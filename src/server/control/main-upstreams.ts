// The main thread's own exchanges with the upstreams: one for its probes, opened when first needed
// and kept, and a new one for each health check.
import type { Clock } from '../../base/clock.ts';
import { RandomPool } from '../../base/random.ts';
import { Counters, createCounterBlock } from '../../metrics/counters.ts';
import { Upstream, type UpstreamSpec } from '../../upstream/upstream.ts';

export class MainUpstreams {
  readonly #clock: Clock;
  readonly #random = new RandomPool();
  /** What is sent from here is no client's query: it is counted apart, and published nowhere. */
  readonly #counters = new Counters(createCounterBlock());
  readonly #open = new Map<number, { readonly spec: UpstreamSpec; readonly upstream: Promise<Upstream> }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The upstream for a spec; the same one as long as the spec is. */
  get(spec: UpstreamSpec): Promise<Upstream> {
    const known = this.#open.get(spec.slot);
    if (known?.spec.key === spec.key) return known.upstream;
    if (known !== undefined) closeLater(known.upstream);
    const upstream = this.openOnce(spec);
    this.#open.set(spec.slot, { spec, upstream });
    return upstream;
  }

  /** A way of the caller's own, who closes it. */
  openOnce(spec: UpstreamSpec): Promise<Upstream> {
    const options = { random: this.#random, clock: this.#clock, counters: this.#counters, sockets: 1 };
    return Upstream.open(spec, options);
  }

  /** Closes those that are no longer wanted. */
  keep(specs: readonly UpstreamSpec[]): void {
    const wanted = new Set(specs.map((spec) => spec.slot));
    for (const [slot, { upstream }] of this.#open) {
      if (wanted.has(slot)) continue;
      this.#open.delete(slot);
      closeLater(upstream);
    }
  }

  async close(): Promise<void> {
    const all = [...this.#open.values()];
    this.#open.clear();
    await Promise.all(all.map(async ({ upstream }) => (await upstream).close(true)));
  }
}

function closeLater(upstream: Promise<Upstream>): void {
  void upstream.then((opened) => opened.close(false));
}
