// A fresh Debian, with mounts, network and processes of its own: what is installed there is gone
// when it stops. Needs root.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LAB_CACHE } from '../../../bench/compare/lab-programs.ts';
import { debianMirror } from '../../../bench/compare/today.ts';
import { Child } from '../../../src/base/child-process.ts';
import { firstAnswer } from '../support/first-answer.ts';
import { type PackageFigures, seen } from '../support/package-figures.ts';

export type Release = 'bookworm' | 'trixie';

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * The smallest root that Debian calls one, and `packages`: made once by mmdebstrap, and only read.
 * Half a minute.
 */
export function ensureRoot(release: Release, packages: readonly string[] = []): string {
  const root = join(LAB_CACHE, 'debian-roots', [release, ...packages].join('-'));
  if (existsSync(root)) return root;
  const unfinished = `${root}.${process.pid}`;
  mkdirSync(join(LAB_CACHE, 'debian-roots'), { recursive: true });
  rmSync(unfinished, { recursive: true, force: true });
  const args = ['--variant=minbase', '--mode=root'];
  if (packages.length > 0) args.push(`--include=${packages.join(',')}`);
  execFileSync('mmdebstrap', [...args, release, unfinished, debianMirror()], {
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
  static async start(release: Release, files: string, packages: readonly string[] = []): Promise<DebianRoot> {
    const env = { ...process.env, ROOT: ensureRoot(release, packages), FILES: files };
    const namespaces = ['--mount', '--net', '--pid', '--fork', '--kill-child'];
    const child = new Child(['unshare', ...namespaces, 'sh', '-euc', SCRIPT], {
      env,
      stdin: 'pipe',
      cwd: tmpdir(),
    });
    await child.until(() => child.stdout.includes('up\n') || null, 40_000);
    return new DebianRoot(child);
  }

  /**
   * The command that runs another one inside; `beside`: with this machine's files; `network`: with
   * its processes too.
   */
  enter(where: 'inside' | 'beside' | 'network'): string[] {
    // unshare's only child is the shell.
    const { pid } = this.#child;
    const first = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    if (where === 'network') return ['nsenter', '-t', first, '--net'];
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

  /** Lets systemctl.mjs, which is in `files`, play systemd's part. */
  playSystemd(): void {
    this.sh('mkdir -p /run/systemd/system; install -m 755 /run/files/systemctl /run/systemctl');
    this.sh('ln -s /run/systemctl /usr/bin/systemctl');
  }

  /** The process that systemctl.mjs started for the service. */
  servicePid(): string {
    return this.sh('cat /run/units/unloop.service').trim();
  }

  /** Stops the service and starts it as its unit says; what is seen of it then. */
  async restartService(): Promise<PackageFigures> {
    this.sh('systemctl stop unloop.service');
    const answered = firstAnswer(this.enter('beside'), 5300);
    const startedMs = Date.now();
    this.sh('systemctl start unloop.service');
    const firstMs = (await answered) - startedMs;
    const status = this.sh(`cat /proc/${this.servicePid()}/status`);
    return seen(status, this.sh('cat /run/unloop.service.log'), firstMs);
  }

  /** All files, less what dpkg, rpm and the commands of the tests write themselves. */
  files(): string {
    const not = 'proc run dev tmp var/lib/dpkg var/lib/rpm var/log'
      .split(' ')
      .map((path) => `-path ./${path}`);
    const all = `find . \\( ${not.join(' -o ')} \\) -prune -o -print`;
    return this.sh(`${all} | sort | grep -v -e '^./etc/.*-$' -e '^./etc/.pwd.lock$'`);
  }

  async stop(): Promise<void> {
    this.#child.process.stdin!.end();
    await this.#child.ended;
  }
}
