// The running server as the admin listener asks for it, and what it does to the cache. Main
// thread, per request.
import type {
  AdminSource,
  CacheEntries,
  EntriesScope,
  FlushScope,
  ServerSnapshot,
  TopLists,
} from '../../admin/admin-source.ts';
import { UnloopError } from '../../base/errors.ts';
import type { CachedEntry } from '../../cache/cache-listing.ts';
import type { CounterTotals } from '../../metrics/counters.ts';
import type { Exposition, MetricsText } from '../../metrics/exposition.ts';
import { Type } from '../../wire/codes.ts';
import { textToName } from '../../wire/text.ts';
import { mergeTop } from './merge-top.ts';
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
    this.#checkScope(scope);
    const { name, zone } = scope;
    const answers = await this.#plane.supervisor.broadcast({
      type: 'flush',
      name: name ?? '',
      zone: zone ?? '',
    });
    return answers.reduce<number>((sum, count) => sum + (typeof count === 'number' ? count : 0), 0);
  }

  async listCache(scope: EntriesScope): Promise<CacheEntries> {
    this.#checkScope(scope);
    const { name, zone, limit } = scope;
    const wanted = {
      name: name ?? '',
      zone: zone ?? '',
      qtype: scope.type === null ? 0 : typeOf(scope.type),
      // One more, to know whether there are more.
      limit: limit + 1,
    };
    const answers = await this.#plane.supervisor.broadcast({ type: 'list-cache', wanted });
    const entries = answers.flatMap((answer) => (Array.isArray(answer) ? (answer as CachedEntry[]) : []));
    entries.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.type < b.type ? -1 : 1));
    return { entries: entries.slice(0, limit), more: entries.length > limit };
  }

  async top(limit: number): Promise<TopLists> {
    const answers = await this.#plane.supervisor.broadcast({ type: 'top' });
    const reports = answers.flatMap((answer) =>
      typeof answer === 'object' && 'names' in answer ? answer : [],
    );
    const { upstreams } = this.#plane.registry;
    return mergeTop(reports, new Map(upstreams.map(({ spec }) => [spec.slot, spec.text])), limit);
  }

  #checkScope({ name, zone }: FlushScope): void {
    const zones = this.#plane.registry.routing.zones.map(({ suffix }) => suffix);
    if (zone !== null && !zones.includes(zone)) {
      throw new UnloopError(
        'UNLOOP_USAGE',
        `there is no zone ${zone}`,
        `Name one of those that are configured: ${zones.join(', ')}.`,
      );
    }
    if (name !== null && !isName(name))
      throw new UnloopError('UNLOOP_USAGE', `${name} is no name`, 'Write it as dig shows it.');
  }
}

/** `AAAA` or `TYPE65`, in any letter case. */
function typeOf(text: string): number {
  const name = text.toUpperCase();
  const number = Number(/^TYPE(\d{1,5})$/.exec(name)?.[1] ?? Type[name as keyof typeof Type] ?? 0);
  if (number > 0 && number < 65_536) return number;
  throw new UnloopError('UNLOOP_USAGE', `${text} is no type`, 'Write it as dig shows it: A, AAAA, TYPE65.');
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
