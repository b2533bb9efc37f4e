// Whole reports over saved trees of nodes: fixtures/<name>/tree is the node's root, with a Corefile and an unloop.yaml beside it
// where the case has them. UPDATE_GENERATED=1 writes the golden files anew; read the difference before committing it.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { runDoctor } from './run-doctor.ts';

const FIXTURES = relative(process.cwd(), join(import.meta.dirname, 'fixtures'));

/** What each case must come to, whatever the golden files say. */
const VERDICTS: Readonly<Record<string, readonly [string, number]>> = {
  'adguard-home': ['wouldLoop', 1],
  'adguard-home-loop': ['loops', 1],
  alpine: ['wouldLoop', 1],
  'corefile-itself': ['loops', 1],
  'corefile-stub': ['loops', 1],
  'ec2-local-cache': ['wouldLoop', 1],
  empty: ['unknown', 2],
  k3s: ['healthy', 0],
  'k3s-public-resolver': ['healthy', 0],
  'k3s-stub': ['wouldLoop', 1],
  'kubeadm-cured': ['healthy', 0],
  'kubeadm-cured-by-flag': ['healthy', 0],
  'kubeadm-flag-wrong': ['wouldLoop', 1],
  'kubeadm-stub': ['wouldLoop', 1],
  'kubelet-no-resolv-conf': ['wouldLoop', 1],
  missing: ['unknown', 2],
  'nat-vm': ['healthy', 0],
  'node-local-dns': ['healthy', 0],
  'node-local-dns-alone': ['unknown', 2],
  'node-local-dns-loop': ['loops', 1],
  'rke2-stub': ['wouldLoop', 1],
  'ubuntu-dnsmasq': ['wouldLoop', 1],
  'ubuntu-stub': ['wouldLoop', 1],
  'unloop-sidecar': ['wouldLoop', 1],
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

function expectGolden(path: string, text: string): void {
  if (process.env.UPDATE_GENERATED === '1') writeFileSync(path, text);
  expect(text, `${path}; UPDATE_GENERATED=1 writes it anew`).toBe(readFileSync(path, 'utf8'));
}

describe('the report on a saved tree', () => {
  it('is expected of every fixture', () => {
    expect(readdirSync(FIXTURES).toSorted()).toEqual(Object.keys(VERDICTS).toSorted());
  });

  it.each(Object.keys(VERDICTS))('%s', async (name) => {
    const [verdict, code] = VERDICTS[name]!;
    const page = await runDoctor(...argumentsOf(name));
    expectGolden(`${FIXTURES}/${name}/report.golden.txt`, page.out);
    expect(page).toMatchObject({ code, err: '' });

    const data = await runDoctor(...argumentsOf(name), '--json');
    expectGolden(`${FIXTURES}/${name}/report.golden.json`, data.out);
    expect(data).toMatchObject({ code, err: '' });
    expect(JSON.parse(data.out)).toMatchObject({ verdict, exitCode: code, probes: [] });
  });

  it('says the verdict in its first line, in plain text', async () => {
    for (const name of Object.keys(VERDICTS)) {
      const { out } = await runDoctor(...argumentsOf(name));
      const begins = { healthy: 'healthy', wouldLoop: 'would loop', loops: 'loops', unknown: 'cannot tell' };
      const verdict = VERDICTS[name]![0] as keyof typeof begins;
      expect(out.startsWith(begins[verdict]), name).toBe(true);
      expect(out).not.toContain('\x1b');
    }
  });
});
