import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { checkPageFile, writePageFile } from '../../src/load/page-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'unloop-page-'));
afterAll(() => rmSync(folder, { recursive: true }));

it('takes a file that is there, and one that can be made', () => {
  const path = join(folder, 'page.html');
  expect(() => checkPageFile(path)).not.toThrow();
  writePageFile(path, 'one');
  expect(() => checkPageFile(path)).not.toThrow();
  expect(readFileSync(path, 'utf8')).toBe('one');
});

it('writes nothing when it only checks', () => {
  const path = join(folder, 'kept.html');
  writeFileSync(path, 'kept');
  checkPageFile(path);
  expect(readFileSync(path, 'utf8')).toBe('kept');
});

it.each([
  ['a folder', '.', 'it is a directory'],
  ['a file in no folder', 'missing/page.html', 'its folder does not exist'],
])('refuses %s, before and after the run', (_, name, cause) => {
  const path = join(folder, name);
  const error = expect.objectContaining({
    code: 'UNLOOP_USAGE',
    message: expect.stringContaining(`cannot write ${path}: `),
  });
  expect(() => checkPageFile(path)).toThrow(error);
  expect(() => checkPageFile(path)).toThrow(cause);
  expect(() => writePageFile(path, 'x')).toThrow(error);
});
