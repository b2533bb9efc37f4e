// A setting, a value for it, and the place that gave it: the common currency of file, environment and flags. Made by
// read-yaml and read-overrides, merged by load.
import * as v from 'valibot';
import { type Fault, faultAt, type Place } from './fault.ts';
import type { Setting } from './setting.ts';

/** One value for one setting. */
export interface Assignment {
  readonly setting: Setting;
  /** The setting's path as keys, a zone's suffix in the place of '*'. */
  readonly keys: readonly string[];
  /** Validated, in Config's units. */
  readonly value: unknown;
  readonly place: Place;
}

/** Merged assignments by their keys. A zone's suffix holds dots, so the keys are joined by a line feed. */
export type Settings = ReadonlyMap<string, Assignment>;

/** What a source of configuration yields: everything good, and everything wrong. */
export interface Reading {
  readonly assignments: Assignment[];
  readonly faults: Fault[];
}

/** "zones.cluster.local.policy" for a message. */
export function showKeys(keys: readonly string[]): string {
  return keys.join('.');
}

/**
 * Validates a raw value and adds to the reading either an assignment or faults. `placeOfItem` finds the place of a
 * list's item; without it a fault stands where the whole value stands.
 */
export function assign(
  reading: Reading,
  setting: Setting,
  keys: readonly string[],
  raw: unknown,
  place: Place,
  placeOfItem: (index: number) => Place = () => place,
): void {
  const result = v.safeParse(setting.type.schema, raw);
  if (result.success) {
    reading.assignments.push({ setting, keys, value: result.output, place });
    return;
  }
  for (const issue of result.issues) {
    const index = issue.path?.[0]?.key;
    // A secret stays out of the terminal and the log, a wrong one too.
    const message = setting.secret === true ? `expected ${setting.type.expected}` : issue.message;
    const where = typeof index === 'number' ? placeOfItem(index) : place;
    reading.faults.push(faultAt(where, setting.path, `${showKeys(keys)}: ${message}`));
  }
}
