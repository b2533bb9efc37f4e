// A Kubernetes node in namespaces of its own: kubeadm's control plane, kubelet, kube-proxy,
// containerd, and systemd-resolved in front of one DNS server that knows every name. Needs root.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { COREDNS_BINARY, ensureCoredns } from '../../../bench/compare/build-coredns.ts';
import { today } from '../../../bench/compare/today.ts';
import { REPOSITORY } from '../../../packaging/image/image-tree.ts';
import { goTool } from '../../../packaging/tools.ts';
import { ensureImages } from './images.ts';
import { type Family, kubeadmConfig, kubeProxyConfig, type ProxyMode } from './kubeadm-config.ts';
import { ensureDebianRoot, ensureKubernetes, KUBERNETES_PROGRAMS } from './programs.ts';

/**
 * The world's DNS servers: every outside name exists, and its address tells which server was asked.
 */
export const WORLD = {
  /** That systemd-resolved asks: behind the node's stub. */
  resolver: { addresses: { 4: '10.91.1.2', 6: 'fd00:91::2' }, answers: { 4: '192.0.2.2', 6: '2001:db8::2' } },
  /** Another one, for what the pages call SERVER, and for a node that changes its resolver. */
  other: { addresses: { 4: '10.91.1.3', 6: 'fd00:91::3' }, answers: { 4: '192.0.2.3', 6: '2001:db8::3' } },
} as const;
export type WorldServer = keyof typeof WORLD;

/** A short life: no cache keeps alive what does not resolve. */
function worldCorefile(family: Family): string {
  const block = ({ addresses, answers }: (typeof WORLD)[WorldServer]) => `.:53 {
    bind ${addresses[family]}
    template IN A {
        answer "{{ .Name }} 5 IN A ${answers[4]}"
    }
    template IN AAAA {
        answer "{{ .Name }} 5 IN AAAA ${answers[6]}"
    }
    template IN ANY {
        rcode NOERROR
    }
}
`;
  return block(WORLD.resolver) + block(WORLD.other);
}
const COMMAND_TIMEOUT_MS = 120_000;
const KUBEADM_TIMEOUT_MS = 240_000;

export interface Result {
  readonly status: number;
  /** Standard output and error, in this order. */
  readonly out: string;
}

export class KubernetesNode {
  readonly folder: string;
  readonly family: Family;
  readonly #keeper: ChildProcess;
  /** The node's first process, as this machine numbers it. */
  readonly #pid: string;
  readonly #environment: NodeJS.ProcessEnv;

