// What a run found: the form of bench/results/*.json, and the medians that tables and the picture
// show.
import type { Machine } from '../../src/load/machine.ts';
import { median } from './statistics.ts';

/** One turn of one contender. */
export interface Measurement {
  readonly scenario: string;
  readonly contender: string;
  readonly round: number;
  /** By name; the unit ends the name. */
  readonly values: Readonly<Record<string, number>>;
}

export interface Report {
  /** ISO 8601. */
  readonly date: string;
  readonly quick: boolean;
  readonly smoke: boolean;
  readonly rounds: number;
  readonly seconds: number;
  readonly machine: Machine;
  /** Versions by contender key; null: not installed. */
  readonly versions: Readonly<Record<string, string | null>>;
  readonly notes: readonly string[];
  readonly measurements: readonly Measurement[];
}

/** The median over rounds; NaN when there is none. */
export function figure(report: Report, scenario: string, contender: string, value: string): number {
  return median(
    report.measurements
      .filter((m) => m.scenario === scenario && m.contender === contender)
      .map((m) => m.values[value])
      .filter((x) => x !== undefined),
  );
}

/**
 * The median of each round's own ratio: what the machine did to a round it did to both. NaN when
 * there is none.
 */
export function ratio(report: Report, scenario: string, over: string, under: string, value: string): number {
  const denominators = new Map<number, number>();
  for (const m of report.measurements) {
    if (m.scenario === scenario && m.contender === under && m.values[value] !== undefined)
      denominators.set(m.round, m.values[value]);
  }
  const ratios: number[] = [];
  for (const m of report.measurements) {
    const denominator = denominators.get(m.round);
    if (m.scenario !== scenario || m.contender !== over || denominator === undefined) continue;
    ratios.push(m.values[value]! / denominator);
  }
  return median(ratios);
}

/** The contender among `keys` whose median is least; null when none was measured. */
export function best(
  report: Report,
  scenario: string,
  keys: readonly string[],
  value: string,
): string | null {
  let found: string | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (const key of keys) {
    const own = figure(report, scenario, key, value);
    if (own < least) {
      least = own;
      found = key;
    }
  }
  return found;
}
