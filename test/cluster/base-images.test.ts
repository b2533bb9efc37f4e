// The image's base images: pinned by digest, and a script that pins them again.
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const SCRIPT = 'config/image/update-bases.sh';
const MANIFESTS = ['config/kubernetes/chart/values.yaml', 'config/kubernetes/node-local/unloop.yaml'];
const basesOf = (dockerfile: string) => [...dockerfile.matchAll(/^FROM (\S+)/gm)].map(([, base]) => base!);

it('are pinned by digest, and nothing else is fetched by tag', () => {
  const dockerfile = readFileSync(join(ROOT, 'Dockerfile'), 'utf8');
  expect(basesOf(dockerfile)).toHaveLength(2);
  for (const base of basesOf(dockerfile)) expect(base).toMatch(/:[\w.-]+@sha256:[0-9a-f]{64}$/);
  expect(dockerfile).not.toMatch(/^# syntax=/m);
});

it('and so is what the chart starts beside our own image', () => {
  for (const file of MANIFESTS) {
    const images = [
      ...readFileSync(join(ROOT, file), 'utf8').matchAll(/(?:image|addressImage): "?(\S*busybox[^\s"]*)/g),
    ];
    expect(images).toHaveLength(1);
    for (const [, image] of images) expect(image).toMatch(/:[\w.-]+@sha256:[0-9a-f]{64}$/);
  }
});

/** Runs the script over a copy of the Dockerfile, with a docker that says this. */
function update(digest: string): { dockerfile: string; manifests: string[]; status: number } {
  const folder = mkdtempSync(join(tmpdir(), 'unloop-bases-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, 'config/image'), { recursive: true });
  mkdirSync(join(folder, 'bin'));
  cpSync(join(ROOT, SCRIPT), join(folder, SCRIPT));
  for (const file of ['Dockerfile', ...MANIFESTS]) cpSync(join(ROOT, file), join(folder, file));
  writeFileSync(join(folder, 'bin/docker'), `#!/bin/sh\necho "${digest}"\n`);
  chmodSync(join(folder, 'bin/docker'), 0o755);
  let status = 0;
  try {
    const env = { ...process.env, PATH: `${join(folder, 'bin')}:${process.env.PATH}` };
    execFileSync('sh', [join(folder, SCRIPT)], { env, stdio: 'pipe' });
  } catch (error) {
    ({ status } = error as { status: number });
  }
  const read = (file: string) => readFileSync(join(folder, file), 'utf8');
  return { dockerfile: read('Dockerfile'), manifests: MANIFESTS.map(read), status };
}

it('are pinned again by the script, which changes nothing else', () => {
  const before = readFileSync(join(ROOT, 'Dockerfile'), 'utf8');
  const digest = `sha256:${'0123456789abcdef'.repeat(4)}`;
  const { dockerfile, manifests, status } = update(digest);
  expect(status).toBe(0);
  expect(basesOf(dockerfile)).toEqual(basesOf(before).map((base) => `${base.split('@')[0]}@${digest}`));
  expect(dockerfile.replaceAll(/@sha256:\w+/g, '')).toBe(before.replaceAll(/@sha256:\w+/g, ''));
  for (const [index, file] of MANIFESTS.entries()) {
    const pinned = readFileSync(join(ROOT, file), 'utf8').replace(/(busybox\S*@)sha256:\w+/, `$1${digest}`);
    expect(manifests[index]).toBe(pinned);
  }
});

it('stay as they are where no digest is available', () => {
  expect(update('ERROR: not found')).toEqual({
    dockerfile: readFileSync(join(ROOT, 'Dockerfile'), 'utf8'),
    manifests: MANIFESTS.map((file) => readFileSync(join(ROOT, file), 'utf8')),
    status: 1,
  });
});
