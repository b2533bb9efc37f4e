// Compiles the C files next to it for the Node.js that runs this, into build/ under the repository
// root, and the program of src/detour, which needs no Node.js. Run by `npm ci` in a clone and by
// `npm run build:native`. Downloads nothing, and never fails an install: without a compiler or
// headers it says so, and unloop uses node:dgram.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));

const FLAGS = ['-std=c11', '-O2', '-Wall', '-Wextra'];
const ADDON_FLAGS = ['-fPIC', '-shared', '-fvisibility=hidden'];

/**
 * The program that steers pods to the unloop of their node. Its file of flags hardens it, as it has
 * NET_ADMIN; compilers read such a file.
 */
const detour = join(root, 'src/detour');

/**
 * Where the headers may be: next to the running node, as configured, or as npm's `node` package
 * lays them out.
 */
function headerFolders() {
  const prefixes = [dirname(dirname(realpathSync(process.execPath))), dirname(dirname(process.execPath))];
  const { node_prefix: builtPrefix } = process.config.variables;
  if (typeof builtPrefix === 'string') prefixes.push(builtPrefix);
  const packaged = `node-${process.platform}-${process.arch}`;
  const folders = prefixes.flatMap((prefix) => [
    join(prefix, 'include/node'),
    join(dirname(prefix), packaged, 'include/node'),
    join(prefix, 'node_modules', packaged, 'include/node'),
  ]);
  const { npm_config_nodedir: nodedir } = process.env;
  return nodedir ? [join(nodedir, 'include/node'), ...folders] : folders;
}

/** Headers of another release of Node.js would compile, and then meet another libuv. */
function areOurs(folder) {
  try {
    const text = readFileSync(join(folder, 'node_version.h'), 'utf8');
    return text.match(/#define NODE_MODULE_VERSION (\d+)/)?.[1] === process.versions.modules;
  } catch {
    return false;
  }
}

/**
 * Compiles the addon to `target`, with the first of these compilers that is there; returns why it
 * could not, or an empty string.
 */
export function compileAddon(compilers, target, flags) {
  const include = headerFolders().find(areOurs);
  if (include === undefined) return `no Node.js ${process.version} headers next to ${process.execPath}`;
  return compile(compilers, import.meta.dirname, target, [...ADDON_FLAGS, '-isystem', include, ...flags]);
}

/** Compiles a folder into one file; returns why it could not, or an empty string. */
function compile(compilers, folder, target, flags) {
  const sources = readdirSync(folder)
    .filter((file) => file.endsWith('.c'))
    .map((file) => join(folder, file));
  const partial = `${target}.${process.pid}`;
  mkdirSync(dirname(target), { recursive: true });
  for (const compiler of compilers) {
    const run = spawnSync(compiler, [...FLAGS, ...flags, '-o', partial, ...sources], { encoding: 'utf8' });
    if (run.error) continue;
    if (run.status !== 0) {
      rmSync(partial, { force: true });
      return `${compiler} failed: ${run.stderr.trim().split('\n', 1)[0]}`;
    }
    if (run.stderr) process.stderr.write(run.stderr);
    // Renamed into place: a process that has the old one mapped keeps it.
    renameSync(partial, target);
    console.log(`unloop: built ${target}`);
    return '';
  }
  return `no C compiler (tried ${compilers.join(', ')})`;
}

/** Both, for this machine; says what could not be had. */
function build() {
  const compilers = process.env.CC ? [process.env.CC] : ['cc', 'gcc', 'clang'];
  const flags = (process.env.CFLAGS ?? '').split(/\s+/).filter(Boolean);
  const inBuild = (name) => join(root, 'build', name);
  const addon = inBuild(`batch-socket-${process.versions.modules}-${process.arch}.node`);
  const reason = reasonOf(() => whyNotHere() || compileAddon(compilers, addon, flags));
  if (reason) console.log(`unloop: batched UDP addon not built, node:dgram will be used: ${reason}`);
  if (process.platform !== 'linux' || !existsSync(detour)) return;
  const program = inBuild(`unloop-detour-${process.arch}`);
  const missing = reasonOf(() =>
    compile(compilers, detour, program, [`@${join(detour, 'compiler-flags')}`, ...flags]),
  );
  if (missing) console.log(`unloop: unloop-detour, for Kubernetes, not built: ${missing}`);
}

function whyNotHere() {
  if (process.env.UNLOOP_NATIVE === '0') return 'UNLOOP_NATIVE=0';
  return process.platform === 'linux' ? '' : `it needs Linux, this is ${process.platform}`;
}

/** What it returns, or the message of what it throws. */
function reasonOf(attempt) {
  try {
    return attempt();
  } catch (error) {
    return error.message;
  }
}

if (import.meta.filename === realpathSync(process.argv[1])) build();
