// The image's base images: pinned by digest, and a script that pins them again.
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const SCRIPT = 'config/image/update-bases.sh';
const basesOf = (dockerfile: string) => [...dockerfile.matchAll(/^FROM (\S+)/gm)].map(([, base]) => base!);

it('are pinned by digest, and nothing else is fetched by tag', () => {
  const dockerfile = readFileSync(join(ROOT, 'Dockerfile'), 'utf8');
  expect(basesOf(dockerfile)).toHaveLength(2);
  for (const base of basesOf(dockerfile)) expect(base).toMatch(/:[\w.-]+@sha256:[0-9a-f]{64}$/);
  expect(dockerfile).not.toMatch(/^# syntax=/m);
});

/** Runs the script over a copy of the Dockerfile, with a docker that says this. */
function update(digest: string): { dockerfile: string; status: number } {
  const folder = mkdtempSync(join(tmpdir(), 'unloop-bases-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, 'config/image'), { recursive: true });
  mkdirSync(join(folder, 'bin'));
  cpSync(join(ROOT, SCRIPT), join(folder, SCRIPT));
  cpSync(join(ROOT, 'Dockerfile'), join(folder, 'Dockerfile'));
  writeFileSync(join(folder, 'bin/docker'), `#!/bin/sh\necho "${digest}"\n`);
  chmodSync(join(folder, 'bin/docker'), 0o755);
  let status = 0;
  try {
    const env = { ...process.env, PATH: `${join(folder, 'bin')}:${process.env.PATH}` };
    execFileSync('sh', [join(folder, SCRIPT)], { env, stdio: 'pipe' });
  } catch (error) {
    ({ status } = error as { status: number });
  }
  return { dockerfile: readFileSync(join(folder, 'Dockerfile'), 'utf8'), status };
}

it('are pinned again by the script, which changes nothing else', () => {
  const before = readFileSync(join(ROOT, 'Dockerfile'), 'utf8');
  const digest = `sha256:${'0123456789abcdef'.repeat(4)}`;
  const { dockerfile, status } = update(digest);
  expect(status).toBe(0);
  expect(basesOf(dockerfile)).toEqual(basesOf(before).map((base) => `${base.split('@')[0]}@${digest}`));
  expect(dockerfile.replaceAll(/@sha256:\w+/g, '')).toBe(before.replaceAll(/@sha256:\w+/g, ''));
});

it('stay as they are where no digest is available', () => {
  expect(update('ERROR: not found')).toEqual({
    dockerfile: readFileSync(join(ROOT, 'Dockerfile'), 'utf8'),
    status: 1,
  });
});
