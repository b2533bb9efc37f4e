// Ways into the table of settings (schema): by path, and as a tree by keys, as YAML nests them.
// Called by whatever reads or writes a configuration.
import { SETTINGS } from './schema.ts';
import type { Setting } from './setting.ts';

const SETTING_BY_PATH = new Map(SETTINGS.map((setting) => [setting.path, setting]));

/**
 * The setting of a path of the table. Throws on a path that is not there: a mistake in the program.
 */
export function settingAt(path: string): Setting {
  const setting = SETTING_BY_PATH.get(path);
  if (setting === undefined) throw new Error(`no setting ${path}`);
  return setting;
}

/**
 * A level of the configuration: keys to settings or further levels. The key '*' takes any zone
 * suffix.
 */
export type SettingTree = ReadonlyMap<string, Setting | SettingTree>;

function buildTree(settings: readonly Setting[]): SettingTree {
  const root = new Map<string, Setting | SettingTree>();
  for (const setting of settings) {
    const keys = setting.path.split('.');
    let level = root;
    for (const key of keys.slice(0, -1)) {
      if (!level.has(key)) level.set(key, new Map());
      level = level.get(key) as Map<string, Setting | SettingTree>;
    }
    level.set(keys.at(-1)!, setting);
  }
  return root;
}

/** The table as a tree. */
export const SETTING_TREE: SettingTree = buildTree(SETTINGS);
