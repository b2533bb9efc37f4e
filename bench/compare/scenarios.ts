// What is measured: each scenario's load and contenders, as data. Titles and keys appear in the
// results.
import { hotQueries, mixedQueries, uniqueQueries } from './query-files.ts';

/**
 * Queries that no server here exceeds in a second; a file of unique names is as long as that asks
 * for.
 */
const MOST_UNIQUE_PER_SECOND = 120_000;
const MOST_MIXED_PER_SECOND = 160_000;

/** dnsperf as fast as answers come, and what each answer cost. */
export interface LoadScenario {
  readonly kind: 'load';
  readonly key: string;
  readonly title: string;
  /** The contender that stands for the kernel's own cost; null: none does. */
  readonly floor: 'floor-answer' | 'floor-forward' | null;
  readonly tcp: boolean;
  readonly edns: boolean;
  readonly outstanding: number;
  /** Whether servers may keep answers. */
  readonly cache: boolean;
  /** The hot names are asked for, unmeasured, before the first round. */
  readonly warm: boolean;
  /** Names that come once each: another file in every round. */
  readonly once: boolean;
  queries(tag: string, seconds: number): Iterable<string>;
}

/** A fixed rate, as low as those of most clusters, and what each answer cost. */
export interface RateScenario {
  readonly kind: 'rate';
  readonly key: string;
  readonly title: string;
  /** The contender that stands for the kernel's own cost; null: none does. */
  readonly floor: 'floor-answer' | 'floor-forward' | null;
  readonly rate: number;
  /** Sockets that the load comes from. */
  readonly clients: number;
  /** What is asked: names that every cache holds, names that come once, or a cluster's. */
  readonly asks: 'cached' | 'forwarded' | 'cluster';
}

/** What is measured in another way: each has its own module. */
export interface OtherScenario {
  readonly kind: 'latency' | 'workers' | 'pause' | 'memory' | 'start' | 'names' | 'storm' | 'shed';
  readonly key: string;
  readonly title: string;
}

export type Scenario = LoadScenario | RateScenario | OtherScenario;

const LOAD = {
  kind: 'load',
  floor: null,
  tcp: false,
  edns: false,
  outstanding: 200,
  cache: true,
  warm: true,
  once: false,
  queries: (_tag: string, _seconds: number): Iterable<string> => hotQueries(),
} as const;

/** Queries a second of the rows at low rates. */
const RATES = [1000, 5000, 20_000] as const;
const RATE_CLIENTS = 20;

function rateScenarios(asks: 'cached' | 'forwarded'): RateScenario[] {
  return RATES.map((rate) => ({
    kind: 'rate',
    key: `${asks}-${rate}`,
    title: `${asks}, ${rate.toLocaleString('en')}/s`,
    floor: asks === 'cached' ? 'floor-answer' : 'floor-forward',
    rate,
    clients: RATE_CLIENTS,
    asks,
  }));
}

export const RATE_SCENARIOS: readonly RateScenario[] = [
  ...rateScenarios('cached'),
  ...rateScenarios('forwarded'),
  {
    kind: 'rate',
    key: 'cluster',
    title: 'a cluster, 5,000/s',
    floor: null,
    rate: 5000,
    clients: 200,
    asks: 'cluster',
  },
];

/** Those whose floor is this one. */
export function rateKeysOf(floor: RateScenario['floor']): string[] {
  return RATE_SCENARIOS.filter((scenario) => scenario.floor === floor).map(({ key }) => key);
}

export const RATE_SCENARIO_KEYS: readonly string[] = RATE_SCENARIOS.map(({ key }) => key);

export const SCENARIOS: readonly Scenario[] = [
  { ...LOAD, key: 'cached', title: 'cached, A, no OPT', floor: 'floor-answer' },
  { ...LOAD, key: 'cached-opt', title: 'cached, A, with OPT', floor: 'floor-answer', edns: true },
  {
    ...LOAD,
    key: 'forwarded',
    title: 'forwarded, every name new',
    floor: 'floor-forward',
    cache: false,
    warm: false,
    once: true,
    queries: (tag, seconds) => uniqueQueries(tag, seconds * MOST_UNIQUE_PER_SECOND),
  },
  {
    ...LOAD,
    key: 'mixed',
    title: '90 % cached, 10 % forwarded',
    once: true,
    queries: (tag, seconds) => mixedQueries(tag, seconds * MOST_MIXED_PER_SECOND),
  },
  { ...LOAD, key: 'tcp', title: 'cached over TCP, pipelined', tcp: true },
  ...RATE_SCENARIOS,
  { kind: 'latency', key: 'latency', title: 'latency at 20,000 queries a second, cached' },
  { kind: 'workers', key: 'workers', title: 'two workers with twice the load of one' },
  { kind: 'pause', key: 'pause', title: 'a minute at 20,000 queries a second, cache full, scraped' },
  { kind: 'shed', key: 'shed', title: 'a looping packet beside a cached answer' },
  { kind: 'storm', key: 'storm', title: 'a forwarding loop beside ordinary names' },
  { kind: 'names', key: 'names', title: 'cached, 10,000 and 1,000,000 names' },
  { kind: 'memory', key: 'memory', title: 'memory, idle and with 100,000 cached names' },
  { kind: 'start', key: 'start', title: 'start to first answer' },
];

export const SCENARIO_KEYS: readonly string[] = SCENARIOS.map(({ key }) => key);