  private constructor(folder: string, family: Family, keeper: ChildProcess, pid: string) {
    this.folder = folder;
    this.family = family;
    this.#keeper = keeper;
    this.#pid = pid;
    this.#environment = {
      ...nodeEnvironment(folder, family),
      KUBECONFIG: '/etc/kubernetes/admin.conf',
      CONTAINERD_NAMESPACE: 'k8s.io',
      HOME: '/run/node',
    };
  }

  /** From nothing to a node whose kubelet is Ready; CoreDNS need not be. */
  static async start(options: { proxy?: ProxyMode; family?: Family } = {}): Promise<KubernetesNode> {
    const { proxy = 'nftables', family = 4 } = options;
    const archives = await ensureImages();
    const folder = mkdtempSync(join(tmpdir(), 'unloop-k8s-'));
    layOutFolder(folder, proxy, family);
    const keeper = spawn(
      join(import.meta.dirname, 'keeper.sh'),
      [folder, join(import.meta.dirname, 'node.sh')],
      {
        env: nodeEnvironment(folder, family),
        // Its standard input ends when this process does, however it does.
        stdio: ['pipe', 'pipe', 'pipe'],
        // Not ended with the test's process group: it has to clean up.
        detached: true,
      },
    );
    const node = new KubernetesNode(folder, family, keeper, await firstProcess(keeper));
    try {
      await Promise.all(archives.map((archive) => node.sh(`ctr images import ${archive}`)));
      await node.#kubeadmInit();
    } catch (error) {
      await node.stop();
      throw error;
    }
    return node;
  }

  async #kubeadmInit(): Promise<void> {
    await this.sh('touch /run/node/kubelet.on');
    const init = `kubeadm init --config ${this.folder}/kubeadm.yaml`;
    // Of this machine: swap, cgroup v1, no systemctl. kube-proxy is not a pod here.
    await this.sh(`${init} --ignore-preflight-errors=all --skip-phases=addon/kube-proxy`, KUBEADM_TIMEOUT_MS);
    await this.sh(
      `setsid kube-proxy --config ${this.folder}/kube-proxy.yaml > /var/log/kube-proxy.log 2>&1 &`,
    );
  }

  /** Runs a script in the node, in the repository's directory, and says how it ended. */
  try(script: string, timeoutMs = COMMAND_TIMEOUT_MS): Promise<Result> {
    const enter = ['-t', this.#pid, '-m', '-n', '-p', '-u', '-i', '-C', `--wdns=${REPOSITORY}`];
    const options = { env: this.#environment, timeout: timeoutMs, maxBuffer: 2 ** 26 };
    return new Promise((resolve) => {
      const child = execFile(
        'nsenter',
        [...enter, '--', 'sh', '-euc', script],
        options,
        (error, stdout, stderr) => {
          const late = error?.killed === true ? `\nended after ${timeoutMs} ms` : '';
          resolve({ status: error === null ? 0 : (child.exitCode ?? 1), out: `${stdout}${stderr}${late}` });
        },
      );
      child.stdin!.end();
    });
  }

  /** Runs a script in the node to its end; throws with what it said when it fails. */
  async sh(script: string, timeoutMs?: number): Promise<string> {
    const { status, out } = await this.try(script, timeoutMs);
    if (status !== 0) throw new Error(`${script}\nexit code ${status}\n${out}`);
    return out;
  }

  /** Ends the node and takes all of it away. */
  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#keeper.once('exit', resolve));
    if (this.#keeper.exitCode === null) {
      this.#keeper.stdin!.end();
      await ended;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** The number that the keeper tells once the node is up. */
function firstProcess(keeper: ChildProcess): Promise<string> {
  let said = '';
  return new Promise((resolve, reject) => {
    for (const stream of [keeper.stdout!, keeper.stderr!]) {
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        said += chunk;
        const pid = /^node (\d+)/m.exec(said)?.[1];
        if (pid !== undefined) resolve(pid);
      });
    }
    keeper.once('exit', (code) => reject(new Error(`the node did not start (exit code ${code}): ${said}`)));
  });
}

/** The node's programs by name, and the files that it starts with. */
function layOutFolder(folder: string, proxy: ProxyMode, family: Family): void {
  const programs = join(folder, 'programs');
  mkdirSync(programs);
  for (const name of KUBERNETES_PROGRAMS) symlinkSync(ensureKubernetes(), join(programs, name));
  symlinkSync(goTool('helm'), join(programs, 'helm'));
  symlinkSync(join(import.meta.dirname, 'systemctl.sh'), join(programs, 'systemctl'));
  ensureCoredns();
  writeFileSync(join(folder, 'Corefile'), worldCorefile(family));
  writeFileSync(join(folder, 'kubeadm.yaml'), kubeadmConfig(family));
  writeFileSync(join(folder, 'kube-proxy.yaml'), kubeProxyConfig(proxy, family));
}

function nodeEnvironment(folder: string, family: Family): NodeJS.ProcessEnv {
  const root = ensureDebianRoot();
  const programs = join(folder, 'programs');
  const libraries = join(root, 'usr/lib', process.arch === 'x64' ? 'x86_64-linux-gnu' : 'aarch64-linux-gnu');
  return {
    FOLDER: folder,
    PROGRAMS: programs,
    ROOT: root,
    RESOLVED: today('systemd-resolved').command,
    COREDNS: COREDNS_BINARY,
    FAMILY: String(family),
    // The machine's own programs first: Debian's unpacked ones only where it has none.
    PATH: `${programs}:/usr/sbin:/usr/bin:/sbin:/bin:${root}/usr/sbin:${root}/usr/bin`,
    LD_LIBRARY_PATH: libraries,
    XTABLES_LIBDIR: join(libraries, 'xtables'),
  };
}
