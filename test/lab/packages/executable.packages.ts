// The executable where there is no Node.js: nothing but a shell and Debian 12's C and C++
// libraries, a user who is not root, a disk that takes no writes. It serves with the batched
// socket, its commands work, and what does not fit is said in one line. On arm64 under qemu-user.
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { VERSION } from '../../../packaging/source.ts';
import { Child } from '../../../src/base/child-process.ts';
import { findRootFolder } from '../../../src/base/root-folder.ts';
import { freePort } from '../../kit/free-port.ts';
import { debianRoot, emptyMachine, USER } from '../support/package-root.ts';

/** `npm run test:packages` has made it. */
const RELEASE = join(findRootFolder(), 'dist/release');
const UNLOOP = '/one/unloop';
const STACK = /^\s+at (?:\S+ \(|\S+:\d+:)|node:internal/m;
const FRONT = `
listen: [127.0.0.1:5300]
admin: { listen: 127.0.0.1:9530 }
workers: 2
upstreams: [127.0.0.1:5301]
`;
const UPSTREAM = `
listen: [127.0.0.1:5301]
admin: { listen: off }
upstreams: [192.0.2.1]
local: { records: ["*.bench.example A 10.1.2.3"] }
`;
/** Nothing can be written, but /tmp. */
const readOnly = (root: string) => `
mount --rbind ${root} ${root}
mount -o remount,bind,ro ${root}
mount -o remount,bind,ro ${root}/home
mount -t tmpfs -o ro tmpfs ${root}/dev/shm`;

let work: string;
const removed: (() => void)[] = [];

beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), 'unloop-one-'));
  chmodSync(work, 0o755);
  for (const folder of ['one', 'settings', 'none']) execFileSync('mkdir', [join(work, folder)]);
  cpSync(join(RELEASE, 'unloop-linux-x64'), join(work, 'one/unloop'));
  chmodSync(join(work, 'one/unloop'), 0o755);
  writeFileSync(join(work, 'settings/front.yaml'), FRONT);
  writeFileSync(join(work, 'settings/upstream.yaml'), UPSTREAM);
});
afterAll(() => {
  for (const remove of removed) remove();
  rmSync(work, { recursive: true, force: true });
});

function machine(mountMore = readOnly) {
  const folders = { '/one': join(work, 'one'), '/settings': join(work, 'settings') };
  const made = emptyMachine(join(work, 'none'), folders, mountMore);
  removed.push(() => made.remove());
  return made;
}

const ended = ([program, ...args]: readonly string[]) => {
  const { status, stdout, stderr } = spawnSync(program!, args, { encoding: 'utf8', timeout: 60_000 });
  expect(stdout + stderr).not.toMatch(STACK);
  return { status, stdout, stderr };
};

/** A command where this process runs: its network, its root, its user. */
const beside = (child: Child, ...args: readonly string[]) => [
  ...['nsenter', '-t', String(child.pid), '--mount', '--net', '--root', '--wd'],
  ...['--setuid', String(USER), '--setgid', String(USER), 'env', '-i', UNLOOP],
  ...args,
];

async function serve(command: string[]): Promise<Child> {
  const child = new Child(command);
  onTestFinished(() => child.kill());
  await child.untilSaid('unloop is ready', 60_000);
  return child;
}

