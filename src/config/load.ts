// Makes the Config: defaults, then the file, then the environment, then flags. Called by cli (run,
// check) at start and by the server at each reload. Finds every fault, not only the first.
import { randomBytes } from 'node:crypto';
import { UnloopError } from '../base/errors.ts';
import { type Assignment, Reading, type Settings } from './assignment.ts';
import { dropBesideAliases } from './check-local.ts';
import type { Config } from './config.ts';
import { checkTogether, collectWarnings, findOwnUpstreams } from './cross-checks.ts';
import { ConfigInvalid, type Fault, faultAt } from './fault.ts';
import { type HostsFile, readHostsFile } from './hosts-file.ts';
import { type Override, readEnvironment, readFlags } from './read-overrides.ts';
import { readSecret } from './read-secret.ts';
import { readTextFile } from './read-text-file.ts';
import { readYaml } from './read-yaml.ts';
import { SETTINGS } from './schema.ts';
import { settingAt } from './setting-tree.ts';

/** Where the configuration comes from. */
export interface LoadOptions {
  /** Null: no file, the defaults alone. */
  readonly path: string | null;
  readonly overrides?: readonly Override[];
  readonly environment?: NodeJS.ProcessEnv;
  /** Text to read in place of the file's; secrets are still found relative to `path`. */
  readonly instead?: ConfigText;
  /** A key or a token whose file cannot be read is left out, with a warning. */
  readonly withoutSecrets?: boolean;
}

/** Text of a configuration that is not in the file. */
export interface ConfigText {
  /** Where it is from, for messages. */
  readonly name: string;
  readonly text: string;
}

/** A configuration that can be used. */
export interface LoadedConfig {
  readonly config: Config;
  /** There is a file, and no setting in it: it may have been emptied by mistake. */
  readonly setsNothing: boolean;
  /** Worth one warning; the configuration can still be used. */
  readonly warnings: readonly Fault[];
  /** The files that were read (configuration, secrets, hosts), to be watched for changes. */
  readonly files: readonly string[];
  /** Of those, secrets that were left out. */
  readonly missing: readonly string[];
  /** What the file says; '' without one. */
  readonly text: string;
}

/**
 * Throws ConfigInvalid with every fault (UNLOOP_CONFIG_INVALID or UNLOOP_UPSTREAM_INVALID), or
 * UnloopError UNLOOP_CONFIG_UNREADABLE.
 */
export function loadConfig(options: LoadOptions): LoadedConfig {
  const source = options.instead ?? readSource(options.path);
  const fromFile = source === null ? new Reading() : readYaml(source.text, source.name);
  const readings = [
    readDefaults(),
    fromFile,
    readEnvironment(options.environment ?? process.env),
    readFlags(options.overrides ?? []),
  ];
  const settings = new Map<string, Assignment>();
  for (const { assignments } of readings) {
    for (const assignment of assignments) settings.set(assignment.keys.join('\n'), assignment);
  }
  const faults = readings.flatMap((reading) => reading.faults);
  const left: LeftOut = { isAllowed: options.withoutSecrets === true, files: [], warnings: [] };
  const secretFiles = readSecretFiles(settings, options.path, faults, left);
  const hostsFiles = readHosts(settings, options.path, faults, left);
  left.warnings.push(...dropBesideAliases(settings));
  faults.push(...checkTogether(settings, new Set(faults.map((fault) => fault.path))));
  if (faults.length > 0) throw new ConfigInvalid(faults.toSorted(comparePlaces));
  const config = buildConfig(settings);
  const own = findOwnUpstreams(config, settings);
  if (own.length > 0) throw new ConfigInvalid(own, 'UNLOOP_UPSTREAM_INVALID');
  return {
    config,
    setsNothing: options.path !== null && fromFile.assignments.length === 0,
    warnings: [...left.warnings, ...collectWarnings(config, settings, options.path)],
    files: [...(options.path === null ? [] : [options.path]), ...secretFiles, ...hostsFiles],
    missing: left.files,
    text: source?.text ?? '',
  };
}

function readDefaults(): Reading {
  const reading = new Reading();
  const place = { file: 'default', line: 0, column: 0 };
  for (const setting of SETTINGS) {
    if (setting.default === undefined) continue;
    reading.assign(setting, setting.path.split('.'), setting.default, place);
  }
  return reading;
}

function readSource(path: string | null): ConfigText | null {
  if (path === null) return null;
  try {
    return { name: path, text: readTextFile(path) };
  } catch (error) {
    throw new UnloopError(
      'UNLOOP_CONFIG_UNREADABLE',
      `cannot read the configuration file ${path}: ${(error as Error).message}`,
      'Give the path of a readable file with --config or UNLOOP_CONFIG, or neither to run with the defaults.',
      { cause: error },
    );
  }
}

