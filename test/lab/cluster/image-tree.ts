// The tree of unloop's image: the instructions of the Dockerfile, carried out in directory trees
// without Docker. Needs root.
//
// Stand-ins: for node:24-bookworm this machine's system folders (read-only) with Node 24 in
// /usr/local; for distroless the shared libraries that node needs, a passwd and certificates.
import { execFileSync, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseDockerfile, type Stage } from './dockerfile.ts';
import { node24 } from './tools.ts';

export const REPOSITORY = fileURLToPath(new URL('../../../', import.meta.url));
/** "nonroot" of distroless. */
export const IMAGE_USER = '65532';

/** The Dockerfile's two stages. */
export function dockerfileStages(): { build: Stage; final: Stage } {
  const stages = parseDockerfile(readFileSync(join(REPOSITORY, 'Dockerfile'), 'utf8'));
  const [build, final] = stages as [Stage, Stage];
  return { build, final };
}

/** Runs a script to its end; throws with what it said when it fails. */
export function sh(script: string, options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}): string {
  const result = spawnSync('sh', ['-euc', script], { encoding: 'utf8', maxBuffer: 2 ** 26, ...options });
  if (result.status !== 0) throw new Error(`${script}\n${result.stdout}\n${result.stderr}`);
  return result.stdout;
}

/** Mounts of the build stage, made in a mount namespace that ends with the command. */
function mounts(root: string, node: string): string {
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
  lines.push(`mount --bind ${node} ${root}/usr/local`, `mount -t proc proc ${root}/proc`);
  lines.push(`mount --rbind /dev ${root}/dev`);
  return lines.join('\n');
}

/** Node 24 and npm, as /usr/local of the official image has them. */
function layOutNode(folder: string): void {
  cpSync(node24(), folder, { recursive: true });
  const npm = execFileSync('sh', ['-c', 'readlink -f "$(command -v npm)"'], { encoding: 'utf8' }).trim();
  symlinkSync(npm, join(folder, 'bin/npm'));
}

function runStage(stage: Stage, root: string, node: string, others: ReadonlyMap<string, string>): void {
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
      const script = `${mounts(root, node)}\nexec chroot ${root} /bin/sh -c 'cd ${folder} && ${text.replaceAll("'", `'\\''`)}'`;
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
  writeFileSync(
    join(root, 'etc/passwd'),
    `root:x:0:0::/:/none\nnonroot:x:${IMAGE_USER}:${IMAGE_USER}::/:/none\n`,
  );
  writeFileSync(join(root, 'etc/nsswitch.conf'), 'hosts: files dns\n');
  for (const folder of ['proc', 'dev', 'tmp', 'etc/unloop'])
    mkdirSync(join(root, folder), { recursive: true });
}

/** Carries the Dockerfile out below a folder, and returns where the image's tree is. */
export function layOutImage(work: string): string {
  const { build, final } = dockerfileStages();
  const [node, buildRoot, image] = ['node', 'build', 'image'].map((name) => join(work, name)) as [
    string,
    string,
    string,
  ];
  layOutNode(node);
  mkdirSync(buildRoot);
  mkdirSync(image);
  runStage(build, buildRoot, node, new Map());
  layOutDistroless(image);
  runStage(final, image, node, new Map([[build.name, buildRoot]]));
  rmSync(join(image, 'root'), { recursive: true });
  return image;
}
