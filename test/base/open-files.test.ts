import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { nameTooFewOpenFiles, refuseTooFewOpenFiles } from '../../src/base/open-files.ts';

/** A /proc of a process with this soft limit. */
function procRoot(limit: string): string {
  const root = mkdtempSync(join(tmpdir(), 'unloop-proc-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  mkdirSync(join(root, 'self'));
  const lines = ['Limit  Soft  Hard  Units', 'Max cpu time 5 5 s', `Max open files            ${limit}`];
  writeFileSync(join(root, 'self/limits'), lines.join('\n'));
  return root;
}

it('refuses to start with fewer than 64', () => {
  expect(() => refuseTooFewOpenFiles(procRoot('63 1024 files'))).toThrow(
    expect.objectContaining({
      code: 'UNLOOP_TOO_FEW_FILES',
      message: expect.stringContaining('cannot start: 63 files may be open at once'),
      remedy: expect.stringContaining('ulimit -n'),
    }),
  );
});

it.each(['64 64 files', 'unlimited unlimited files'])('starts with %s', (limit) => {
  expect(() => refuseTooFewOpenFiles(procRoot(limit))).not.toThrow();
});

it('starts where the limit is not known', () => {
  expect(() => refuseTooFewOpenFiles('/nowhere')).not.toThrow();
});

it('explains EMFILE and ENFILE, and leaves other errors alone', () => {
  for (const code of ['EMFILE', 'ENFILE']) {
    const error = new Error(`open ${code}`);
    expect(nameTooFewOpenFiles(error)).toMatchObject({ code: 'UNLOOP_TOO_FEW_FILES', cause: error });
  }
  const other = new Error('EMFILES');
  expect(nameTooFewOpenFiles(other)).toBe(other);
  expect(nameTooFewOpenFiles(null)).toBeNull();
});
