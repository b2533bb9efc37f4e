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
    const first = digestFiles({ files: [path] });
    writeFileSync(path, 'one');
    expect(digestFiles({ files: [path] })).toBe(first);
    writeFileSync(path, 'two');
    expect(digestFiles({ files: [path] })).not.toBe(first);
  });

  it('notices where one file ends and the next begins', () => {
    expect(digestFiles({ files: [write('ab'), write('c')] })).not.toBe(
      digestFiles({ files: [write('a'), write('bc')] }),
    );
  });

  it('is null while a file is gone, and a text where one cannot be read', () => {
    const path = write('one');
    rmSync(path);
    expect(digestFiles({ files: [path] })).toBeNull();
    mkdirSync(path);
    expect(digestFiles({ files: [path] })).toBeTypeOf('string');
  });
});

describe('a file that need not be there', () => {
  it('counts as empty while it is gone, and its coming is a change', async () => {
    const path = write('one');
    const secret = `${path}.key`;
    const watched = { files: [path, secret], missing: [secret] };
    const loaded = digestFiles(watched);
    expect(loaded).toBeTypeOf('string');
    let changes = 0;
    const watching = watchFiles(watched, loaded, () => changes++);
    onTestFinished(() => watching.close());
    writeFileSync(secret, 'key');
    await expect.poll(() => changes, { timeout: 40_000 }).toBe(1);
    expect(digestFiles({ files: [path, secret] })).not.toBeNull();
    rmSync(secret);
    expect(digestFiles({ files: [path, secret] })).toBeNull();
  });
});

describe('watchFiles', () => {
  function watch(path: string) {
    const seen = { changes: 0 };
    const watching = watchFiles({ files: [path] }, digestFiles({ files: [path] }), () => seen.changes++);
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
    await expect.poll(() => seen.changes, { timeout: 40_000 }).toBe(1);
    writeFileSync(path, 'three');
    await expect.poll(() => seen.changes, { timeout: 40_000 }).toBe(2);
  });

  it('notices a change between loading and watching', async () => {
    const path = write('one');
    const loaded = digestFiles({ files: [path] });
    writeFileSync(path, 'two');
    let changes = 0;
    const watching = watchFiles({ files: [path] }, loaded, () => changes++);
    onTestFinished(() => watching.close());
    await expect.poll(() => changes, { timeout: 40_000 }).toBe(1);
  });
});
