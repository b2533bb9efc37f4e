// What the command line asks of the comparison.
import { parseArgs } from 'node:util';
import { CONTENDERS } from './contenders.ts';
import { SCENARIO_KEYS } from './scenarios.ts';

export interface CompareOptions {
  readonly rounds: number;
  /** Of load, per measurement. */
  readonly seconds: number;
  /** Keys of scenarios to run. */
  readonly scenarios: readonly string[];
  /** Keys of contenders to run; empty: all that are installed. */
  readonly only: readonly string[];
  /** Whether to write bench/results. */
  readonly write: boolean;
  /** Whether all of it is measured, of everybody: only then is the picture drawn. */
  readonly complete: boolean;
  /** Shorter rounds: figures, though noisier ones. */
  readonly quick: boolean;
  /** As short as it goes, with few names: shows that it works, no figures. */
  readonly smoke: boolean;
}

const CONTENDER_KEYS = CONTENDERS.map(({ key }) => key).join(', ');

export const USAGE = `npm run bench:compare -- [FLAGS]

  --quick                 three rounds of two seconds: all of it in some ten minutes, noisier figures
  --smoke                 one round of a second, few names: to see that it works; writes nothing
  --rounds N              measurements of each server in each scenario; 5
  --seconds N             of load in each; 5
  --scenario KEY          repeat for several: ${SCENARIO_KEYS.join(', ')}; all
  --only KEY              repeat for several: ${CONTENDER_KEYS}, or a kind (unloop, peer, floor);
                          all that are installed. Or a scenario, as --scenario
  --no-write              print only: leave bench/results, docs/images and README.md alone

A part of it is written to a file of its own; the picture and README.md are of the whole.
`;

/** Throws an Error with a message for the user. */
export function parseOptions(args: readonly string[]): CompareOptions | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      smoke: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      scenario: { type: 'string', multiple: true },
      only: { type: 'string', multiple: true },
      'no-write': { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return 'help';
  const { quick, smoke } = values;
  const named = [...(values.scenario ?? [])];
  for (const key of named) {
    if (!SCENARIO_KEYS.includes(key))
      throw new Error(`unknown scenario "${key}"; there are ${SCENARIO_KEYS.join(', ')}`);
  }
  const only: string[] = [];
  for (const key of values.only ?? []) {
    if (SCENARIO_KEYS.includes(key)) named.push(key);
    else if (CONTENDERS.some((contender) => contender.key === key || contender.kind === key)) only.push(key);
    else
      throw new Error(`nobody is called "${key}"; there are ${CONTENDER_KEYS}, ${SCENARIO_KEYS.join(', ')}`);
  }
  return {
    rounds: positive('--rounds', values.rounds, smoke ? 1 : quick ? 3 : 5),
    seconds: positive('--seconds', values.seconds, smoke ? 1 : quick ? 2 : 5),
    scenarios: named.length === 0 ? SCENARIO_KEYS : named,
    only,
    write: !smoke && !values['no-write'],
    complete: named.length === 0 && only.length === 0,
    quick,
    smoke,
  };
}

function positive(flag: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 600)
    throw new Error(`${flag} takes a whole number from 1 to 600, not "${text}"`);
  return value;
}
