// The image without Docker: the instructions of the Dockerfile are carried out in directory trees,
// and what comes of it is started as a container would be: another root, read-only, another user,
// no capabilities; then its archive by containerd. Needs root.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { execForm } from '../../../packaging/image/dockerfile.ts';
import { imageConfig } from '../../../packaging/image/image-config.ts';
import { imageSbom } from '../../../packaging/image/image-sbom.ts';
import {
  dockerfileStages,
  type ImageTree,
  layOutImage,
  sh,
  IMAGE_USER as USER,
} from '../../../packaging/image/image-tree.ts';
import { writeImage } from '../../../packaging/image/oci-archive.ts';
import { Child } from '../../../src/base/child-process.ts';
import { Containerd, NO_CAPABILITIES } from './containerd.ts';

const CONTAINED = join(import.meta.dirname, 'run-contained.py');
const NET_BIND_SERVICE = '10';
/** More would mean that something came along that nobody needs. */
const MOST_MIB = 125;

const { final } = dockerfileStages();
let work: string;
let tree: ImageTree;
let image: string;

beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), 'unloop-image-'));
  tree = layOutImage(work);
  image = tree.root;
}, 300_000);

afterAll(() => rmSync(work, { recursive: true, force: true }));

/** A container: its own mounts, network and processes; the root read-only. */
function start(args: readonly string[], capabilities = '-'): Child {
  const script = [
    'mount --make-rprivate /',
    `mount --bind ${image} ${image}`,
    `mount -o remount,bind,ro ${image}`,
    `mount -t proc proc ${image}/proc`,
    `mount --rbind /dev ${image}/dev`,
    'ip link set lo up',
    `exec python3 ${CONTAINED} ${image} ${USER} ${capabilities} "$@"`,
  ].join('\n');
  const command = [
    '--mount',
    '--net',
    '--pid',
    '--fork',
    '--kill-child',
    'sh',
    '-euc',
    script,
    'sh',
    ...args,
  ];
  const child = new Child(['unshare', ...command]);
  onTestFinished(async () => {
    // Becoming another user has undone what --kill-child arranged: the container's first process is
    // ended by hand.
    for (const pid of childrenOf(child.pid)) process.kill(pid, 'SIGKILL');
    await child.kill();
  });
  return child;
}

/** The processes that this one started and that still run. */
function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
      .trim()
      .split(' ')
      .filter(Boolean)
      .map(Number);
  } catch {
    return []; // It has ended, and they with it.
  }
}

const program = () => execForm(final, 'ENTRYPOINT');

async function startReady(args: readonly string[], capabilities?: string) {
  const child = start([...program(), 'run', ...args], capabilities);
  await child.untilSaid('unloop is ready', 40_000);
  // unshare's only child is the container's first process.
  const pid = String(childrenOf(child.pid)[0]);
  const inside = (...command: string[]) =>
    spawnSync('nsenter', ['-t', pid, '--net', '--', ...command], { encoding: 'utf8' });
  const status = new Map(
    readFileSync(`/proc/${pid}/status`, 'utf8')
      .split('\n')
      .map((line) => line.split(/:\s+/) as [string, string]),
  );
  return { child, pid, inside, status };
}

