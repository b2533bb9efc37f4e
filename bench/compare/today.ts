// Today's DNS servers: Debian sid's packages, unpacked into a root of their own, so that nothing on
// this machine is replaced. The root is made once a month by apt and mmdebstrap, from the mirror
// that this machine's apt uses (10 s), and is kept in the cache. Its programs start as if they were
// installed: the path that today() names is a script that enters the root.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LAB_CACHE, LAB_PROGRAMS } from './lab-programs.ts';

interface Program {
  /** Debian's package of it. */
  readonly package: string;
  /** In the root. */
  readonly path: string;
  /** What makes it say its version, and where the version is in what it says. */
  readonly versionArgument: string;
  readonly versionPattern: RegExp;
}

const PROGRAMS = {
  dnsdist: {
    package: 'dnsdist',
    path: '/usr/bin/dnsdist',
    versionArgument: '--version',
    versionPattern: /^dnsdist (\S+)/m,
  },
  dnsmasq: {
    package: 'dnsmasq-base',
    path: '/usr/sbin/dnsmasq',
    versionArgument: '--version',
    versionPattern: /^Dnsmasq version (\S+)/m,
  },
  kresd: {
    package: 'knot-resolver6',
    path: '/usr/sbin/kresd',
    versionArgument: '--version',
    versionPattern: /^Knot Resolver, version (\S+)/m,
  },
  named: {
    package: 'bind9',
    path: '/usr/sbin/named',
    versionArgument: '-v',
    versionPattern: /^BIND ([\d.]+)/m,
  },
  smartdns: {
    package: 'smartdns',
    path: '/usr/sbin/smartdns',
    versionArgument: '-v',
    versionPattern: /^smartdns (\d+[\d.]*)/m,
  },
  'systemd-resolved': {
    package: 'systemd-resolved',
    path: '/usr/lib/systemd/systemd-resolved',
    versionArgument: '--version',
    versionPattern: /^systemd (\d+)/m,
  },
  unbound: {
    package: 'unbound',
    path: '/usr/sbin/unbound',
    versionArgument: '-V',
    versionPattern: /^Version (\S+)/m,
  },
} as const satisfies Readonly<Record<string, Program>>;

export type TodaysName = keyof typeof PROGRAMS;
export const TODAYS_NAMES = Object.keys(PROGRAMS) as readonly TodaysName[];

export interface TodaysProgram {
  /**
   * Start this in place of the program, with the same arguments; it keeps its process ID. Needs
   * root.
   */
  readonly command: string;
  /** As the program itself says. */
  readonly version: string;
}

const PACKAGES = [...new Set(Object.values(PROGRAMS).map((program) => program.package))].sort();
const ROOTS = join(LAB_CACHE, 'sid');

/** Users that the programs look for; the packages' scripts, which would make them, do not run. */
export const USERS = { root: 0, nobody: 65534, 'systemd-resolve': 64053, 'knot-resolver': 64054 };

/**
 * Enters the root and becomes the program. The mounts are this process's alone and end with it. It
 * sees the host's temporary directory, where the tests write configurations, and /proc; /run is its
 * own, or the folder that UNLOOP_LAB_RUN names.
 */
const enter = (root: string, path: string) => `#!/bin/sh
exec unshare --mount --propagation private sh -ec '
mount --rbind /proc ${root}/proc
if [ -n "$UNLOOP_LAB_RUN" ]; then mount --bind "$UNLOOP_LAB_RUN" ${root}/run; else mount -t tmpfs tmpfs ${root}/run; fi
mkdir -p ${root}${tmpdir()}
mount --rbind ${tmpdir()} ${root}${tmpdir()}
exec chroot ${root} ${path} "$@"' ${path} "$@"
`;

const known = new Map<TodaysName, TodaysProgram>();

/** A program of Debian sid, ready to start. */
export function today(name: TodaysName): TodaysProgram {
  let program = known.get(name);
  if (program === undefined) {
    const command = join(ensureTodaysRoot(), 'start', name);
    program = { command, version: versionOf(name, command) };
    known.set(name, program);
  }
  return program;
}

