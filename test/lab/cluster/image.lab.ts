// The image without Docker: the instructions of the Dockerfile are carried out in directory trees,
// and what comes of it is started as a container would be: another root, read-only, another user,
// no capabilities. Needs root.
//
// Stand-ins: for node:24-bookworm this machine's system folders (read-only) with Node 24 in
// /usr/local; for distroless the shared libraries that node needs, a passwd and certificates.
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { execForm, parseDockerfile, type Stage } from './dockerfile.ts';
import { node24 } from './tools.ts';

const REPOSITORY = fileURLToPath(new URL('../../../', import.meta.url));
const CONTAINED = join(import.meta.dirname, 'run-contained.py');
const NET_BIND_SERVICE = '10';
const USER = '65532';
/** More would mean that something came along that nobody needs. */
const MOST_MIB = 125;

const [build, final] = parseDockerfile(readFileSync(join(REPOSITORY, 'Dockerfile'), 'utf8')) as [
  Stage,
  Stage,
];
let work: string;
let image: string;

function sh(script: string, options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}): string {
  const result = spawnSync('sh', ['-euc', script], { encoding: 'utf8', maxBuffer: 2 ** 26, ...options });
  if (result.status !== 0) throw new Error(`${script}\n${result.stdout}\n${result.stderr}`);
  return result.stdout;
}

/** Mounts of the build stage, made in a mount namespace that ends with the command. */
function mounts(root: string): string {
  const lines = ['mount --make-rprivate /'];
  for (const folder of ['usr', 'etc', 'lib', 'lib64', 'bin', 'sbin']) {
    if (!existsSync(`/${folder}`)) continue;
    if (lstatSync(`/${folder}`).isSymbolicLink()) {
      rmSync(join(root, folder), { force: true });
      symlinkSync(readlinkSync(`/${folder}`), join(root, folder));
      continue;
    }
    mkdirSync(join(root, folder), { recursive: true });
    lines.push(`mount --bind /${folder} ${root}/${folder}`, `mount -o remount,bind,ro ${root}/${folder}`);
  }
  lines.push(`mount --bind ${work}/node ${root}/usr/local`, `mount -t proc proc ${root}/proc`);
  lines.push(`mount --rbind /dev ${root}/dev`);
  return lines.join('\n');
}

/** Node 24 and npm, as /usr/local of the official image has them. */
function layOutNode(): void {
  const folder = join(work, 'node');
  cpSync(node24(), folder, { recursive: true });
  const npm = execFileSync('sh', ['-c', 'readlink -f "$(command -v npm)"'], { encoding: 'utf8' }).trim();
  symlinkSync(npm, join(folder, 'bin/npm'));
}

function runStage(stage: Stage, root: string, others: ReadonlyMap<string, string>): void {
  for (const folder of ['proc', 'dev', 'tmp', 'root']) mkdirSync(join(root, folder), { recursive: true });
  const npmrc = join(homedir(), '.npmrc');
  if (existsSync(npmrc)) cpSync(npmrc, join(root, 'root/.npmrc'));
  let folder = '/';
  for (const { name, text } of stage.instructions) {
    if (name === 'WORKDIR') {
      folder = text;
      mkdirSync(join(root, folder), { recursive: true });
    } else if (name === 'COPY') {
      const words = text.split(/\s+/);
      const from = words[0]!.startsWith('--from=')
        ? others.get(words.shift()!.slice('--from='.length))!
        : REPOSITORY;
      const target = words.pop()!;
      for (const source of words) {
        const into = target.startsWith('/') ? join(root, target) : join(root, folder, target);
        // A folder's contents, as COPY means it; -a keeps the file capabilities.
        if (lstatSync(join(from, source)).isDirectory()) {
          mkdirSync(into, { recursive: true });
          sh(`cp -a ${join(from, source)}/. ${into}`);
        } else {
          sh(`cp -a ${join(from, source)} ${into}`);
        }
      }
    } else if (name === 'RUN') {
      const script = `${mounts(root)}\nexec chroot ${root} /bin/sh -c 'cd ${folder} && ${text.replaceAll("'", `'\\''`)}'`;
      const env = {
        ...process.env,
        HOME: '/root',
        npm_config_cache: '/tmp/npm',
        PATH: `/usr/local/bin:${process.env.PATH}`,
      };
      sh(`unshare --mount --pid --fork sh -euc "$SCRIPT"`, { env: { ...env, SCRIPT: script } });
    }
  }
}

/** What distroless/cc brings, as far as it matters here. */
function layOutDistroless(root: string): void {
  const libraries = execFileSync('ldd', [join(node24(), 'bin/node')], { encoding: 'utf8' });
  for (const [path] of libraries.matchAll(/\/lib\S+/g)) {
    mkdirSync(dirname(root + path), { recursive: true });
    sh(`cp -L ${path} ${root}${path}`);
  }
  mkdirSync(join(root, 'etc/ssl/certs'), { recursive: true });
  writeFileSync(join(root, 'etc/passwd'), `root:x:0:0::/:/none\nnonroot:x:${USER}:${USER}::/:/none\n`);
  writeFileSync(join(root, 'etc/nsswitch.conf'), 'hosts: files dns\n');
  for (const folder of ['proc', 'dev', 'tmp', 'etc/unloop'])
    mkdirSync(join(root, folder), { recursive: true });
}

beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), 'unloop-image-'));
  layOutNode();
  const buildRoot = join(work, 'build');
  image = join(work, 'image');
  mkdirSync(buildRoot);
  mkdirSync(image);
  runStage(build, buildRoot, new Map());
  layOutDistroless(image);
  runStage(final, image, new Map([[build.name, buildRoot]]));
  rmSync(join(image, 'root'), { recursive: true });
}, 300_000);

afterAll(() => rmSync(work, { recursive: true, force: true }));

/** A container: its own mounts, network and processes; the root read-only. */
function start(args: readonly string[], capabilities = '-'): { child: ChildProcess; output: () => string } {
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
  const child = spawn('unshare', command, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk;
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk;
  });
  onTestFinished(() => {
    // Becoming another user has undone what --kill-child arranged: the container's first process is
    // ended by hand.
    for (const pid of childrenOf(child.pid!)) process.kill(pid, 'SIGKILL');
    child.kill('SIGKILL');
  });
  return { child, output: () => output };
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
  const { child, output } = start([...program(), 'run', ...args], capabilities);
  await expect.poll(output, { timeout: 15_000 }).toContain('unloop is ready');
  // unshare's only child is the container's first process.
  const pid = String(childrenOf(child.pid!)[0]);
  const inside = (...command: string[]) =>
    spawnSync('nsenter', ['-t', pid, '--net', '--', ...command], { encoding: 'utf8' });
  const status = new Map(
    readFileSync(`/proc/${pid}/status`, 'utf8')
      .split('\n')
      .map((line) => line.split(/:\s+/) as [string, string]),
  );
  return { child, output, pid, inside, status };
}

function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.once('close', (code) => resolve(code)));
}

describe('the image', () => {
  it('starts as a user that is not root, on a read-only root, without capabilities, and ends cleanly', async () => {
    const { child, output, pid, inside, status } = await startReady([
      '--listen',
      '127.0.0.1:5300',
      '--admin',
      '0.0.0.0:9530',
      '--upstream',
      '127.0.0.1:1',
    ]);
    expect(output()).toContain('"socket":"batch"');
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

    const ended = exitOf(child);
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

    const { child, output } = start([...program(), 'run', ...args]);
    expect(await exitOf(child)).toBe(1);
    expect(output()).toContain('CAP_NET_BIND_SERVICE');
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