describe('the image', () => {
  it('starts as a user that is not root, on a read-only root, without capabilities, and ends cleanly', async () => {
    const { child, pid, inside, status } = await startReady([
      '--listen',
      '127.0.0.1:5300',
      '--admin',
      '0.0.0.0:9530',
      '--upstream',
      '127.0.0.1:1',
    ]);
    expect(child.said).toContain('"socket":"batch"');
    expect(status.get('Uid')).toBe([USER, USER, USER, USER].join('\t'));
    expect(status.get('CapPrm')).toBe('0'.repeat(16));
    expect(status.get('NoNewPrivs')).toBe('1');
    const rootMount = readFileSync(`/proc/${pid}/mountinfo`, 'utf8')
      .split('\n')
      .find((line) => line.split(' ')[4] === '/')!;
    expect(rootMount.split(' ')[5]).toMatch(/^ro\b/);
    expect(inside('dig', '+tries=1', '@127.0.0.1', '-p', '5300', 'x.example').stdout).toContain(
      'status: SERVFAIL',
    );

    // The health check of the image, word by word, beside it.
    const check = inside(
      ...[
        'python3',
        CONTAINED,
        image,
        USER,
        '-',
        ...execForm(final, 'HEALTHCHECK'),
        '--admin',
        '0.0.0.0:9530',
      ],
    );
    expect({ status: check.status, out: check.stdout }).toEqual({
      status: 0,
      out: 'http://127.0.0.1:9530/health: {"status":"ok"}\n',
    });

    // The command by its name, as `kubectl exec` starts it: there is no shell.
    const { stdout, stderr } = inside(
      ...['python3', CONTAINED, image, USER, '-', '/usr/local/bin/unloop'],
      ...['status', '--json', '--admin', '0.0.0.0:9530'],
    );
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toMatchObject({ upstreams: [{ address: '127.0.0.1:1' }] });

    const ended = child.ended;
    process.kill(Number(pid), 'SIGTERM');
    expect(await ended).toBe(0);
  });

  it('serves port 53 with the one capability, and says what is missing without it', async () => {
    const args = ['--listen', '127.0.0.1:53', '--admin', 'off', '--upstream', '127.0.0.1:1'];
    const { pid, inside, status } = await startReady(args, NET_BIND_SERVICE);
    expect(status.get('Uid')).toContain(USER);
    expect(inside('dig', '+tries=1', '@127.0.0.1', 'x.example').stdout).toContain('status: SERVFAIL');
    // Once the port is bound no thread has it in effect: those that read packets can do no more
    // than any user's.
    const effective = sh(`cat /proc/${pid}/task/*/status | grep CapEff | sort -u`);
    expect(effective.split(/\s+/)).toEqual(['CapEff:', '0'.repeat(16), '']);

    const child = start([...program(), 'run', ...args]);
    expect(await child.ended).toBe(1);
    expect(child.said).toContain('CAP_NET_BIND_SERVICE');
  });

  it('holds nothing but node, unloop and what it imports', () => {
    expect(sh(`find ${image}/app ${image}/usr -name '*.ts' -o -name '*.map' -o -name '*.c'`)).toBe('');
    expect(sh(`find ${image} -perm /022 -not -type l -not -path '*/tmp*'`)).toBe('');
    const kib = (path: string) => Number(sh(`du -sk ${join(image, path)}`).split('\t')[0]);
    const sizes = Object.fromEntries(
      ['usr/local/bin/node', 'app/dist', 'app/build', '.'].map((path) => [path, kib(path)]),
    );
    console.log('KiB', sizes);
    expect(sizes['.']! / 1024).toBeLessThan(MOST_MIB);
    // What the program needs of others' is in the bundle.
    expect(existsSync(join(image, 'app/node_modules'))).toBe(false);
  });

  it('names its parts in a bill of materials: all that are there, and no other', () => {
    const { bomFormat, components } = JSON.parse(readFileSync(join(image, 'app/sbom.cdx.json'), 'utf8')) as {
      bomFormat: string;
      components: { name: string; version: string }[];
    };
    expect(bomFormat).toBe('CycloneDX');
    const notices = readFileSync(join(image, 'app/dist/third-party-notices.txt'), 'utf8');
    const there = [...notices.matchAll(/^(\S+) (\d+\.\d+\.\d+) \([\w.-]+\)$/gm)].map(
      ([, name, version]) => `${name}@${version}`,
    );
    expect(there.length).toBeGreaterThan(10);
    expect(components.map(({ name, version }) => `${name}@${version}`).sort()).toEqual(there.sort());
  });
});

const NAME = 'docker.io/library/unloop:test';

/** The archive of a tree, as `npm run image` writes it. */
async function pack(root: string, file: string, compressed: boolean) {
  const archive = join(work, file);
  const config = imageConfig({ VERSION: 'test', REVISION: 'none' });
  const image = { names: [NAME], config, roots: { amd64: root }, createdS: 1_700_000_000, compressed };
  return { archive, digest: await writeImage(archive, image) };
}

