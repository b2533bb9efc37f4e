// The running server as the admin listener asks for it, and what it does to the cache. Main
// thread, per request.

import { isIP } from 'node:net';
import type {
  AdminSource,
  CacheEntries,
  EntriesScope,
  ExplainScope,
  FlushScope,
  ServerSnapshot,
  TopLists,
} from '../../admin/admin-source.ts';
import { UnloopError } from '../../base/errors.ts';
import type { CachedEntry } from '../../cache/cache-listing.ts';
import type { CounterTotals } from '../../metrics/counters.ts';
import type { Exposition, MetricsText } from '../../metrics/exposition.ts';
import type { ExplainQuestion, Explanation } from '../../pipeline/explain.ts';
import type { KeptQuery, KeptReport } from '../../pipeline/kept-queries.ts';
import { Type } from '../../wire/codes.ts';
import { textToName } from '../../wire/text.ts';
import type { WorkerAnswer } from '../worker/worker-channel.ts';
import { mergeTop } from './merge-top.ts';
import type { ServerFacts } from './server-facts.ts';
import { takeSnapshot } from './server-snapshot.ts';

/** Queries explained at a time: each may wait for its deadline. */
const MAX_EXPLAINING = 4;

export class AdminView implements AdminSource {
  readonly totals: CounterTotals;
  readonly #plane: ServerFacts;
  readonly #coredns: boolean;
  #explaining = 0;
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

  async explain({ name, type, client, dryRun }: ExplainScope): Promise<Explanation | null> {
    this.#checkScope({ name, zone: null });
    if (isIP(client) === 0)
      throw new UnloopError('UNLOOP_USAGE', `${client} is not an address`, 'Write one address: 10.0.0.7.');
    const question = { name, qtype: typeOf(type), client, dryRun };
    if (this.#explaining >= MAX_EXPLAINING) return null;
    this.#explaining++;
    try {
      const { client: asker, ...rest } = await this.#explain(question);
      const pod = this.#plane.pods.podOf(asker.address);
      return { ...rest, client: pod === null ? asker : { ...asker, pod } };
    } finally {
      this.#explaining--;
    }
  }

  /** Where the name is cached, else where the kernel deals it. */
  async #explain(question: ExplainQuestion): Promise<Explanation> {
    const { supervisor } = this.#plane;
    const looks = await supervisor.broadcast({ type: 'explain', question: { ...question, dryRun: true } });
    const cachedIn = looks.findIndex((look) => isExplanation(look) && look.cache.state !== 'none');
    const index = cachedIn >= 0 ? cachedIn : (supervisor.ownerOf(textToName(question.name)) ?? 0);
    const look = looks[index];
    if (question.dryRun && look !== undefined && isExplanation(look)) return look;
    const answer = await supervisor.order(index, { type: 'explain', question });
    if (isExplanation(answer)) return answer;
    // Logged by the admin listener, and answered 500.
    if (typeof answer === 'object' && 'failure' in answer)
      throw new Error(`${question.name} could not be explained: ${answer.failure}`);
    throw new UnloopError('UNLOOP_USAGE', 'the worker of this name is being replaced', 'Ask again.');
  }

  async top(limit: number): Promise<TopLists> {
    const answers = await this.#plane.supervisor.broadcast({ type: 'top' });
    const reports = answers.flatMap((answer) =>
      typeof answer === 'object' && 'names' in answer ? answer : [],
    );
    const { upstreams } = this.#plane.registry;
    const lists = mergeTop(reports, new Map(upstreams.map(({ spec }) => [spec.slot, spec.text])), limit);
    const { pods } = this.#plane;
    return {
      ...lists,
      clients: pods.named(lists.clients),
      nxdomainClients: pods.named(lists.nxdomainClients),
      searchClients: pods.named(lists.searchClients),
    };
  }

  async slowQueries(limit: number): Promise<KeptQuery[]> {
    const slow = (await this.#keptQueries()).flatMap((report) => report.slow);
    return this.#plane.pods.named(slow.sort((a, b) => b.durationMs - a.durationMs).slice(0, limit));
  }

  async failedQueries(limit: number): Promise<KeptQuery[]> {
    const failed = (await this.#keptQueries()).flatMap((report) => report.failed);
    return this.#plane.pods.named(failed.sort((a, b) => Date.parse(b.at) - Date.parse(a.at)).slice(0, limit));
  }

  async #keptQueries(): Promise<KeptReport[]> {
    const answers = await this.#plane.supervisor.broadcast({ type: 'kept-queries' });
    return answers.flatMap((answer) => (typeof answer === 'object' && 'slow' in answer ? answer : []));
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
      throw new UnloopError('UNLOOP_USAGE', `${name} is not a name`, 'Write it as dig shows it.');
  }
}

function isExplanation(answer: WorkerAnswer): answer is Explanation {
  return typeof answer === 'object' && 'summary' in answer;
}

/** `AAAA` or `TYPE65`, in any letter case. */
function typeOf(text: string): number {
  const name = text.toUpperCase();
  const number = Number(/^TYPE(\d{1,5})$/.exec(name)?.[1] ?? Type[name as keyof typeof Type] ?? 0);
  if (number > 0 && number < 65_536) return number;
  throw new UnloopError(
    'UNLOOP_USAGE',
    `${text} is not a type`,
    'Write it as dig shows it: A, AAAA, TYPE65.',
  );
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
