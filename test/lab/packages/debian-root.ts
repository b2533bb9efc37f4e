// A fresh Debian, with mounts, network and processes of its own: what is installed there is gone
// when it stops. Needs root.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LAB_CACHE } from '../../../bench/compare/lab-programs.ts';
import { debianMirror } from '../../../bench/compare/today.ts';
import { Child } from '../../../src/base/child-process.ts';

export type Release = 'bookworm' | 'trixie';

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * The smallest root that Debian calls one: made once by mmdebstrap, and only read. Half a minute.
 */
export function ensureRoot(release: Release): string {
  const root = join(LAB_CACHE, 'debian-roots', release);
  if (existsSync(root)) return root;
  const unfinished = `${root}.${process.pid}`;
  mkdirSync(join(LAB_CACHE, 'debian-roots'), { recursive: true });
  rmSync(unfinished, { recursive: true, force: true });
  execFileSync('mmdebstrap', ['--variant=minbase', '--mode=root', release, unfinished, debianMirror()], {
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: 600_000,
  });
  renameSync(unfinished, root);
  return root;
}

/** FOLDER is a mount point; what is written goes to memory. Ends with standard input. */
const SCRIPT = `
mount --make-rprivate /
mount -t proc proc /proc
mount -t tmpfs tmpfs /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay -o lowerdir=$ROOT,upperdir=/mnt/upper,workdir=/mnt/work overlay /mnt/root
mount -t proc proc /mnt/root/proc
mount --rbind /dev /mnt/root/dev
mount -t tmpfs tmpfs /mnt/root/run
mkdir /mnt/root/run/files
mount --bind "$FILES" /mnt/root/run/files
ip link set lo up
echo up
cat`;

export class DebianRoot {
  readonly #child: Child;

  private constructor(child: Child) {
    this.#child = child;
  }

  /** `files`: a folder that is /run/files inside. */
  static async start(release: Release, files: string): Promise<DebianRoot> {
    const env = { ...process.env, ROOT: ensureRoot(release), FILES: files };
    const namespaces = ['--mount', '--net', '--pid', '--fork', '--kill-child'];
    const child = new Child(['unshare', ...namespaces, 'sh', '-euc', SCRIPT], {
      env,
      stdin: 'pipe',
      cwd: tmpdir(),
    });
    await child.until(() => child.stdout.includes('up\n') || null, 40_000);
    return new DebianRoot(child);
  }

  /** The command that runs another one inside; `beside`: with this machine's files. */
  enter(where: 'inside' | 'beside'): string[] {
    // unshare's only child is the shell.
    const { pid } = this.#child;
    const first = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    const enter = ['nsenter', '-t', first, '--net', '--pid'];
    if (where === 'beside') return enter;
    return [
      ...enter,
      '--mount',
      '--',
      'chroot',
      '/mnt/root',
      'env',
      '-i',
      'PATH=/usr/sbin:/usr/bin:/sbin:/bin',
      'HOME=/root',
    ];
  }

  /** Runs a script as root inside. */
  try(script: string): Ended {
    const [command, ...args] = [...this.enter('inside'), 'sh', '-euc', script];
    return spawnSync(command!, args, { encoding: 'utf8', maxBuffer: 2 ** 26, timeout: 120_000 });
  }

  /** The same; throws with what it said when it fails. */
  sh(script: string): string {
    const { status, stdout, stderr } = this.try(script);
    if (status !== 0) throw new Error(`${script}\nexit code ${status}\n${stdout}${stderr}`);
    return stdout;
  }

  async stop(): Promise<void> {
    this.#child.process.stdin!.end();
    await this.#child.ended;
  }
}
