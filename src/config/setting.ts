// What one setting is: a row of the table in schema.
import type { SettingType } from './setting-type.ts';

/**
 * When a changed value takes effect. `live`: at the reload, in the threads that run. `worker`: at
 * the reload, in new workers, whose caches are empty. `restart`: at the next start of the process.
 */
export type ReloadClass = 'live' | 'worker' | 'restart';

/** One setting, as a user meets it. */
export interface Setting {
  /** "forward.healthCheck.interval"; '*' stands for a zone's suffix. */
  readonly path: string;
  // biome-ignore lint/suspicious/noExplicitAny: a table of settings of many types; load checks each through its schema.
  readonly type: SettingType<any>;
  /**
   * As it would stand in YAML. `undefined`: required (only within a zone) or, with `sameAs`, taken
   * from another setting.
   */
  readonly default: unknown;
  readonly reload: ReloadClass;
  /** What it is for: whole sentences, present tense. */
  readonly description: string;
  /** A value worth showing, as it would stand in YAML. */
  readonly example?: unknown;
  /** The `run` flag that overrides it. */
  readonly flag?: string;
  /** The environment variable that overrides the file. */
  readonly environment?: string;
  /** Never shown by `check --print`, /config or a message. */
  readonly secret?: true;
  /** The value is the path of a file whose first line is the value of the setting named here. */
  readonly fileOf?: string;
  /** Where the default comes from when none is written. */
  readonly sameAs?: string;
  /** What the default is when it is neither a value nor another setting's. */
  readonly defaultText?: string;
}
