// The contract of those who are compared: what they are started for, and how.
import { spawnSync } from 'node:child_process';
import type { FloorPrograms } from './floor-programs.ts';

/** What a scenario asks of those who take part. */
export interface Needs {
  /**
   * Whether answers are to be kept: dnsdist, asked for names that come once, is quicker without.
   */
  readonly cache: boolean;
  /** Names that the cache must hold. */
  readonly cacheNames: number;
  /** Where names below loop.example are to be asked; left out: where all others are. */
  readonly loopPort?: number;
}

/** What a contender is started for. */
export interface Purpose extends Needs {
  readonly port: number;
  readonly adminPort: number;
  readonly upstreamPort: number;
  /** An empty folder of its own. */
  readonly folder: string;
  readonly floors: FloorPrograms;
}

export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

export interface Contender {
  readonly key: string;
  readonly title: string;
  readonly kind: 'unloop' | 'peer' | 'floor';
  /** Another way of running the one before it in the list. */
  readonly variant?: boolean;
  /** An experiment: measured only where --only names it. */
  readonly onDemand?: boolean;
  /** Keys of the scenarios it takes part in; left out: all. */
  readonly scenarios?: readonly string[];
  /** Its version; null: not installed. */
  version(): string | null;
  launch(purpose: Purpose): Launch;
}

/** Whether the contender is measured in this scenario. */
export function takesPart(contender: Contender, scenario: string): boolean {
  return contender.scenarios === undefined || contender.scenarios.includes(scenario);
}

/** What the pattern finds in the program's own words; null where there is no such program. */
export function firstMatch(command: string, args: readonly string[], pattern: RegExp): string | null {
  const { stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', timeout: 10_000 });
  if (error !== undefined) return null;
  return pattern.exec(`${stdout}${stderr}`)?.[1] ?? null;
}
