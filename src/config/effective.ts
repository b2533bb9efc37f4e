// The configuration back in the shape of the file, secrets masked: for `unloop check --print` and
// the admin page /config.
import { Document, isSeq, visit } from 'yaml';
import type { Config } from './config.ts';
import type { Setting } from './setting.ts';
import { SETTING_TREE, type SettingTree } from './setting-tree.ts';

/** Shown instead of a secret. */
export const MASK = '********';

/** `show` is for tests and for handing a configuration on. */
export type SecretHandling = 'mask' | 'show';

/** A plain object with the file's keys and units ("1800ms", "64MiB"). */
export function effectiveSettings(config: Config, secrets: SecretHandling = 'mask'): Record<string, unknown> {
  return writeLevel(SETTING_TREE, config as unknown as Record<string, unknown>, secrets);
}

/** The same as YAML text that load reads back. */
export function effectiveYaml(config: Config, secrets: SecretHandling = 'mask'): string {
  const document = new Document(effectiveSettings(config, secrets), { aliasDuplicateObjects: false });
  visit(document, {
    Seq(_key, node) {
      if (isSeq(node)) node.flow = true;
    },
  });
  return document.toString({ lineWidth: 0, flowCollectionPadding: false });
}

function writeLevel(
  tree: SettingTree,
  level: Record<string, unknown>,
  secrets: SecretHandling,
): Record<string, unknown> {
  const entries: [string, unknown][] = [];
  for (const [key, child] of tree) {
    if ('path' in child) {
      // The path of a secret's file is not kept: the secret itself was.
      if (child.fileOf === undefined)
        entries.push([key, writeSetting(child, level[key + child.type.unitSuffix], secrets)]);
      continue;
    }
    const below = level[key] as Record<string, unknown>;
    const anySuffix = child.get('*') as SettingTree | undefined;
    const written =
      anySuffix === undefined
        ? writeLevel(child, below, secrets)
        : Object.fromEntries(
            Object.entries(below).map(([suffix, zone]) => [
              suffix,
              writeLevel(anySuffix, zone as Record<string, unknown>, secrets),
            ]),
          );
    entries.push([key, written]);
  }
  return Object.fromEntries(entries);
}

function writeSetting(setting: Setting, value: unknown, secrets: SecretHandling): unknown {
  if (setting.secret === true && secrets === 'mask') return value === '' ? '' : MASK;
  return setting.type.toYaml(value);
}
