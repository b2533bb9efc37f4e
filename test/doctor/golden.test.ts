// Whole reports over saved trees of nodes: fixtures/<name>/tree is the node's root. A Corefile and
// an unloop.yaml may be beside it, and fixtures/<name>/pod has the files of the pod that the doctor
// runs in. UPDATE_GENERATED=1 writes the golden files again: read the difference before you commit
// it.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { parseDoctorFlags } from '../../src/doctor/flags.ts';
import { examine } from '../../src/doctor/main.ts';
import { renderText } from '../../src/doctor/render-text.ts';
import { type DoctorRun, runDoctor } from './run-doctor.ts';

const FIXTURES = relative(process.cwd(), join(import.meta.dirname, 'fixtures'));

/** What each case must come to, whatever the golden files say. */
const VERDICTS: Readonly<Record<string, readonly [string, number]>> = {
  'adguard-home': ['unknown', 2],
  'adguard-home-loop': ['loops', 1],
  alpine: ['unknown', 2],
  bottlerocket: ['healthy', 0],
  'bottlerocket-loop': ['wouldLoop', 1],
  'chart-mounts': ['unknown', 2],
  'chart-mounts-pod': ['healthy', 0],
  'chart-mounts-pod-stub': ['wouldLoop', 1],
  'corefile-itself': ['loops', 1],
  'corefile-stub': ['loops', 1],
  'dnscrypt-proxy': ['healthy', 0],
  'dnscrypt-proxy-stub': ['wouldLoop', 1],
  'ec2-local-cache': ['unknown', 2],
  'eks-al2023': ['healthy', 0],
  'eks-al2023-cache': ['wouldLoop', 1],
  empty: ['unknown', 2],
  flatcar: ['healthy', 0],
  'flatcar-stub': ['wouldLoop', 1],
  k0s: ['healthy', 0],
  'k0s-stub': ['wouldLoop', 1],
  k3s: ['healthy', 0],
  'k3s-public-resolver': ['healthy', 0],
  'k3s-stub': ['wouldLoop', 1],
  'kubeadm-cured': ['healthy', 0],
  'kubeadm-cured-by-flag': ['healthy', 0],
  'kubeadm-flag-wrong': ['wouldLoop', 1],
  'kubeadm-stub': ['wouldLoop', 1],
  'kubelet-broken': ['unknown', 2],
  'kubelet-flags-only': ['wouldLoop', 1],
  'kubelet-no-resolv-conf': ['wouldLoop', 1],
  'kubelet-running': ['healthy', 0],
  'kubelet-running-stub': ['wouldLoop', 1],
  'kubelet-wrapped': ['unknown', 2],
  kubespray: ['healthy', 0],
  'kubespray-loop': ['loops', 1],
  microk8s: ['healthy', 0],
  'microk8s-stub': ['wouldLoop', 1],
  missing: ['unknown', 2],
  'nat-vm': ['healthy', 0],
  'node-local-dns': ['healthy', 0],
  'node-local-dns-alone': ['unknown', 2],
  'node-local-dns-loop': ['loops', 1],
  'node-uses-cluster-dns': ['wouldLoop', 1],
  'node-uses-cluster-dns-known': ['healthy', 0],
  openshift: ['healthy', 0],
  'openshift-loop': ['wouldLoop', 1],
  pihole: ['healthy', 0],
  'pihole-loop': ['loops', 1],
  rke2: ['healthy', 0],
  'rke2-stub': ['wouldLoop', 1],
  'search-list': ['healthy', 0],
  'stub-listener-extra': ['healthy', 0],
  'stub-listener-extra-loop': ['loops', 1],
  tailscale: ['healthy', 0],
  'tailscale-loop': ['wouldLoop', 1],
  talos: ['healthy', 0],
  'talos-dhcp': ['unknown', 2],
  'talos-loop': ['wouldLoop', 1],
  'ubuntu-dnsmasq': ['unknown', 2],
  'ubuntu-split-dns': ['unknown', 2],
  'ubuntu-stub': ['unknown', 2],
  unbound: ['healthy', 0],
  'unbound-stub': ['wouldLoop', 1],
  'unloop-as-upstream': ['healthy', 0],
  'unloop-faulty': ['wouldLoop', 1],
  'unloop-in-pods': ['healthy', 0],
  'unloop-node-local': ['healthy', 0],
  'unloop-own-pod': ['healthy', 0],
  'unloop-sidecar': ['healthy', 0],
  unreadable: ['unknown', 2],
};