describe('the archive of the image', () => {
  it('is the same for the same files, whatever their times and wherever they are', async () => {
    // Of all, without node, which is most of it.
    const [first, second] = [join(work, 'first'), join(work, 'second')];
    const filter = (path: string) => !path.endsWith('/bin/node');
    cpSync(image, first, { recursive: true, filter });
    cpSync(image, second, { recursive: true, filter });
    sh(`find ${second} -exec touch -h -d 2001-01-01 {} +`);
    const { digest } = await pack(first, 'first.tar', true);
    expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect((await pack(second, 'second.tar', true)).digest).toBe(digest);
    sh(`cmp ${work}/first.tar ${work}/second.tar`);
    sh(`echo >> ${second}/app/package.json`);
    expect((await pack(second, 'third.tar', true)).digest).not.toBe(digest);
  });

  it('is run by containerd, as its user, read-only, without capabilities', async () => {
    const { archive, digest } = await pack(image, 'unloop.tar', false);
    const containerd = await Containerd.start();
    onTestFinished(() => containerd.stop());
    containerd.ctr('images', 'import', archive);
    expect(containerd.ctr('images', 'ls')).toContain(digest);

    const flags = ['--detach', '--net-host', '--read-only', ...NO_CAPABILITIES];
    containerd.ctr('run', ...flags, NAME, 'unloop', ...program(), 'run', '--upstream', '127.0.0.1:1');
    const unloop = (...args: string[]) => containerd.exec('unloop', '/usr/local/bin/unloop', ...args);
    await expect.poll(() => unloop('health').status, { timeout: 40_000 }).toBe(0);
    expect(containerd.run('dig', '+tries=1', '@127.0.0.1', '-p', '5300', 'x.example').stdout).toContain(
      'status: SERVFAIL',
    );
    expect(JSON.parse(unloop('status', '--json').stdout)).toMatchObject({
      upstreams: [{ address: '127.0.0.1:1' }],
    });
    expect(unloop('doctor').stdout).toMatch(/^healthy: no DNS loop/);

    const pid = /^unloop\s+(\d+)\s+RUNNING/m.exec(containerd.ctr('tasks', 'ls'))![1]!;
    const { stdout: status } = containerd.run('cat', `/proc/${pid}/status`);
    expect(status).toContain(`Uid:\t${[USER, USER, USER, USER].join('\t')}\n`);
    for (const set of ['CapPrm', 'CapEff', 'CapBnd'])
      expect(status).toContain(`${set}:\t${'0'.repeat(16)}\n`);
    expect(status).toContain('NoNewPrivs:\t1\n');
    const root = containerd.run('awk', '$5 == "/" { print $6 }', `/proc/${pid}/mountinfo`).stdout;
    expect(root).toMatch(/^ro\b/);

    containerd.ctr('tasks', 'kill', '--signal', 'SIGTERM', 'unloop');
    await expect.poll(() => containerd.ctr('tasks', 'ls'), { timeout: 40_000 }).toContain('STOPPED');
    expect(containerd.run('ctr', 'tasks', 'delete', 'unloop').status).toBe(0);
  });

  it('comes with a bill of materials that names Node.js and Debian’s packages too', () => {
    const { components } = JSON.parse(imageSbom(tree)) as { components: { name: string; purl: string }[] };
    const names = components.map(({ name }) => name);
    for (const name of ['node', 'libc6', 'libstdc++6', 'ca-certificates']) expect(names).toContain(name);
    const inside = JSON.parse(readFileSync(join(image, 'app/sbom.cdx.json'), 'utf8')) as { components: [] };
    expect(components).toEqual(expect.arrayContaining(inside.components));
    const node = sh(`${image}/usr/local/bin/node --version`).trim();
    expect(components.find(({ name }) => name === 'node')!.purl).toBe(`pkg:generic/node@${node.slice(1)}`);
  });
});
