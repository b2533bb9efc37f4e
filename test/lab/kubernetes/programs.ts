// The programs of the node: Kubernetes is built from its Go modules, the container runtime and the
// tools of the network are Debian's packages, unpacked and not installed.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { debianMirror } from '../../../bench/compare/today.ts';
import { KUBERNETES_CACHE, KUBERNETES_VERSION } from './versions.ts';

/** The names that the one program of Kubernetes knows: control-plane/main.go. */
export const KUBERNETES_PROGRAMS = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-proxy',
  'kube-scheduler',
  'kubeadm',
  'kubectl',
  'kubelet',
] as const;

const DEBIAN_PACKAGES = [
  'busybox-static',
  'conntrack',
  'containerd',
  'containernetworking-plugins',
  'iptables',
  'nftables',
  'runc',
];
/** The release whose containerd and runc are known to run without CAP_SYS_RESOURCE. */
const DEBIAN_RELEASE = 'bookworm';
/** Nearly ten minutes of two CPUs for Kubernetes; others may use the machine as well. */
const BUILD_TIMEOUT_MS = 3_000_000;

/** Kubernetes as one program. Minutes and 2.4 GB of memory for the linker, once. */
export function ensureKubernetes(): string {
  const program = join(KUBERNETES_CACHE, 'kubernetes');
  if (existsSync(program)) return program;
  // The copy is where Go writes its go.sum.
  const folder = join(KUBERNETES_CACHE, 'control-plane');
  mkdirSync(folder, { recursive: true });
  for (const file of ['main.go', 'go.mod']) {
    cpSync(join(import.meta.dirname, 'control-plane', file), join(folder, file));
  }
  // Without them the API server calls itself v0.0.0-master, and kubeadm refuses it.
  const [major, minor] = KUBERNETES_VERSION.slice(1).split('.');
  const version = { gitVersion: KUBERNETES_VERSION, gitMajor: major, gitMinor: minor, gitTreeState: 'clean' };
  const variables = Object.entries({ ...version, gitCommit: 'unloop', buildDate: '2026-01-01T00:00:00Z' })
    .map(([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`)
    .join(' ');
  const unfinished = `${program}.unfinished`;
  execFileSync('go', ['build', '-trimpath', '-ldflags', `-s -w ${variables}`, '-o', unfinished, '.'], {
    cwd: folder,
    env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-mod=mod' },
    stdio: ['ignore', 'inherit', 'inherit'],
    timeout: BUILD_TIMEOUT_MS,
  });
  renameSync(unfinished, program);
  return program;
}

/** The root of the unpacked packages: nothing of them has run. */
export function ensureDebianRoot(): string {
  const root = join(KUBERNETES_CACHE, DEBIAN_RELEASE);
  if (existsSync(root)) return root;
  const unfinished = `${root}.unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(KUBERNETES_CACHE, { recursive: true });
  const args = ['--variant=extract', '--mode=root', '--aptopt=Acquire::Check-Valid-Until "false"'];
  args.push(`--include=${DEBIAN_PACKAGES.join(',')}`, DEBIAN_RELEASE, unfinished, debianMirror());
  const { status, stderr } = spawnSync('mmdebstrap', args, { encoding: 'utf8', timeout: 600_000 });
  if (status !== 0) throw new Error(`the laboratory's node needs Debian's packages: ${stderr.slice(-2_000)}`);
  // update-alternatives would have made them.
  for (const name of ['iptables', 'ip6tables']) {
    for (const part of ['', '-save', '-restore']) {
      symlinkSync('xtables-nft-multi', join(unfinished, 'usr/sbin', `${name}${part}`));
    }
  }
  renameSync(unfinished, root);
  return root;
}
