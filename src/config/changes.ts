// What a reload changes, setting by setting: to decide what has to be restarted, and for the log.
// Called by the control plane.
import type { Config } from './config.ts';
import { MASK } from './effective.ts';
import type { Setting } from './setting.ts';
import { SETTING_TREE, type SettingTree, settingAt } from './setting-tree.ts';

/** Further ones are only counted. */
const MAX_LINES = 20;
const MAX_VALUE_LENGTH = 200;
/** In place of the value in a zone that is not there. */
const UNSET = 'unset';

/** A setting that has another value. */
export interface Change {
  /** As in the file: "zones.corp.example.policy". */
  readonly path: string;
  readonly setting: Setting;
  /** As people may see it: a secret is masked, a zone's value that is not there is `unset`. */
  readonly from: string;
  readonly to: string;
}

/** In the order of the table. */
export function findChanges(previous: Config, next: Config): Change[] {
  const [before, after] = [valuesOf(previous), valuesOf(next)];
  const changes: Change[] = [];
  for (const [path, { setting }] of new Map([...before, ...after])) {
    const from = before.get(path)?.text ?? UNSET;
    const to = after.get(path)?.text ?? UNSET;
    if (from !== to) changes.push({ path, setting, from: show(setting, from), to: show(setting, to) });
  }
  return changes.length > 0 ? changes : findNewOrder(previous, next);
}

/** The first zone that uses an upstream says what a health check of it asks for. */
function findNewOrder(previous: Config, next: Config): Change[] {
  const [from, to] = [previous, next].map(({ zones }) => Object.keys(zones).join(', ')) as [string, string];
  return from === to ? [] : [{ path: 'zones', setting: settingAt('zones.*.healthCheck.name'), from, to }];
}

/** Whether one of these settings, or of the groups of settings (`admin`), is among the changes. */
export function touches(changes: readonly Change[], ...paths: readonly string[]): boolean {
  return changes.some(({ setting }) =>
    paths.some((path) => setting.path === path || setting.path.startsWith(`${path}.`)),
  );
}

/** "forward.deadline: 4s → 3s" for each change; for a secret only that it changed. */
export function describeChanges(changes: readonly Change[]): string[] {
  const lines = changes.map(describeChange);
  const more = lines.length - MAX_LINES;
  return more > 0 ? [...lines.slice(0, MAX_LINES), `and ${more} more`] : lines;
}

function show(setting: Setting, text: string): string {
  if (setting.secret === true && text !== '') return MASK;
  return text.length > MAX_VALUE_LENGTH ? `${text.slice(0, MAX_VALUE_LENGTH)}…` : text;
}

function describeChange({ path, setting, from, to }: Change): string {
  const what = setting.secret === true && from === to ? 'changed' : `${from} → ${to}`;
  return `${path}: ${what}${setting.reload === 'restart' ? ' (takes effect at the next start)' : ''}`;
}

interface Value {
  readonly setting: Setting;
  /** As it would stand in the file. */
  readonly text: string;
}

/** By path, zones' settings under the suffix. */
function valuesOf(config: Config): Map<string, Value> {
  const values = new Map<string, Value>();
  const walk = (tree: SettingTree, level: Record<string, unknown>, prefix: string): void => {
    for (const [key, child] of tree) {
      if ('path' in child) {
        // The path of a secret's file is not kept: the secret itself was.
        if (child.fileOf !== undefined) continue;
        const inForce = level[key + child.type.unitSuffix];
        const value: unknown = child.type.describe?.(inForce) ?? child.type.toYaml(inForce);
        const text = typeof value === 'string' ? value : JSON.stringify(value);
        values.set(`${prefix}${key}`, { setting: child, text });
        continue;
      }
      const below = level[key] as Record<string, unknown>;
      const anySuffix = child.get('*') as SettingTree | undefined;
      if (anySuffix === undefined) {
        walk(child, below, `${prefix}${key}.`);
        continue;
      }
      for (const [suffix, zone] of Object.entries(below))
        walk(anySuffix, zone as Record<string, unknown>, `${prefix}${key}.${suffix}.`);
    }
  };
  walk(SETTING_TREE, config as unknown as Record<string, unknown>, '');
  return values;
}
