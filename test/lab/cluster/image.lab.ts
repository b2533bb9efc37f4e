// The image without Docker: the instructions of the Dockerfile are carried out in directory trees,
// and what comes of it is started as a container would be: another root, read-only, another user,
// no capabilities. Needs root.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { Child } from '../../../src/base/child-process.ts';
import { execForm } from './dockerfile.ts';
import { dockerfileStages, layOutImage, REPOSITORY, sh, IMAGE_USER as USER } from './image-tree.ts';

const CONTAINED = join(import.meta.dirname, 'run-contained.py');
const NET_BIND_SERVICE = '10';
/** More would mean that something came along that nobody needs. */
const MOST_MIB = 125;

const { final } = dockerfileStages();
let work: string;
let image: string;

beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), 'unloop-image-'));
  image = layOutImage(work);
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
      ['usr/local/bin/node', 'app/dist', 'app/build', 'app/node_modules', '.'].map((path) => [
        path,
        kib(path),
      ]),
    );
    console.log('KiB', sizes);
    expect(sizes['.']! / 1024).toBeLessThan(MOST_MIB);
    // Every dependency that is declared is there, and none that only builds and tests need.
    const { dependencies, devDependencies } = JSON.parse(
      readFileSync(join(REPOSITORY, 'package.json'), 'utf8'),
    );
    for (const name of Object.keys(dependencies))
      expect(existsSync(join(image, 'app/node_modules', name))).toBe(true);
    for (const name of Object.keys(devDependencies))
      expect(existsSync(join(image, 'app/node_modules', name))).toBe(false);
  });

  it('names its parts in a bill of materials: all that are there, and no other', () => {
    const { bomFormat, components } = JSON.parse(readFileSync(join(image, 'app/sbom.cdx.json'), 'utf8')) as {
      bomFormat: string;
      components: { name: string; version: string }[];
    };
    expect(bomFormat).toBe('CycloneDX');
    const there = sh(`find ${image}/app/node_modules -name package.json -not -path '*/dist/*'`)
      .trim()
      .split('\n')
      .map((path) => JSON.parse(readFileSync(path, 'utf8')) as { name?: string; version?: string })
      .filter(({ name, version }) => name !== undefined && version !== undefined)
      .map(({ name, version }) => `${name}@${version}`);
    expect(components.map(({ name, version }) => `${name}@${version}`).sort()).toEqual(
      [...new Set(there)].sort(),
    );
  });
});
