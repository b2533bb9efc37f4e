// Flags of `run` and of the commands that take its configuration: from arguments to what loadConfig
// takes. Called by serve, check, health, status and cache.
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { UnloopError } from '../base/errors.ts';
import type { Override } from '../config/read-overrides.ts';
import { suggest } from '../config/suggest.ts';

/** What the command line says. */
export interface RunFlags {
  /** --config, else UNLOOP_CONFIG, else null: the defaults. */
  readonly configPath: string | null;
  readonly overrides: readonly Override[];
}

/**
 * The flags that override a setting; config/schema names the setting of each (a test holds the two
 * together).
 */
export const OVERRIDE_FLAGS = ['listen', 'upstream', 'zone', 'admin', 'workers', 'log-level'] as const;

/** Flags and switches of a command, as given. */
interface GivenFlags {
  readonly texts: ReadonlyMap<string, readonly string[]>;
  readonly switches: ReadonlySet<string>;
  readonly words: readonly string[];
}

/** What a command takes. */
interface KnownFlags {
  readonly switches?: readonly string[];
  /** Flags with a value. */
  readonly values: readonly string[];
  /** Arguments that are no flags, at most. */
  readonly words?: number;
}

const RUN_VALUES = ['config', ...OVERRIDE_FLAGS];
/** Enough to find the admin listener. */
const ADMIN_VALUES = ['config', 'admin'];

/** Flags of `unloop run`. Throws UnloopError UNLOOP_USAGE. */
export function parseRunFlags(
  args: readonly string[],
  environment: NodeJS.ProcessEnv = process.env,
): RunFlags {
  return toRunFlags(parseFlags('run', args, { values: RUN_VALUES }), environment);
}

/**
 * Flags of `unloop check`: those of run, --print and --from-corefile. Throws UnloopError
 * UNLOOP_USAGE.
 */
export function parseCheckFlags(
  args: readonly string[],
  environment: NodeJS.ProcessEnv = process.env,
): RunFlags & { readonly print: boolean; readonly corefilePath: string | null } {
  const given = parseFlags('check', args, {
    switches: ['print'],
    values: [...RUN_VALUES, 'from-corefile'],
  });
  return {
    ...toRunFlags(given, environment),
    print: given.switches.has('print'),
    corefilePath: given.texts.get('from-corefile')?.at(-1) ?? null,
  };
}

/** Flags of `unloop health`: those of run, and --ready. Throws UnloopError UNLOOP_USAGE. */
export function parseHealthFlags(
  args: readonly string[],
  environment: NodeJS.ProcessEnv = process.env,
): RunFlags & { readonly ready: boolean } {
  const given = parseFlags('health', args, { switches: ['ready'], values: RUN_VALUES });
  return { ...toRunFlags(given, environment), ready: given.switches.has('ready') };
}

/** Flags of `unloop status`. Throws UnloopError UNLOOP_USAGE. */
export function parseStatusFlags(
  args: readonly string[],
  environment: NodeJS.ProcessEnv = process.env,
): RunFlags & { readonly json: boolean; readonly watch: boolean } {
  const given = parseFlags('status', args, { switches: ['json', 'watch'], values: ADMIN_VALUES });
  const { switches } = given;
  return { ...toRunFlags(given, environment), json: switches.has('json'), watch: switches.has('watch') };
}

/** What `unloop cache` is told: words, and which entries. */
export interface CacheFlags extends RunFlags {
  readonly words: readonly string[];
  readonly json: boolean;
  readonly name: string | null;
  readonly zone: string | null;
  readonly limit: string | null;
}

/** Arguments of `unloop cache`. Throws UnloopError UNLOOP_USAGE. */
export function parseCacheFlags(
  args: readonly string[],
  environment: NodeJS.ProcessEnv = process.env,
): CacheFlags {
  const values = [...ADMIN_VALUES, 'name', 'zone', 'limit'];
  const { texts, switches, words } = parseFlags('cache', args, { switches: ['json'], values, words: 3 });
  const last = (name: string) => texts.get(name)?.at(-1) ?? null;
  // --zone is one of run's flags as well, with another meaning.
  const own = new Map([...texts].filter(([name]) => ADMIN_VALUES.includes(name)));
  return {
    ...toRunFlags({ texts: own, switches, words }, environment),
    words,
    json: switches.has('json'),
    name: last('name'),
    zone: last('zone'),
    limit: last('limit'),
  };
}

