import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { checkChecksums, writeChecksums } from '../../packaging/release/checksums.ts';
import { scratchDirectory } from '../kit/scratch-directory.ts';

it('the checksums are sha256sum’s own, and tell a file that has changed', () => {
  const folder = scratchDirectory();
  for (const name of ['b', 'a', 'notes']) writeFileSync(join(folder, name), name);
  writeChecksums(folder, ['notes']);
  expect(readFileSync(join(folder, 'SHA256SUMS'), 'utf8')).toMatch(
    /^[0-9a-f]{64} {2}a\n[0-9a-f]{64} {2}b\n$/,
  );
  checkChecksums(folder);
  writeFileSync(join(folder, 'a'), 'another');
  expect(() => checkChecksums(folder)).toThrow('a: FAILED');
});