function versionOf(name: TodaysName, command: string): string {
  const { versionArgument, versionPattern } = PROGRAMS[name];
  const { stdout, stderr } = spawnSync(command, [versionArgument], { encoding: 'utf8' });
  const version = versionPattern.exec(`${stdout}${stderr}`)?.[1];
  if (version === undefined) throw new Error(`${command} does not say its version: ${stdout}${stderr}`);
  return version;
}

/** Makes the root unless this month's is there. Throws one line that says what could not be had. */
export function ensureTodaysRoot(): string {
  const recipe = createHash('sha256')
    .update(JSON.stringify([PROGRAMS, USERS, enter('/', '/')]))
    .digest('hex');
  const name = `${new Date().toISOString().slice(0, 7)}-${recipe.slice(0, 8)}`;
  const root = join(ROOTS, name);
  if (existsSync(root)) return root;
  mkdirSync(ROOTS, { recursive: true });
  const unfinished = join(ROOTS, `unfinished-${process.pid}`);
  try {
    unpack(unfinished);
    fillIn(unfinished, root);
    renameSync(unfinished, root);
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true });
    if (existsSync(root)) return root;
    throw error;
  }
  mkdirSync(LAB_PROGRAMS, { recursive: true });
  for (const program of TODAYS_NAMES) {
    rmSync(join(LAB_PROGRAMS, program), { force: true });
    symlinkSync(join(root, 'start', program), join(LAB_PROGRAMS, program));
  }
  // Last month's.
  for (const other of readdirSync(ROOTS)) {
    if (other !== name) rmSync(join(ROOTS, other), { recursive: true, force: true });
  }
  return root;
}

/**
 * Downloads the packages and what they need, checks apt's signatures, and takes them apart: nothing
 * of them runs.
 */
function unpack(folder: string): void {
  // A mirror that lags behind is as good: sid's index is signed, but says that it expires after a
  // week.
  const args = ['--variant=extract', '--mode=root', '--aptopt=Acquire::Check-Valid-Until "false"'];
  args.push(`--include=${PACKAGES.join(',')}`, 'sid', folder, debianMirror());
  const { status, error, stderr } = spawnSync('mmdebstrap', args, { encoding: 'utf8', timeout: 600_000 });
  if (status === 0) return;
  const why = error?.message ?? stderr.split('\n').filter((line) => line.startsWith('E: '))[0] ?? stderr;
  throw new Error(`The laboratory needs today's DNS servers from Debian sid and cannot have them: ${why}`);
}

/** Where this machine's apt gets Debian's packages from. */
export function debianMirror(): string {
  const output = execFileSync('apt-get', [
    'indextargets',
    '--format',
    '$(SITE)',
    'Created-By: Packages',
    'Origin: Debian',
    'Label: Debian',
  ]);
  const [mirror] = String(output).split('\n');
  if (mirror === undefined || mirror === '') {
    throw new Error("apt knows no Debian mirror for today's DNS servers. Run: apt-get update");
  }
  return mirror;
}

/**
 * What the packages' scripts, or packages that nobody depends on, would have added; and the scripts
 * that start the programs.
 */
function fillIn(folder: string, root: string): void {
  for (const part of ['bin', 'sbin', 'lib', 'lib64']) {
    if (!existsSync(join(folder, part))) symlinkSync(`usr/${part}`, join(folder, part));
  }
  for (const part of ['proc', 'run', 'start']) mkdirSync(join(folder, part), { recursive: true });
  const users = Object.entries(USERS);
  const line = (name: string, id: number) => `${name}:x:${id}:${id}::/:/usr/sbin/nologin\n`;
  writeFileSync(join(folder, 'etc/passwd'), users.map(([name, id]) => line(name, id)).join(''));
  writeFileSync(join(folder, 'etc/group'), users.map(([name, id]) => `${name}:x:${id}:\n`).join(''));
  // mmdebstrap has copied this machine's.
  rmSync(join(folder, 'etc/resolv.conf'), { force: true });
  for (const name of TODAYS_NAMES) {
    writeFileSync(join(folder, 'start', name), enter(root, PROGRAMS[name].path), { mode: 0o755 });
  }
}
