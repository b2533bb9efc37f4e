// The released image. amd64: loaded and run by containerd, as its user, read-only, without
// capabilities. arm64: its root filesystem unpacked, and run in it by qemu-user in the same way.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { VERSION } from '../../../packaging/source.ts';
import { Child } from '../../../src/base/child-process.ts';
import { Containerd, NO_CAPABILITIES } from '../cluster/containerd.ts';
import { firstAnswer, networkOf } from '../support/first-answer.ts';
import { record, seen } from '../support/package-figures.ts';
import { releasedFile } from '../support/released.ts';

const NAME = `docker.io/library/unloop:${VERSION}`;
const QEMU = '/usr/bin/qemu-aarch64-static';
const CONTAINED = join(import.meta.dirname, '../cluster/run-contained.py');
const USER = '65532';
const PROGRAM = ['/usr/local/bin/node', '/app/dist/unloop/main.js'];
const RUN = ['run', '--listen', '127.0.0.1:5300', '--upstream', '127.0.0.1:1'];

const archive = () => releasedFile(`unloop-${VERSION}.oci.tar`)!;

describe('the image for amd64', () => {
  it('is what its digest says, and is run by containerd', async () => {
    const containerd = await Containerd.start();
    onTestFinished(() => containerd.stop());
    containerd.ctr('images', 'import', archive());
    const digest = readFileSync(releasedFile(`unloop-${VERSION}.digest`)!, 'utf8').trim();
    expect(containerd.ctr('images', 'ls')).toContain(digest);

    const flags = ['--detach', '--net-host', '--read-only', ...NO_CAPABILITIES];
    const answered = firstAnswer(containerd.enter(), 5300);
    const startedMs = Date.now();
    containerd.ctr('run', ...flags, NAME, 'unloop', ...PROGRAM, ...RUN);
    const firstMs = (await answered) - startedMs;
    const unloop = (...args: string[]) => containerd.exec('unloop', '/usr/local/bin/unloop', ...args);
    await expect.poll(() => unloop('health').status, { timeout: 40_000 }).toBe(0);
    expect(unloop('--version').stdout).toBe(`unloop ${VERSION}\n`);
    expect(unloop('doctor').stdout).toMatch(/^healthy: no DNS loop/);
    expect(JSON.parse(unloop('status', '--json').stdout)).toMatchObject({
      upstreams: [{ address: '127.0.0.1:1' }],
    });
    const pid = /^unloop\s+(\d+)\s+RUNNING/m.exec(containerd.ctr('tasks', 'ls'))![1]!;
    const { stdout: status } = containerd.run('cat', `/proc/${pid}/status`);
    expect(status).toContain(`Uid:\t${[USER, USER, USER, USER].join('\t')}\n`);
    const residentKib = Number(/^VmRSS:\s+(\d+) kB/m.exec(status)![1]);
    const maps = containerd.run('cat', `/proc/${pid}/maps`).stdout;
    record('image-amd64', {
      firstAnswerMs: firstMs,
      residentKib,
      // Its log goes nowhere; the addon is the only library of that kind.
      socket: /\.node$/m.test(maps) ? 'batch' : 'node',
    });
    containerd.ctr('tasks', 'kill', '--signal', 'SIGTERM', 'unloop');
    await expect.poll(() => containerd.ctr('tasks', 'ls'), { timeout: 40_000 }).toContain('STOPPED');
  });
});

describe('the image for arm64', () => {
  let work: string;
  let root: string;

  beforeAll(() => {
    work = mkdtempSync(join(tmpdir(), 'unloop-image-'));
    execFileSync('tar', ['-xf', archive(), '-C', work]);
    const blob = (digest: string) => join(work, 'blobs/sha256', digest.replace('sha256:', ''));
    const read = (path: string) => JSON.parse(readFileSync(path, 'utf8'));
    const index = read(blob(read(join(work, 'index.json')).manifests[0].digest));
    const ofArm = index.manifests.find(
      ({ platform }: { platform: { architecture: string } }) => platform.architecture === 'arm64',
    );
    const { layers, config } = read(blob(ofArm.digest));
    expect(read(blob(config.digest))).toMatchObject({
      architecture: 'arm64',
      config: { User: `${USER}:${USER}`, Entrypoint: PROGRAM },
    });
    root = join(work, 'root');
    mkdirSync(root);
    for (const { digest } of layers) execFileSync('tar', ['-xzf', blob(digest), '-C', root]);
    // Beside the image: what translates it, and a configuration.
    cpSync(QEMU, join(root, 'qemu'));
    writeFileSync(join(root, 'unloop.yaml'), 'listen: ["127.0.0.1:5300"]\nupstreams: ["127.0.0.1:1"]\n');
  }, 300_000);
  afterAll(() => rmSync(work, { recursive: true, force: true }));

  /** As a container: its own mounts and network; the root read-only, the user 65532. */
  function contained(...args: string[]): string[] {
    const script = [
      'mount --make-rprivate /',
      `mount --bind ${root} ${root}`,
      `mount -o remount,bind,ro ${root}`,
      `mount -t proc proc ${root}/proc`,
      `mount --rbind /dev ${root}/dev`,
      'ip link set lo up',
      `exec python3 ${CONTAINED} ${root} ${USER} - /qemu "$@"`,
    ].join('\n');
    return ['unshare', '--mount', '--net', 'sh', '-euc', script, 'sh', ...PROGRAM, ...args];
  }
  const run = (...args: string[]) => {
    const [program, ...rest] = contained(...args);
    return spawnSync(program!, rest, { encoding: 'utf8' });
  };

  it('says its version, and checks a configuration', () => {
    expect(run('--version')).toMatchObject({ status: 0, stdout: `unloop ${VERSION}\n` });
    expect(run('check', '--config', '/unloop.yaml')).toMatchObject({ status: 0 });
  });

  it('answers over UDP and TCP with the batched socket, and ends cleanly', async () => {
    const child = new Child(contained(...RUN), { stopWithinMs: 60_000 });
    onTestFinished(() => child.kill());
    const enter = await networkOf(child.pid);
    await child.untilSaid('unloop is ready', 60_000);
    for (const transport of ['+notcp', '+tcp']) {
      const question = ['@127.0.0.1', '-p', '5300', '+tries=1', '+time=20', transport, 'x.example'];
      const { stdout } = spawnSync(enter[0]!, [...enter.slice(1), 'dig', ...question], { encoding: 'utf8' });
      expect(stdout).toContain('status: SERVFAIL');
    }
    const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
    expect(status).toContain(`Uid:\t${[USER, USER, USER, USER].join('\t')}\n`);
    expect(status).toContain(`CapPrm:\t${'0'.repeat(16)}\n`);
    const { socket } = seen(status, child.stdout, 0);
    expect(socket).toBe('batch');
    record('image-arm64', { firstAnswerMs: null, residentKib: null, socket });
    expect(await child.stop(), child.said).toBe(0);
  });
});
