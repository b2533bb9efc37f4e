import { describe, expect, it } from 'vitest';
import { NodeFiles } from '../../src/discovery/node-files.ts';
import { NONE, PLAIN, recognizeDistribution } from '../../src/doctor/distributions.ts';
import type { Distribution, KubeletFacts } from '../../src/doctor/kubelet-facts.ts';
import { makeTree, type Tree } from '../discovery/temp-tree.ts';

const recognize = async (tree: Tree) => recognizeDistribution(new NodeFiles(await makeTree(tree)));
const nameOf = async (tree: Tree) => (await recognize(tree)).name;

const facts = (change: Partial<KubeletFacts>) =>
  ({
    ...{
      setBy: '',
      how: 'default',
      unit: 'kubelet',
      configFile: '/c.yaml',
      flagFile: '/f',
      flagsOnly: false,
    },
    ...change,
  }) as KubeletFacts;

/** The steps of a cure: "FILE | line; line | command; command". */
function cureOf(row: Distribution, change: Partial<KubeletFacts> = {}): string[] {
  const cures = row.cure!({ kubelet: facts(change), file: '/clean' });
  return cures.map(({ where, lines, commands }) => [where, lines.join('; '), commands[0] ?? ''].join(' | '));
}

describe('a distribution', () => {
  it.each<[string, Tree]>([
    ['k3s', { '/etc/systemd/system/k3s.service': 'x' }],
    ['k3s', { '/etc/systemd/system/k3s-agent.service.env': '' }],
    ['k3s', { '/etc/rancher/k3s/config.yaml': 'x' }],
    ['rke2', { '/usr/local/lib/systemd/system/rke2-server.service': 'x' }],
    ['k0s', { '/etc/systemd/system/k0sworker.service': 'x' }],
    ['k0s', { '/etc/k0s/k0s.yaml': 'x' }],
    ['MicroK8s', { '/var/snap/microk8s/current/args/kubelet': 'x' }],
    ['Kubespray', { '/etc/kubernetes/kubelet.env': 'x' }],
    ['EKS', { '/etc/eks/kubelet/environment': 'x' }],
    ['OpenShift', { '/etc/os-release': 'NAME=Red Hat\nID="rhel"\nOPENSHIFT_VERSION="4.19"\n' }],
    ['Talos', { '/etc/os-release': 'ID=talos\n' }],
    ['Bottlerocket', { '/run/netdog/resolv.conf': 'x' }],
    ['Flatcar', { '/usr/lib/os-release': "ID='flatcar'\n" }],
    ['', { '/etc/os-release': 'ID=ubuntu\nVERSION_ID=24\n' }],
    ['', { '/etc/os-release': 'VARIANT_ID=talos\nID_LIKE=flatcar\n' }],
    ['', {}],
  ])('is %s by its mark: %j', async (name, tree) => {
    expect(await nameOf(tree)).toBe(name);
  });

  it('that brings its own kubelet counts before the operating system below it', async () => {
    expect(await nameOf({ '/etc/os-release': 'ID=flatcar\n', '/etc/rancher/rke2/config.yaml': 'x' })).toBe(
      'rke2',
    );
  });

  it('is not recognized by an empty directory', async () => {
    expect(await nameOf({ '/etc/k0s': null } as unknown as Tree).catch(() => '')).toBe('');
  });
});

describe("kubelet's cure", () => {
  it('changes the line that sets the file, and restarts', () => {
    expect(cureOf(PLAIN, { setBy: '/etc/k.yaml:7', how: 'config' })).toEqual([
      '/etc/k.yaml:7 | resolvConf: /clean | systemctl restart kubelet',
    ]);
  });

  it('adds a line to its configuration where none sets it', () => {
    expect(cureOf(PLAIN)).toEqual(['/c.yaml | resolvConf: /clean | systemctl restart kubelet']);
  });

  it('is JSON in a JSON file, its drop-ins too', () => {
    for (const setBy of ['/k/config.json:3', '/k/config.json.d/40-nodeadm.conf:3'])
      expect(cureOf(PLAIN, { setBy, how: 'config' })[0]).toContain('| "resolvConf": "/clean" |');
  });

  it('is a flag where a flag sets it, and where only flags count', () => {
    const expected = '--resolv-conf=/clean | systemctl daemon-reload';
    expect(cureOf(PLAIN, { setBy: '/unit:3', how: 'flag' })).toEqual([`/unit:3 | ${expected}`]);
    expect(cureOf(PLAIN, { flagsOnly: true })).toEqual([`/f | ${expected}`]);
  });

  it('names no file where only the running process tells of the flag', () => {
    expect(cureOf(PLAIN, { setBy: '/proc/42/cmdline', how: 'flag', flagFile: '' })[0]).toMatch(
      /^ \| --resolv-conf/,
    );
  });

  it('names no file where no kubelet was found', () => {
    expect(cureOf(NONE)).toEqual([' | resolvConf: /clean | ']);
  });
});

describe("k3s's cure", () => {
  it.each<[string, Partial<KubeletFacts>, string]>([
    ['its own setting', {}, '/c.yaml | resolv-conf: /clean'],
    [
      'a flag of its unit',
      { setBy: '/etc/systemd/system/k3s.service:9' },
      '/etc/systemd/system/k3s.service:9 | --resolv-conf=/clean',
    ],
    [
      "kubelet's argument in YAML",
      { how: 'argument', setBy: '/etc/rancher/k3s/config.yaml:2' },
      '/etc/rancher/k3s/config.yaml:2 | kubelet-arg:;   - resolv-conf=/clean',
    ],
    [
      "kubelet's argument as a flag",
      { how: 'argument', setBy: '/k3s.service:9' },
      '/k3s.service:9 | --kubelet-arg=resolv-conf=/clean',
    ],
    [
      'not the file that it writes again at each start',
      { setBy: '/var/lib/rancher/k3s/agent/etc/kubelet.conf.d/00.conf:3' },
      '/c.yaml | resolv-conf: /clean',
    ],
  ])('is %s', async (_, change, expected) => {
    const k3s = await recognize({ '/etc/systemd/system/k3s.service': 'x' });
    expect(cureOf(k3s, { unit: 'k3s', ...change })).toEqual([`${expected} | systemctl restart k3s`]);
  });
});

it('has every distribution without a file to change take the servers by its settings', async () => {
  const rows = [{ '/run/netdog/x': '' }, { '/etc/os-release': 'ID=talos\n' }, { '/etc/openshift/x': '' }];
  for (const tree of rows) {
    const { name, cure, settings } = await recognize(tree);
    expect(cure, name).toBeNull();
    const cures = settings!(['10.0.0.2', '10.0.0.3']);
    expect(JSON.stringify(cures), name).toMatch(/10\.0\.0\.2.*10\.0\.0\.3/);
  }
});
