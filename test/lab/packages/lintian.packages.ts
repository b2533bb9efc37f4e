// The released deb packages by lintian, of Debian 12 and of Debian 13, each in its own root.
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { VERSION } from '../../../packaging/source.ts';
import { releasedFile } from '../support/released.ts';
import { DebianRoot } from './debian-root.ts';

const ARCHITECTURES = ['amd64', 'arm64'];

describe.each(['bookworm', 'trixie'] as const)('lintian of %s', (release) => {
  let files: string;
  let root: DebianRoot;

  beforeAll(async () => {
    files = mkdtempSync(join(tmpdir(), 'unloop-lintian-'));
    for (const architecture of ARCHITECTURES) {
      const name = `unloop_${VERSION}-1_${architecture}.deb`;
      cpSync(releasedFile(name)!, join(files, name));
    }
    root = await DebianRoot.start(release, files, ['lintian']);
  }, 900_000);
  afterAll(async () => {
    await root?.stop();
    rmSync(files, { recursive: true, force: true });
  });

  it.each(ARCHITECTURES)('finds no error in the package for %s', (architecture) => {
    const path = `/run/files/unloop_${VERSION}-1_${architecture}.deb`;
    const { status, stdout, stderr } = root.try(`LC_ALL=C lintian --fail-on error ${path}`);
    if (stdout !== '') console.log(stdout.trim());
    expect({ status, errors: stdout.match(/^E: .*/gm) }, stderr).toEqual({ status: 0, errors: null });
  });
});