/** In place of a token that is done without: nobody knows it, so what needs one stays closed. */
const UNKNOWN_TOKEN = randomBytes(32).toString('base64url');

/** Secrets that are done without. */
interface LeftOut {
  readonly isAllowed: boolean;
  readonly files: string[];
  readonly warnings: Fault[];
}

/**
 * Puts the contents of clusterKeyFile and tokenFile where the key and the token belong. Returns the
 * files' paths.
 */
function readSecretFiles(
  settings: Map<string, Assignment>,
  configPath: string | null,
  faults: Fault[],
  left: LeftOut,
): string[] {
  const files: string[] = [];
  for (const { path, fileOf } of SETTINGS) {
    const pathKeys = path.replaceAll('.', '\n');
    const named = settings.get(pathKeys);
    if (fileOf === undefined || named === undefined) continue;
    settings.delete(pathKeys);
    const secretKeys = fileOf.replaceAll('.', '\n');
    const direct = settings.get(secretKeys)!;
    // A variable beats the file, and with it the file's word on where the secret is kept.
    if (direct.place.file === settingAt(fileOf).environment) continue;
    if (direct.value !== '') {
      faults.push(faultAt(named.place, path, `${path}: ${fileOf} is set as well; keep one of them`));
      continue;
    }
    const secret = readSecret(named.value as string, configPath);
    files.push(secret.file);
    const reading = new Reading();
    const place = { file: secret.file, line: 1, column: 1 };
    if (secret.problem !== '') {
      const fault = faultAt(named.place, path, `${path}: ${secret.problem}`);
      if (left.isAllowed) left.files.push(secret.file);
      if (left.isAllowed && fileOf === 'admin.token')
        reading.assign(settingAt(fileOf), direct.keys, UNKNOWN_TOKEN, place);
      (left.isAllowed ? left.warnings : faults).push(fault);
    } else reading.assign(settingAt(fileOf), direct.keys, secret.text, place);
    for (const assignment of reading.assignments) settings.set(secretKeys, assignment);
    faults.push(...reading.faults);
  }
  return files;
}

/** Puts the records of hosts files where their paths are. Returns the paths of the files. */
function readHosts(
  settings: Map<string, Assignment>,
  configPath: string | null,
  faults: Fault[],
  left: LeftOut,
): string[] {
  const assignment = settings.get('local\nhosts')!;
  const { path } = assignment.setting;
  const named = assignment.value as readonly HostsFile[];
  const readings = named.map((hosts) => readHostsFile(hosts.path, configPath));
  settings.set('local\nhosts', { ...assignment, value: readings.map(({ hosts }) => hosts) });
  for (const [i, { file, problem, badLines }] of readings.entries()) {
    if (problem !== '') {
      if (left.isAllowed) left.files.push(file);
      const fault = faultAt(assignment.placeOfItem(i), path, `${path}: ${problem}`);
      (left.isAllowed ? left.warnings : faults).push(fault);
    }
    if (badLines.length > 0) {
      const others = badLines.length === 1 ? '' : `, and ${badLines.length - 1} other lines`;
      const place = { file, line: badLines[0]!, column: 1 };
      left.warnings.push(faultAt(place, path, `this line is no ADDRESS NAME and is left out${others}`));
    }
  }
  return readings.map(({ file }) => file);
}

function buildConfig(settings: Settings): Config {
  const root: Record<string, unknown> = {};
  const zones = new Map<string, Record<string, unknown>>();
  for (const { keys, value, setting } of settings.values()) {
    const [first, suffix] = keys as [string, string];
    let level = root;
    let below = keys;
    if (first === 'zones') {
      if (!zones.has(suffix)) zones.set(suffix, {});
      level = zones.get(suffix)!;
      below = keys.slice(2);
    }
    for (const key of below.slice(0, -1)) {
      level[key] ??= {};
      level = level[key] as Record<string, unknown>;
    }
    level[below.at(-1)! + setting.type.unitSuffix] = value;
  }
  const { policy, race, next, healthCheck } = root.forward as Config['forward'];
  // Object.fromEntries defines properties, so that even a zone named __proto__ is only a zone.
  const entries = [...zones].map(([suffix, zone]) => {
    const check = { name: suffix, type: healthCheck.type, ...(zone.healthCheck as object) };
    return [
      suffix,
      { policy, race, next, nxdomainCut: false, search: 'off', ...zone, healthCheck: check },
    ] as const;
  });
  return { ...root, zones: Object.fromEntries(entries) } as unknown as Config;
}

function comparePlaces(a: Fault, b: Fault): number {
  // Faults of flags and variables (line 0) come after those of the file.
  return (a.line || Number.MAX_SAFE_INTEGER) - (b.line || Number.MAX_SAFE_INTEGER) || a.column - b.column;
}
