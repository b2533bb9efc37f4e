// What goes into the executable needs nothing beside it. test/lab/packages/executable.packages.ts
// runs the whole.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { findRootFolder } from '../../src/base/root-folder.ts';
import { scratchDirectory } from '../kit/scratch-directory.ts';

it('program and thread are one script each, of which nothing is elsewhere', () => {
  const folder = scratchDirectory();
  execFileSync(process.execPath, [join(findRootFolder(), 'config/executable/bundle.mjs'), folder]);
  for (const name of ['main.cjs', 'worker.cjs']) {
    const code = readFileSync(join(folder, name), 'latin1');
    const required = [...code.matchAll(/\brequire\("([^"]+)"\)/g)].map(([, module]) => module!);
    expect(required).toContain('node:sea');
    expect(required.filter((module) => !isBuiltin(module))).toEqual([]);
    // import() in CommonJS stays import(): of a file that would not be there.
    expect(code).not.toMatch(/import\.meta|^[^/*]*[^.\w]import\(/m);
    // One such character would double what V8 keeps of the source.
    expect(readFileSync(join(folder, name)).some((byte) => byte >= 0xc4)).toBe(false);
  }
});
