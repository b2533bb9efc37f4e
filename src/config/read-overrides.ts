// Environment variables and run flags to assignments and faults. Called by load; cli/flags collects
// the flags.
import { Reading } from './assignment.ts';
import { faultAt } from './fault.ts';
import { InvalidValue, showValue } from './invalid-value.ts';
import { SETTINGS } from './schema.ts';
import { settingAt } from './setting-tree.ts';
import { parseZoneSuffix } from './zone-suffix.ts';

/**
 * What the command line says about the configuration: a flag's name (without --) and its texts in
 * order.
 */
export interface Override {
  readonly flag: string;
  readonly texts: readonly string[];
}

/**
 * The variables of the table; an empty one counts as not set, as container platforms pass absent
 * ones that way.
 */
export function readEnvironment(environment: NodeJS.ProcessEnv): Reading {
  const reading = new Reading();
  for (const setting of SETTINGS) {
    const text = setting.environment === undefined ? undefined : environment[setting.environment];
    if (text === undefined || text === '') continue;
    const value = setting.default === false ? asYesOrNo(text) : text;
    reading.assign(setting, setting.path.split('.'), value, placeOf(setting.environment!));
  }
  return reading;
}

/** What YAML takes for true or false; any other text as it is, for the message. */
function asYesOrNo(text: string): boolean | string {
  return text === 'true' || text === 'false' ? text === 'true' : text;
}

/** The flags, through the same types as the file. */
export function readFlags(overrides: readonly Override[]): Reading {
  const reading = new Reading();
  for (const { flag, texts } of overrides) {
    const setting = SETTINGS.find((candidate) => candidate.flag === flag);
    if (setting === undefined) throw new Error(`no setting has the flag --${flag}`);
    if (flag === 'zone') readZoneFlags(reading, texts);
    else reading.assign(setting, setting.path.split('.'), toRaw(flag, texts), placeOf(`--${flag}`));
  }
  return reading;
}

/** As the value would stand in YAML. */
function toRaw(flag: string, texts: readonly string[]): unknown {
  const last = texts.at(-1)!;
  if (flag === 'listen' || flag === 'upstream') return texts;
  if (flag === 'workers' && /^\d+$/.test(last)) return Number(last);
  return last;
}

/** SUFFIX=UPSTREAM[,UPSTREAM]; a suffix that comes twice gets the upstreams of both. */
function readZoneFlags(reading: Reading, texts: readonly string[]): void {
  const place = placeOf('--zone');
  const upstreamsBySuffix = new Map<string, string[]>();
  for (const text of texts) {
    const equals = text.indexOf('=');
    try {
      if (equals < 1 || equals === text.length - 1) {
        throw new InvalidValue(
          `${showValue(text)} is not SUFFIX=UPSTREAM[,UPSTREAM], as in cluster.local=10.96.0.10`,
        );
      }
      const suffix = parseZoneSuffix(text.slice(0, equals));
      const upstreams = upstreamsBySuffix.get(suffix) ?? [];
      upstreamsBySuffix.set(suffix, upstreams);
      upstreams.push(...text.slice(equals + 1).split(','));
    } catch (error) {
      if (!(error instanceof InvalidValue)) throw error;
      reading.faults.push(faultAt(place, 'zones', error.message));
    }
  }
  for (const [suffix, upstreams] of upstreamsBySuffix) {
    reading.assign(settingAt('zones.*.upstreams'), ['zones', suffix, 'upstreams'], upstreams, place);
  }
}

function placeOf(name: string): { file: string; line: number; column: number } {
  return { file: name, line: 0, column: 0 };
}