beforeEach(() => {
  vi.stubEnv('NO_COLOR', '1');
  vi.stubEnv('KUBERNETES_SERVICE_HOST', '');
});
afterEach(() => {
  vi.unstubAllEnvs();
});

function argumentsOf(name: string): string[] {
  const args = ['--root', `${FIXTURES}/${name}/tree`];
  const corefile = `${FIXTURES}/${name}/Corefile`;
  const config = `${FIXTURES}/${name}/unloop.yaml`;
  if (existsSync(corefile)) args.push('--corefile', corefile);
  if (existsSync(config)) args.push('--config', config);
  return args;
}

/** As the command line has it; where the case is a pod, with that pod's own files. */
async function report(name: string, ...more: string[]): Promise<DoctorRun> {
  const pod = `${FIXTURES}/${name}/pod`;
  const args = [...argumentsOf(name), ...more];
  if (!existsSync(pod)) return runDoctor(...args);
  const found = await examine(parseDoctorFlags(args), { KUBERNETES_SERVICE_HOST: '10.96.0.1' }, pod);
  const out = more.includes('--json') ? `${JSON.stringify(found, null, 2)}\n` : renderText(found, false);
  return { code: found.exitCode, out, err: '' };
}

function expectGolden(path: string, text: string): void {
  if (process.env.UPDATE_GENERATED === '1') writeFileSync(path, text);
  expect(text, `${path}; UPDATE_GENERATED=1 writes it again`).toBe(readFileSync(path, 'utf8'));
}

describe('the report on a saved tree', () => {
  it('is expected of every fixture', () => {
    expect(readdirSync(FIXTURES).toSorted()).toEqual(Object.keys(VERDICTS).toSorted());
  });

  it.each(Object.keys(VERDICTS))('%s', async (name) => {
    const [verdict, code] = VERDICTS[name]!;
    const page = await report(name);
    expectGolden(`${FIXTURES}/${name}/report.golden.txt`, page.out);
    expect(page).toMatchObject({ code, err: '' });

    const data = await report(name, '--json');
    expectGolden(`${FIXTURES}/${name}/report.golden.json`, data.out);
    expect(data).toMatchObject({ code, err: '' });
    expect(JSON.parse(data.out)).toMatchObject({ verdict, exitCode: code, probes: [] });
  });

  it('names a cure that the distribution has, for every node', () => {
    const textOf = (name: string) => readFileSync(`${FIXTURES}/${name}/report.golden.txt`, 'utf8');
    // None of them has a unit "kubelet" to restart.
    for (const name of ['talos-loop', 'bottlerocket-loop', 'microk8s-stub', 'k0s-stub', 'openshift-loop']) {
      expect(textOf(name), name).not.toContain('systemctl restart kubelet');
      expect(textOf(name), name).toMatch(/\bevery node\b/);
    }
    for (const name of Object.keys(VERDICTS)) {
      expect(textOf(name), name).not.toMatch(/(?<![\w.])(\S+) +instead of \1(?![\w.])/);
      if (VERDICTS[name]![1] === 0)
        expect(textOf(name), name).not.toMatch(/^(would loop|loops|cannot tell)/m);
    }
  });

  it('says the verdict in its first line, in plain text', async () => {
    for (const name of Object.keys(VERDICTS)) {
      const { out } = await report(name);
      const begins = { healthy: 'healthy', wouldLoop: 'would loop', loops: 'loops', unknown: 'cannot tell' };
      const verdict = VERDICTS[name]![0] as keyof typeof begins;
      expect(out.startsWith(begins[verdict]), name).toBe(true);
      expect(out).not.toContain('\x1b');
    }
  });
});
