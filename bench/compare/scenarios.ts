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

/** What is measured in another way: each has its own module. */
export interface OtherScenario {
  readonly kind: 'latency' | 'workers' | 'pause' | 'memory' | 'start' | 'names' | 'storm' | 'shed';
  readonly key: string;
  readonly title: string;
}

export type Scenario = LoadScenario | OtherScenario;

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
