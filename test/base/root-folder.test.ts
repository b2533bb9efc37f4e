import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { findRootFolder } from '../../src/base/root-folder.ts';

it('is the folder of our package.json', () => {
  const { name } = JSON.parse(readFileSync(join(findRootFolder(), 'package.json'), 'utf8')) as {
    name: string;
  };
  expect(name).toBe('unloop');
  expect(findRootFolder()).toBe(join(import.meta.dirname, '../..'));
});
