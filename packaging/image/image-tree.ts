// The tree of unloop's image: the instructions of the Dockerfile, carried out in directory trees
// without Docker. Needs root.
//
// In place of node:24-bookworm stand this machine's system folders (read-only) with Node 24 in
// /usr/local; in place of distroless its Debian packages (debian-base.ts).
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
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { findRootFolder } from '../../src/base/root-folder.ts';
import { nodeFor, putNode } from '../tools.ts';
import { type DebianPackage, layOutDebian } from './debian-base.ts';
import { parseDockerfile, type Stage } from './dockerfile.ts';

export const REPOSITORY = findRootFolder();
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
  cpSync(nodeFor('amd64'), folder, { recursive: true });
  const npm = execFileSync('sh', ['-c', 'readlink -f "$(command -v npm)"'], { encoding: 'utf8' }).trim();
  symlinkSync(isSeenInside(npm) ? npm : copyNpm(npm, folder), join(folder, 'bin/npm'));
}

/** Whether the build stage has that file: it has this machine's /usr, but for /usr/local. */
function isSeenInside(path: string): boolean {
  return path.startsWith('/usr/') && !path.startsWith('/usr/local/');
}

/** Copies npm beside Node.js, where that has its own. Returns the program, from bin. */
function copyNpm(program: string, folder: string): string {
  const target = join(folder, 'lib/node_modules/npm');
  rmSync(target, { recursive: true, force: true });
  cpSync(dirname(dirname(program)), target, { recursive: true });
  return '../lib/node_modules/npm/bin/npm-cli.js';
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

/** The image's tree, and what Debian's part of it is. */
export interface ImageTree {
  readonly root: string;
  readonly packages: readonly DebianPackage[];
}

/** Carries the Dockerfile out below a folder. */
export function layOutImage(work: string): ImageTree {
  const { build, final } = dockerfileStages();
  const [node, buildRoot, root] = ['node', 'build', 'image'].map((name) => join(work, name)) as [
    string,
    string,
    string,
  ];
  layOutNode(node);
  mkdirSync(buildRoot);
  mkdirSync(root);
  runStage(build, buildRoot, node, new Map());
  const packages = layOutDebian(root, 'amd64');
  runStage(final, root, node, new Map([[build.name, buildRoot]]));
  rmSync(join(root, 'root'), { recursive: true });
  return { root, packages };
}

/**
 * The same for arm64: the program is the same on each architecture. Node.js, the addon and Debian's
 * packages are those of arm64; nothing of them runs here.
 */
export function layOutArm64(work: string, amd64: ImageTree): ImageTree {
  const root = join(work, 'image-arm64');
  mkdirSync(root);
  const packages = layOutDebian(root, 'arm64');
  mkdirSync(join(root, 'usr/local/bin'), { recursive: true });
  sh(
    `cp -a ${amd64.root}/app ${root}/app && cp -a ${amd64.root}/usr/local/bin/unloop ${root}/usr/local/bin/`,
  );
  rmSync(join(root, 'app/build'), { recursive: true });
  const addon = 'prebuilds/linux-arm64/batch-socket.node';
  cpSync(join(REPOSITORY, addon), join(root, 'app', addon));
  const [node, detour] = ['node', 'unloop-detour'].map((name) => join(root, 'usr/local/bin', name));
  putNode('arm64', node!);
  const source = join(REPOSITORY, 'src/detour');
  sh(`aarch64-linux-gnu-gcc -std=c11 -O2 -s @${source}/compiler-flags -o ${detour} ${source}/*.c`);
  sh(
    `chmod -R a=rX,u+w ${root}/app && chmod 755 ${node} ${detour} && setcap cap_net_bind_service=+p ${node}`,
  );
  return { root, packages };
}
