// Tools that making packages needs and that no machine has: installed once from package registries
// (Go modules, PyPI, npm) into a folder that outlives the run, and found there the next time.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Where they are: the laboratory's own tools are there too (test/lab/cluster/tools.ts). */
export const TOOLS_FOLDER = process.env.UNLOOP_LAB_TOOLS ?? join(tmpdir(), 'unloop-lab-tools');
/** Building helm from its sources takes minutes on two cores. */
const INSTALL_TIMEOUT_MS = 900_000;

const GO_MODULES = {
  helm: 'helm.sh/helm/v3/cmd/helm@v3.14.4',
  kustomize: 'sigs.k8s.io/kustomize/kustomize/v5@v5.4.3',
  nfpm: 'github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2',
  actionlint: 'github.com/rhysd/actionlint/cmd/actionlint@v1.7.12',
} as const;
const PYTHON_PACKAGES = {
  /** The schemas of Kubernetes 1.25 to 1.37 are in it. */
  'kubernetes-validate': 'kubernetes-validate==1.37.0',
  zizmor: 'zizmor==1.32.0',
  yamllint: 'yamllint==1.38.0',
} as const;
/** The Node.js that packages carry inside: of the release that is supported longest. */
export const NODE_VERSION = '24.21.0';

export type Architecture = 'amd64' | 'arm64';
/** What Node.js calls it. */
export const NODE_ARCH = { amd64: 'x64', arm64: 'arm64' } as const;

/** Runs an installer; throws with what it said when it fails. */
export function install(command: string, args: readonly string[], environment: NodeJS.ProcessEnv = {}): void {
  const env = { ...process.env, ...environment };
  execFileSync(command, args, { env, stdio: ['ignore', 'ignore', 'pipe'], timeout: INSTALL_TIMEOUT_MS });
}

/** The path of a program that is a Go module. */
export function goTool(name: keyof typeof GO_MODULES): string {
  const path = join(TOOLS_FOLDER, 'bin', name);
  if (!existsSync(path)) install('go', ['install', GO_MODULES[name]], { GOBIN: join(TOOLS_FOLDER, 'bin') });
  return path;
}

/** The path of a program that is a package of PyPI. */
export function pythonTool(name: keyof typeof PYTHON_PACKAGES): string {
  const venv = join(TOOLS_FOLDER, 'venv');
  const path = join(venv, 'bin', name);
  if (existsSync(path)) return path;
  if (!existsSync(join(venv, 'bin/pip'))) install('python3', ['-m', 'venv', venv]);
  install(join(venv, 'bin/pip'), ['install', '--quiet', PYTHON_PACKAGES[name]]);
  return path;
}

/** The folder of Node.js for an architecture: bin/node, include/node, LICENSE. */
export function nodeFor(architecture: Architecture): string {
  const name = `node-linux-${NODE_ARCH[architecture]}`;
  const folder = join(TOOLS_FOLDER, architecture === 'amd64' ? 'node24' : `node24-${architecture}`);
  const path = join(folder, 'node_modules', name);
  if (!existsSync(join(path, 'bin/node'))) {
    mkdirSync(folder, { recursive: true });
    // --force: also of another architecture than this machine's.
    install('npm', [
      'install',
      '--force',
      '--prefix',
      folder,
      '--no-audit',
      '--no-fund',
      `${name}@${NODE_VERSION}`,
    ]);
  }
  return path;
}

/** Of binutils: Debian's cross tools. */
const STRIP = { amd64: 'strip', arm64: 'aarch64-linux-gnu-strip' } as const;

/** Writes Node.js for an architecture, without what only a debugger reads. */
export function putNode(architecture: Architecture, path: string): void {
  cpSync(join(nodeFor(architecture), 'bin/node'), path);
  execFileSync(STRIP[architecture], ['--strip-all', path]);
}
