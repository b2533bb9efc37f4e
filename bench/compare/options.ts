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
  /** Whether to write bench/results and the picture. */
  readonly write: boolean;
  readonly quick: boolean;
}

const CONTENDER_KEYS = CONTENDERS.map(({ key }) => key).join(', ');

export const USAGE = `npm run bench:compare -- [FLAGS]

  --quick                 two short rounds: to see that it works, not for figures; writes nothing
  --rounds N              measurements of each server in each scenario; 5
  --seconds N             of load in each; 5
  --scenario KEY          repeat for several: ${SCENARIO_KEYS.join(', ')}; all
  --only KEY              repeat for several: ${CONTENDER_KEYS}, or a kind (unloop, peer, floor);
                          all that are installed
  --no-write              print only: leave bench/results and docs/images alone
`;

/** Throws an Error with a message for the user. */
export function parseOptions(args: readonly string[]): CompareOptions | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      scenario: { type: 'string', multiple: true },
      only: { type: 'string', multiple: true },
      'no-write': { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return 'help';
  const scenarios = values.scenario ?? SCENARIO_KEYS;
  for (const key of scenarios) {
    if (!SCENARIO_KEYS.includes(key))
      throw new Error(`unknown scenario "${key}"; there are ${SCENARIO_KEYS.join(', ')}`);
  }
  const only = values.only ?? [];
  for (const key of only) {
    if (!CONTENDERS.some((contender) => contender.key === key || contender.kind === key))
      throw new Error(`nobody is called "${key}"; there are ${CONTENDER_KEYS}`);
  }
  return {
    rounds: positive('--rounds', values.rounds, values.quick ? 2 : 5),
    seconds: positive('--seconds', values.seconds, values.quick ? 1 : 5),
    scenarios,
    only,
    write: !values.quick && !values['no-write'],
    quick: values.quick,
  };
}

function positive(flag: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 600)
    throw new Error(`${flag} takes a whole number from 1 to 600, not "${text}"`);
  return value;
}
