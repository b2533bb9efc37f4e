// A setting, a value for it, and where the value came from: the common form for file, environment
// and flags. Made by read-yaml and read-overrides, merged by load.
import * as v from 'valibot';
import { type Fault, faultAt, type Place } from './fault.ts';
import type { Setting } from './setting.ts';

/** One value for one setting. */
export interface Assignment {
  readonly setting: Setting;
  /** The setting's path as keys, with a zone's suffix instead of '*'. */
  readonly keys: readonly string[];
  /** Validated, in Config's units. */
  readonly value: unknown;
  readonly place: Place;
  /** The place of a list's item. */
  readonly placeOfItem: (index: number) => Place;
}

/**
 * Merged assignments by their keys. A zone's suffix holds dots, so the keys are joined by a line
 * feed.
 */
export type Settings = ReadonlyMap<string, Assignment>;

/** "zones.cluster.local.policy" for a message. */
export function showKeys(keys: readonly string[]): string {
  return keys.join('.');
}

/** What a source of configuration contains: the valid settings, and the faults. */
export class Reading {
  readonly assignments: Assignment[] = [];
  readonly faults: Fault[] = [];

  /**
   * Validates a raw value and adds either an assignment or faults. Without `placeOfItem` what there
   * is to say of a list's item is said at the start of the whole value.
   */
  assign(
    setting: Setting,
    keys: readonly string[],
    raw: unknown,
    place: Place,
    placeOfItem: (index: number) => Place = () => place,
  ): void {
    const result = v.safeParse(setting.type.schema, raw);
    if (result.success) {
      this.assignments.push({ setting, keys, value: result.output, place, placeOfItem });
      return;
    }
    for (const issue of result.issues) {
      const index = issue.path?.[0]?.key;
      // A secret must not reach the terminal or the log, not even an invalid one.
      const message = setting.secret === true ? `expected ${setting.type.expected}` : issue.message;
      const where = typeof index === 'number' ? placeOfItem(index) : place;
      this.faults.push(faultAt(where, setting.path, `${showKeys(keys)}: ${message}`));
    }
  }
}