/** Flags of `unloop top`. Throws UnloopError UNLOOP_USAGE. */
export function parseTopFlags(
  args: readonly string[],
  environment: NodeJS.ProcessEnv = process.env,
): RunFlags & { readonly json: boolean; readonly limit: string | null } {
  const given = parseFlags('top', args, { switches: ['json'], values: [...ADMIN_VALUES, 'limit'] });
  return {
    ...toRunFlags(given, environment),
    json: given.switches.has('json'),
    limit: given.texts.get('limit')?.at(-1) ?? null,
  };
}

/** What `unloop query` is told. */
export interface QueryFlags extends RunFlags {
  /** The name, and the type. */
  readonly words: readonly string[];
  readonly json: boolean;
  readonly dryRun: boolean;
  readonly client: string | null;
  /** Lists what was kept instead; null: explains a name. */
  readonly list: 'slow' | 'failed' | null;
  /** --slow and --failed. */
  readonly isTwofold: boolean;
  readonly limit: string | null;
}

/** Arguments of `unloop query`. Throws UnloopError UNLOOP_USAGE. */
export function parseQueryFlags(
  args: readonly string[],
  environment: NodeJS.ProcessEnv = process.env,
): QueryFlags {
  const switches = ['json', 'dry-run', 'slow', 'failed'];
  const known = { switches, values: [...ADMIN_VALUES, 'client', 'limit'], words: 2 };
  const given = parseFlags('query', args, known);
  const list = (['slow', 'failed'] as const).find((name) => given.switches.has(name)) ?? null;
  return {
    ...toRunFlags(given, environment),
    words: given.words,
    json: given.switches.has('json'),
    dryRun: given.switches.has('dry-run'),
    client: given.texts.get('client')?.at(-1) ?? null,
    list,
    isTwofold: given.switches.has('slow') && given.switches.has('failed'),
    limit: given.texts.get('limit')?.at(-1) ?? null,
  };
}

function toRunFlags({ texts }: GivenFlags, environment: NodeJS.ProcessEnv): RunFlags {
  // An empty variable counts as not set, as container platforms pass absent ones that way.
  const configPath = texts.get('config')?.at(-1) ?? (environment.UNLOOP_CONFIG || null);
  const overrides = OVERRIDE_FLAGS.filter((flag) => texts.has(flag)).map((flag) => ({
    flag,
    texts: texts.get(flag)!,
  }));
  return { configPath, overrides };
}

/**
 * parseArgs takes what is known; the tokens tell what is not, so that the message can say what was
 * meant.
 */
function parseFlags(
  command: string,
  args: readonly string[],
  { switches = [], values: known, words: mostWords = 0 }: KnownFlags,
): GivenFlags {
  const options: NonNullable<ParseArgsConfig['options']> = {};
  for (const name of known) options[name] = { type: 'string', multiple: true };
  for (const name of switches) options[name] = { type: 'boolean' };
  const { tokens } = parseArgs({ args: [...args], options, strict: false, tokens: true });

  const texts = new Map<string, string[]>();
  const givenSwitches = new Set<string>();
  const words: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'option-terminator') continue;
    if (token.kind === 'positional') {
      if (words.length === mostWords) throw usageError(command, `"${token.value}" is not expected here`);
      words.push(token.value);
      continue;
    }
    const { name, rawName, value } = token;
    if (switches.includes(name)) {
      if (value !== undefined) throw usageError(command, `${rawName} takes no value`);
      givenSwitches.add(name);
      continue;
    }
    if (!known.includes(name) || !rawName.startsWith('--')) {
      const near = suggest(name, [...known, ...switches]);
      throw usageError(command, `unknown flag ${rawName}${near === null ? '' : `; did you mean --${near}?`}`);
    }
    // "--listen --admin off": what follows is the next flag, not a value.
    if (value === undefined || value === '' || (!token.inlineValue && value.startsWith('--'))) {
      throw usageError(command, `${rawName} needs a value`);
    }
    texts.set(name, [...(texts.get(name) ?? []), value]);
  }
  return { texts, switches: givenSwitches, words };
}

function usageError(command: string, problem: string): UnloopError {
  return new UnloopError('UNLOOP_USAGE', problem, `\`unloop help ${command}\` lists what the command takes.`);
}
