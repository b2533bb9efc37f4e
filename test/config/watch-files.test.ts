import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { digestFiles, watchFiles } from '../../src/config/watch-files.ts';
import { folder } from './load-text.ts';

let count = 0;
/** A directory of its own with this file in it. */
function write(text: string): string {
  const directory = join(folder, `watched${count++}`);
  mkdirSync(directory);
  const path = join(directory, 'unloop.yaml');
  writeFileSync(path, text);
  return path;
}

describe('digestFiles', () => {
  it('changes with the contents, not with the time', () => {
    const path = write('one');
    const first = digestFiles([path]);
    writeFileSync(path, 'one');
    expect(digestFiles([path])).toBe(first);
    writeFileSync(path, 'two');
    expect(digestFiles([path])).not.toBe(first);
  });

  it('tells where one file ends and the next begins', () => {
    expect(digestFiles([write('ab'), write('c')])).not.toBe(digestFiles([write('a'), write('bc')]));
  });

  it('is null while a file is gone, and a text where one cannot be read', () => {
    const path = write('one');
    rmSync(path);
    expect(digestFiles([path])).toBeNull();
    mkdirSync(path);
    expect(digestFiles([path])).toBeTypeOf('string');
  });
});

describe('watchFiles', () => {
  function watch(path: string) {
    const seen = { changes: 0 };
    const watching = watchFiles([path], digestFiles([path]), () => seen.changes++);
    onTestFinished(() => watching.close());
    return { seen, watching };
  }

  it.each([
    ['written in place', (path: string) => writeFileSync(path, 'two')],
    [
      'replaced by rename',
      (path: string) => {
        writeFileSync(`${path}.new`, 'two');
        renameSync(`${path}.new`, path);
      },
    ],
    [
      'swapped behind a symbolic link',
      (path: string) => {
        symlinkSync(write('two'), `${path}.new`);
        renameSync(`${path}.new`, path);
      },
    ],
  ])('notices a file that is %s, once', async (_, change) => {
    const path = write('one');
    const { seen } = watch(path);
    change(path);
    await expect.poll(() => seen.changes, { timeout: 10_000 }).toBe(1);
    writeFileSync(path, 'three');
    await expect.poll(() => seen.changes, { timeout: 10_000 }).toBe(2);
  });

  it('notices a change between loading and watching', async () => {
    const path = write('one');
    const loaded = digestFiles([path]);
    writeFileSync(path, 'two');
    let changes = 0;
    const watching = watchFiles([path], loaded, () => changes++);
    onTestFinished(() => watching.close());
    await expect.poll(() => changes, { timeout: 10_000 }).toBe(1);
  });
});
