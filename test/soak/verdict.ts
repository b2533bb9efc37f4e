// What a soak must hold, each with the figure that was seen; the tables for people.
import type { Outcomes } from './outcomes.ts';
import { fitTrend, sureGrowth, type Trend } from './regression.ts';
import { AFTERMATH, CALM, FAULTS, HARD_AFTERMATH, MAY_FAIL, MAY_LOSE } from './schedule.ts';
import type { Holdings } from './server-under-test.ts';

export interface Sample extends Holdings {
  readonly atMs: number;
}

/** One thing that must hold. */
export interface Check {
  readonly what: string;
  readonly seen: string;
  readonly limit: string;
  readonly holds: boolean;
}

export interface Observed {
  readonly outcomes: Outcomes;
  /** After the warm-up. */
  readonly samples: readonly Sample[];
  readonly exitCode: number;
  readonly complaints: readonly string[];
  /** Workers that the soak killed, and the server's word that one died. */
  readonly workersKilled: number;
}

const MIB = 1 << 20;
/**
 * What must surely have grown (regression, 95 %) to count: a share of the mean, and no less than
 * this.
 */
const MIN_GROWTH_BYTES = 4 * MIB;
const GROWTH_SHARE = 0.1;
/** Under ten minutes tables and heaps still fill: only a gross leak is told from that. */
const SHORT_MS = 600_000;
const SHORT_GROWTH_SHARE = 0.25;
/** Connections to upstreams come and go. */
const MAX_DESCRIPTOR_GROWTH = 5;
const MIN_SAMPLES = 20;

export function judge(observed: Observed): Check[] {
  const { outcomes, samples, exitCode, complaints, workersKilled } = observed;
  const sumWhere = (field: 'errors' | 'lost', except: ReadonlySet<string>) =>
    [...outcomes.byFault].reduce((sum, [name, outcome]) => sum + (except.has(name) ? 0 : outcome[field]), 0);
  const deaths = complaints.filter((line) => line.includes('worker')).length;
  const count = (what: string, seen: number, limit = 0): Check => ({
    what,
    seen: String(seen),
    limit: String(limit),
    holds: seen === limit,
  });
  const checks = [
    { ...count('queries asked', outcomes.total('sent'), 1), limit: '> 0', holds: outcomes.total('sent') > 0 },
    count('queries without an outcome', outcomes.total('sent') - outcomes.settled()),
    count('wrong answers', outcomes.total('wrong')),
    count('replies to nothing that was asked, duplicates', outcomes.total('unexpected')),
    count('lost, where nothing may be lost', sumWhere('lost', MAY_LOSE)),
    count('errors, where a true answer can be had', sumWhere('errors', MAY_FAIL)),
    count('exit code after SIGTERM', exitCode),
    count('complaints of the server about itself', complaints.length - deaths),
    count('workers that died, the killed ones aside', deaths - workersKilled),
    {
      ...count('readings of memory', samples.length),
      limit: `≥ ${MIN_SAMPLES}`,
      holds: samples.length >= MIN_SAMPLES,
    },
  ];
  if (samples.length < MIN_SAMPLES) return checks;
  return [...checks, ...growthChecks(samples)];
}

function growthChecks(samples: readonly Sample[]): Check[] {
  const times = samples.map((sample) => sample.atMs);
  const durationMs = times.at(-1)! - times[0]!;
  const share = durationMs < SHORT_MS ? SHORT_GROWTH_SHARE : GROWTH_SHARE;
  const memory = (what: string, values: readonly number[], reduce: 'mean' | 'minimum'): Check => {
    const trend = fitTrend(times, values, reduce);
    const limit = Math.max(MIN_GROWTH_BYTES, share * trend.mean);
    return {
      what,
      seen: describeTrend(trend, MIB, 'MiB'),
      limit: `sure growth ≤ ${(limit / MIB).toFixed(1)} MiB`,
      holds: sureGrowth(trend, durationMs) <= limit,
    };
  };
  const descriptors = fitTrend(
    times,
    samples.map((sample) => sample.descriptors),
    'minimum',
  );
  return [
    memory(
      'resident memory',
      samples.map((sample) => sample.rssBytes),
      'mean',
    ),
    memory(
      'heaps of all threads',
      samples.map((sample) => sample.heapBytes),
      'minimum',
    ),
    {
      what: 'descriptors',
      seen: describeTrend(descriptors, 1, ''),
      limit: `sure growth ≤ ${MAX_DESCRIPTOR_GROWTH}`,
      holds: sureGrowth(descriptors, durationMs) <= MAX_DESCRIPTOR_GROWTH,
    },
  ];
}

function describeTrend({ mean, perHour, perHourError }: Trend, unit: number, name: string): string {
  const figure = (value: number) => (value / unit).toFixed(1);
  return `${figure(mean)} ${name}, ${figure(perHour)} ± ${figure(perHourError)} ${name} an hour`.replaceAll(
    '  ',
    ' ',
  );
}

/** The verdict, as Markdown. */
export function formatChecks(checks: readonly Check[]): string {
  const rows = checks.map(
    ({ what, seen, limit, holds }) => `| ${what} | ${seen} | ${limit} | ${holds ? 'holds' : '**broken**'} |`,
  );
  return ['| | seen | must be | |', '|---|---|---|---|', ...rows].join('\n');
}

/** What became of the queries, fault by fault, as Markdown. */
export function formatOutcomes(outcomes: Outcomes): string {
  const names = [CALM, AFTERMATH, HARD_AFTERMATH, ...FAULTS.map((fault) => fault.name)];
  const fields = [
    'times',
    'sent',
    'good',
    'stale',
    'truncated',
    'errors',
    'lost',
    'askedAgain',
    'caught',
    'wrong',
    'unexpected',
  ] as const;
  const rows = names
    .filter((name) => outcomes.byFault.has(name))
    .map((name) => `| ${name} | ${fields.map((field) => outcomes.of(name)[field]).join(' | ')} |`);
  const titles = [
    'times',
    'asked',
    'true',
    'true, stale',
    'TC, asked again by TCP',
    'error',
    'lost',
    'connection ended, asked again',
    'error or lost, sent before it began',
    'wrong',
    'unexpected',
  ];
  return [`| fault | ${titles.join(' | ')} |`, `|---|${titles.map(() => '--:|').join('')}`, ...rows].join(
    '\n',
  );
}
