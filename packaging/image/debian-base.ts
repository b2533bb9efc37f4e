// What the image stands on here: the packages of Debian 12 that distroless/cc is made of, as far as
// Node.js needs them, unpacked. Nothing of them runs, so any architecture's will do. apt checks
// Debian's signatures.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LAB_CACHE } from '../../bench/compare/lab-programs.ts';
import { debianMirror } from '../../bench/compare/today.ts';
import type { Architecture } from '../tools.ts';

/** distroless/cc has libssl3 and libgomp1 besides. Node.js brings its own OpenSSL. */
const PACKAGES = [
  'base-files',
  'ca-certificates',
  'gcc-12-base',
  'libc6',
  'libgcc-s1',
  'libstdc++6',
  'netbase',
  'tzdata',
];
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
/** Of each package, what nothing in the image reads. */
const LEFT_OUT = [
  'usr/share/doc/*/[!c]*',
  'usr/share/doc/*/changelog*',
  'usr/share/man',
  'usr/share/info',
  'usr/share/lintian',
  'usr/share/common-licenses',
  'usr/share/gcc',
  'usr/share/gdb',
  'usr/share/zoneinfo/posix',
  'usr/share/zoneinfo/right',
  'usr/lib/*/gconv',
  'usr/lib/locale',
  'etc/update-motd.d',
  'etc/default',
  'etc/profile.d',
];
const LEFT_IN_ROOT = [
  'boot',
  'home',
  'media',
  'mnt',
  'opt',
  'srv',
  'usr/games',
  'usr/src',
  'usr/sbin',
  'sbin',
];

export interface DebianPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
}

/** Fetches an architecture's packages, once a month, and returns the folder of the .deb files. */
function ensurePackages(architecture: Architecture): string {
  const month = new Date().toISOString().slice(0, 7);
  const key = createHash('sha256').update(PACKAGES.join()).digest('hex').slice(0, 8);
  const name = `debian-12-${architecture}-${month}-${key}`;
  const folder = join(LAB_CACHE, 'image-base', name);
  if (existsSync(folder)) return folder;
  const unfinished = `${folder}.${process.pid}`;
  mkdirSync(join(unfinished, 'apt/lists/partial'), { recursive: true });
  mkdirSync(join(unfinished, 'apt/cache/archives/partial'), { recursive: true });
  const mirror = debianMirror();
  const line = (site: string, suite: string) =>
    `deb [arch=${architecture} signed-by=${KEYRING}] ${site} ${suite} main\n`;
  writeFileSync(
    join(unfinished, 'apt/sources.list'),
    line(mirror, 'bookworm') + line(`${mirror}-security`, 'bookworm-security'),
  );
  writeFileSync(join(unfinished, 'apt/status'), '');
  const settings = {
    'APT::Architecture': architecture,
    'APT::Architectures': architecture,
    'APT::Sandbox::User': 'root',
    'Dir::Etc::sourcelist': join(unfinished, 'apt/sources.list'),
    'Dir::Etc::sourceparts': '/dev/null',
    'Dir::Etc::trusted': '/dev/null',
    'Dir::Etc::trustedparts': '/dev/null',
    'Dir::State::lists': join(unfinished, 'apt/lists'),
    'Dir::State::status': join(unfinished, 'apt/status'),
    'Dir::Cache': join(unfinished, 'apt/cache'),
    'Acquire::Languages': 'none',
  };
  const options = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  const apt = (...args: string[]) =>
    execFileSync('apt-get', ['-q', ...options, ...args], {
      cwd: unfinished,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
  apt('update');
  apt('download', ...PACKAGES);
  rmSync(join(unfinished, 'apt'), { recursive: true });
  renameSync(unfinished, folder);
  return folder;
}

/**
 * Lays the packages out in a tree, with a user for the program, and says which they are. Scanners
 * find them in var/lib/dpkg/status.d, as in distroless.
 */
export function layOutDebian(root: string, architecture: Architecture): DebianPackage[] {
  const folder = ensurePackages(architecture);
  const status = join(root, 'var/lib/dpkg/status.d');
  const packages = readdirSync(folder)
    .sort()
    .map((file) => {
      const archive = join(folder, file);
      execFileSync('dpkg-deb', ['-x', archive, root]);
      const control = execFileSync('dpkg-deb', ['-f', archive], { encoding: 'utf8' });
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(control)![1]!;
      const name = field('Package');
      mkdirSync(status, { recursive: true });
      writeFileSync(join(status, name), control);
      return { name, version: field('Version'), architecture: field('Architecture') };
    });
  makeBundle(root);
  const paths = [...LEFT_OUT, ...LEFT_IN_ROOT].join(' ');
  execFileSync('sh', ['-euc', `rm -rf ${paths}; find . -type d -empty -not -path ./tmp -delete`], {
    cwd: root,
  });
  for (const name of ['proc', 'dev', 'tmp', 'etc']) mkdirSync(join(root, name), { recursive: true });
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0:root:/:/none\nnonroot:x:65532:65532:nonroot:/:/none\n');
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\nnonroot:x:65532:\n');
  writeFileSync(join(root, 'etc/nsswitch.conf'), 'hosts: files dns\n');
  return packages;
}

/** What update-ca-certificates would make. */
function makeBundle(root: string): void {
  const certificates = join(root, 'usr/share/ca-certificates/mozilla');
  const bundle = readdirSync(certificates)
    .sort()
    .map((name) => readFileSync(join(certificates, name), 'utf8').trimEnd());
  mkdirSync(join(root, 'etc/ssl/certs'), { recursive: true });
  writeFileSync(join(root, 'etc/ssl/certs/ca-certificates.crt'), `${bundle.join('\n')}\n`);
  rmSync(join(root, 'usr/share/ca-certificates'), { recursive: true });
  rmSync(join(root, 'etc/ca-certificates'), { recursive: true, force: true });
}
