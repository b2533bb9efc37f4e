// The running server as the admin listener asks for it, and the one action that it offers. Main
// thread, per request.
import type { AdminSource, FlushScope, ServerSnapshot } from '../../admin/admin-source.ts';
import { UnloopError } from '../../base/errors.ts';
import type { CounterTotals } from '../../metrics/counters.ts';
import type { Exposition, MetricsText } from '../../metrics/exposition.ts';
import { textToName } from '../../wire/text.ts';
import type { ServerFacts } from './server-facts.ts';
import { takeSnapshot } from './server-snapshot.ts';

export class AdminView implements AdminSource {
  readonly totals: CounterTotals;
  readonly #plane: ServerFacts;
  readonly #coredns: boolean;
  /**
   * Allocated for the first scrape: it takes 3 MiB, which a process without scrapes does not need.
   */
  #exposition: Promise<Exposition> | null = null;

  /**
   * @param coredns publish CoreDNS's metric names as well: of the configuration that is about to be
   * in force
   */
  constructor(plane: ServerFacts, coredns: boolean) {
    this.#plane = plane;
    this.#coredns = coredns;
    this.totals = plane.totals;
  }

  snapshot(): ServerSnapshot {
    return takeSnapshot(this.#plane);
  }

  async metrics(): Promise<MetricsText> {
    this.#exposition ??= import('../../metrics/exposition.ts').then(({ createExposition }) =>
      createExposition(() => this.snapshot(), { coredns: this.#coredns }),
    );
    return (await this.#exposition)();
  }

  async flushCache(scope: FlushScope): Promise<number> {
    const zones = this.#plane.registry.routing.zones.map((zone) => zone.suffix);
    if (scope.zone !== null && !zones.includes(scope.zone)) {
      throw new UnloopError(
        'UNLOOP_USAGE',
        `there is no zone ${scope.zone}`,
        `Name one of those that are configured: ${zones.join(', ')}.`,
      );
    }
    const name = scope.name ?? '';
    if (scope.name !== null && !isName(scope.name))
      throw new UnloopError('UNLOOP_USAGE', `${name} is no name`, 'Write it as dig shows it.');
    const counts = await this.#plane.supervisor.broadcast({ type: 'flush', name, zone: scope.zone ?? '' });
    return counts.reduce((sum, count) => sum + count, 0);
  }
}

/**
 * Whether workers can read it: escapes (as \032) may be wrong even where the rest looks like a
 * name.
 */
function isName(text: string): boolean {
  try {
    textToName(text);
    return true;
  } catch {
    return false;
  }
}