describe('on a machine without Node.js, on a disk that takes no writes', () => {
  it('serves with the batched socket, and its commands work', async () => {
    const started = performance.now();
    const front = await serve(machine().command(UNLOOP, 'run', '--config', '/settings/front.yaml'));
    const readyMs = Math.round(performance.now() - started);
    expect(front.stdout).toContain('"socket":"batch"');
    expect(front.said).not.toMatch(/"level":"(warn|error)"/);
    await serve(beside(front, 'run', '--config', '/settings/upstream.yaml'));
    const run = (...args: readonly string[]) => ended(beside(front, ...args));

    expect(run('query', 'name.bench.example')).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('10.1.2.3'),
    });
    const answerMs = Math.round(performance.now() - started);
    expect(JSON.parse(run('status', '--json').stdout)).toMatchObject({
      upstreams: [{ address: '127.0.0.1:5301' }],
    });
    expect(run('health')).toMatchObject({ status: 0, stdout: expect.stringContaining('"status":"ok"') });
    const bench = run('bench', '--target', '127.0.0.1:5300', '--qps', '100', '--duration', '2s', '--json');
    expect(JSON.parse(bench.stdout)).toMatchObject({ lost: 0, rcodes: { NOERROR: 200 } });
    // It starts an unloop of its own.
    const storm = run('bench', '--scenario', 'loop-storm', '--duration', '2s', '--json');
    expect(JSON.parse(storm.stdout)).toMatchObject({ scenario: 'loop-storm' });
    expect([0, 1, 2]).toContain(run('doctor').status);
    expect(run('doctor').stdout).toMatch(/DNS|resolv\.conf/);

    const status = readFileSync(`/proc/${front.pid}/status`, 'utf8');
    expect(status).toContain(`Uid:\t${[USER, USER, USER, USER].join('\t')}\n`);
    const rss = Number(/^VmRSS:\s+(\d+) kB/m.exec(status)![1]);
    const megabytes = (statSync(join(work, 'one/unloop')).size / 1e6).toFixed(0);
    console.log(`${megabytes} MB, ready ${readyMs} ms, first answer ${answerMs} ms, ${rss >> 10} MiB`);
    front.process.kill();
    expect(await front.ended).toBe(0);
  });

  it.each([
    ['--version', { status: 0, stdout: `unloop ${VERSION}\n`, stderr: '' }],
    ['check --config /settings/front.yaml', { status: 0, stdout: '/settings/front.yaml: ok\n', stderr: '' }],
  ])('unloop %s', (args, expected) => {
    expect(ended(machine().command(UNLOOP, ...args.split(' ')))).toEqual(expected);
  });

  it.each([
    ['serve', /unknown command "serve"/],
    ['run --config /settings/none.yaml', /\/settings\/none\.yaml/],
    ['run --listen nowhere', /nowhere/],
    ['run --listen 127.0.0.1:53 --admin off --upstream 192.0.2.1', /CAP_NET_BIND_SERVICE/],
  ])('unloop %s: what is wrong, and the cure', (args, message) => {
    const { status, stdout, stderr } = ended(machine().command(UNLOOP, ...args.split(' ')));
    expect(status).toBeGreaterThan(0);
    expect(stdout + stderr).toMatch(message);
  });
});

describe('where no folder takes the addon', () => {
  it('serves all the same, and one line says why, of each folder, and the cure', async () => {
    const none = (root: string) => `
mount -o remount,ro,noexec ${root}/tmp
${readOnly(root)}
mount -o remount,rw,noexec ${root}/dev/shm`;
    const front = await serve(machine(none).command(UNLOOP, 'run', '--config', '/settings/front.yaml'));
    expect(front.stdout).toContain('"socket":"node"');
    const reasons = new Set(front.said.match(/no folder takes it[^"]*/g));
    expect([...reasons]).toEqual([
      'no folder takes it as a file (/tmp: read-only; /dev/shm: mounted noexec); ' +
        'mount a tmpfs without noexec, and name its folder in TMPDIR',
    ]);
    expect(front.said).not.toMatch(STACK);
    front.process.kill();
    expect(await front.ended).toBe(0);
  });
});

describe('on arm64', () => {
  let unloop: string[];
  beforeAll(() => {
    const root = debianRoot(['libc6', 'libstdc++6', 'libatomic1'], 'arm64');
    const program = join(work, 'one/unloop-arm64');
    cpSync(join(RELEASE, 'unloop-linux-arm64'), program);
    chmodSync(program, 0o755);
    unloop = ['qemu-aarch64-static', '-L', root, program];
  });

  it('says its version, checks a configuration, and serves with the batched socket', async () => {
    expect(ended([...unloop, '--version'])).toMatchObject({ status: 0, stdout: `unloop ${VERSION}\n` });
    expect(ended([...unloop, 'check', '--config', join(work, 'settings/front.yaml')]).status).toBe(0);
    const port = await freePort();
    const flags = ['--listen', `127.0.0.1:${port}`, '--admin', 'off', '--upstream', '192.0.2.1'];
    const child = await serve([...unloop, 'run', ...flags, '--workers', '1']);
    expect(child.stdout).toContain('"socket":"batch"');
    const asked = ['@127.0.0.1', '-p', `${port}`, '+tries=1', '+time=20', '+short', 'localhost'];
    expect(execFileSync('dig', asked, { encoding: 'utf8' })).toBe('127.0.0.1\n');
    expect(await child.stop()).toBe(0);
  });
});
