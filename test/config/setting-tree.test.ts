import { expect, it } from 'vitest';
import { SETTINGS } from '../../src/config/schema.ts';
import type { Setting } from '../../src/config/setting.ts';
import { SETTING_TREE, type SettingTree, settingAt } from '../../src/config/setting-tree.ts';

/** The settings of a tree, each with the keys that lead to it. */
function walk(tree: SettingTree, keys: readonly string[] = []): [string, Setting][] {
  return [...tree].flatMap(([key, child]): [string, Setting][] =>
    'path' in child ? [[[...keys, key].join('.'), child]] : walk(child, [...keys, key]),
  );
}

it('finds a setting by its path', () => {
  expect(settingAt('forward.deadline').path).toBe('forward.deadline');
  expect(() => settingAt('forward.nothing')).toThrow('no setting forward.nothing');
});

it('holds every setting once, below its keys', () => {
  const found = walk(SETTING_TREE);
  expect(found.every(([path, setting]) => setting.path === path)).toBe(true);
  expect(new Set(found.map(([path]) => path))).toEqual(new Set(SETTINGS.map(({ path }) => path)));
  expect(found).toHaveLength(SETTINGS.length);
});
