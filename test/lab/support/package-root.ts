// A machine with nothing but Debian's C and C++ libraries, a shell and one release of Node.js: no
// compiler, no headers, no network but loopback, and a user who is not root. What is installed and
// run in it needs no more. Made once by mmdebstrap, kept in the cache. Needs root.
import { execFileSync, spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LAB_CACHE } from '../../../bench/compare/lab-programs.ts';
import { debianMirror } from '../../../bench/compare/today.ts';

/** The user that everything runs as: Debian's "nobody". */
export const USER = 65534;
const PACKAGES = ['libc6', 'libstdc++6', 'libatomic1', 'dash', 'coreutils', 'sed'];
const FOLDER = join(LAB_CACHE, 'package');

/** The folder of a package from npm's registry, without what it depends on. */
export function npmPackage(name: string, version: string): string {
  const prefix = join(FOLDER, `${name.replace('/', '+')}@${version}`);
  const folder = join(prefix, 'node_modules', name);
  if (!existsSync(folder)) {
    mkdirSync(prefix, { recursive: true });
    const args = ['install', '--prefix', prefix, '--no-save', '--ignore-scripts', '--no-audit', '--no-fund'];
    // Binaries of another architecture are wanted, too.
    execFileSync('npm', [...args, '--force', `${name}@${version}`], { stdio: 'pipe' });
  }
  return folder;
}

/** Unpacks these packages of Debian for an architecture: nothing of them runs. */
export function debianRoot(
  packages: readonly string[],
  architecture = 'amd64',
  release: 'bookworm' | 'trixie' = 'bookworm',
): string {
  const root = join(FOLDER, `${release}-${architecture}-${packages.join('-').replace(/[^\w-]/g, '')}`);
  if (existsSync(root)) return root;
  mkdirSync(FOLDER, { recursive: true });
  const unfinished = `${root}.${process.pid}`;
  const args = ['--variant=extract', '--mode=root', `--architectures=${architecture}`];
  args.push('--aptopt=Acquire::Check-Valid-Until "false"', `--include=${packages.join(',')}`);
  const { status, stderr } = spawnSync('mmdebstrap', [...args, release, unfinished, debianMirror()], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`mmdebstrap: ${stderr.slice(-2000)}`);
  rmSync(join(unfinished, 'etc/resolv.conf'), { force: true });
  renameSync(unfinished, root);
  return root;
}

export interface EmptyMachine {
  /** The user's folder, as seen from outside; it is /home inside. */
  readonly home: string;
  /** What to start: the machine's own network and mounts end with it. */
  command(...program: readonly string[]): string[];
  remove(): void;
}

/**
 * A machine with this Node.js; each of `folders` is seen at its path inside, read-only. `mountMore`
 * gives the shell's commands that come last before it starts.
 */
export function emptyMachine(
  node: string,
  folders: Readonly<Record<string, string>>,
  mountMore: (root: string) => string = () => '',
): EmptyMachine {
  const root = debianRoot(PACKAGES);
  const home = mkdtempSync(join(tmpdir(), 'unloop-empty-'));
  chownSync(home, USER, USER);
  const mounts = Object.entries({ ...folders, '/usr/local': node }).map(
    ([path, folder]) =>
      `mkdir -p ${root}${path}; mount --bind ${folder} ${root}${path}; mount -o remount,bind,ro ${root}${path}`,
  );
  const script = `
mount -t tmpfs tmpfs ${root}/tmp
mkdir -p ${root}/home ${root}/proc
mount --bind ${home} ${root}/home
mount --rbind /proc ${root}/proc
mount --rbind /dev ${root}/dev
${mounts.join('\n')}
${mountMore(root)}
ip link set lo up
exec chroot --userspec=${USER}:${USER} ${root} env -i HOME=/home PATH=/usr/local/bin:/usr/bin:/bin "$@"`;
  return {
    home,
    command: (...program) => [
      'unshare',
      '--mount',
      '--net',
      '--propagation',
      'private',
      'sh',
      '-ec',
      script,
      'sh',
      ...program,
    ],
    remove: () => rmSync(home, { recursive: true, force: true }),
  };
}
