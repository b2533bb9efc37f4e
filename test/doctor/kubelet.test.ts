import { describe, expect, it } from 'vitest';
import { NodeFiles } from '../../src/discovery/node-files.ts';
import { readKubelet } from '../../src/doctor/kubelet.ts';
import { findFlag } from '../../src/doctor/kubelet-flags.ts';
import { makeTree, type Tree } from '../discovery/temp-tree.ts';

async function kubeletOf(tree: Tree) {
  return readKubelet(new NodeFiles(await makeTree(tree)));
}

const STUB = 'nameserver 127.0.0.53\n';
const REAL = 'nameserver 10.0.0.2\n';

describe('a flag in a file', () => {
  it.each([
    ['--resolv-conf=/a', '/a'],
    ['--resolv-conf /a', '/a'],
    ['KUBELET_EXTRA_ARGS=--resolv-conf=/a', '/a'],
    ['KUBELET_EXTRA_ARGS="--v=2 --resolv-conf=/a --x=y"', '/a'],
    ['KUBELET_EXTRA_ARGS="--resolv-conf="', ''],
    ['--resolv-conf=""', ''],
    ['--resolv-conf=/a --resolv-conf=/b', '/b'],
  ])('%s', (text, value) => {
    expect(findFlag(`# first line\n${text}\n`, 'resolv-conf')).toEqual({ value, line: 2 });
  });

  it.each(['# --resolv-conf=/a', '--resolv-config=/a', '--no-resolv-conf=/a', ''])('is not in %j', (text) => {
    expect(findFlag(text, 'resolv-conf')).toBeNull();
  });
});

describe('kubelet', () => {
  it('reads /etc/resolv.conf where nobody says otherwise', async () => {
    expect(await kubeletOf({})).toMatchObject({
      flavour: 'none',
      how: 'default',
      resolvConf: '/etc/resolv.conf',
    });
    const tree = { '/var/lib/kubelet/config.yaml': 'kind: KubeletConfiguration\n' };
    expect(await kubeletOf(tree)).toMatchObject({
      flavour: 'kubelet',
      how: 'default',
      resolvConf: '/etc/resolv.conf',
    });
  });

  it('has its configuration where --config says, in JSON too', async () => {
    const facts = await kubeletOf({
      '/etc/systemd/system/kubelet.service.d/10.conf':
        'Environment="ARGS=--config=/etc/kubernetes/kubelet/kubelet-config.json"\n',
      '/etc/kubernetes/kubelet/kubelet-config.json':
        '{\n "clusterDNS": ["172.20.0.10"],\n "resolvConf": "/run/a"\n}\n',
    });
    expect(facts).toMatchObject({
      how: 'config',
      resolvConf: '/run/a',
      setBy: '/etc/kubernetes/kubelet/kubelet-config.json:3',
      clusterDns: ['172.20.0.10'],
    });
  });

  it('takes the drop-ins of --config-dir over the file', async () => {
    const facts = await kubeletOf({
      '/var/lib/kubelet/kubeadm-flags.env':
        'KUBELET_KUBEADM_ARGS="--config-dir=/etc/kubernetes/kubelet.conf.d"\n',
      '/var/lib/kubelet/config.yaml': 'resolvConf: /a\n',
      '/etc/kubernetes/kubelet.conf.d/90-dns.conf': 'resolvConf: /b\n',
    });
    expect(facts).toMatchObject({ resolvConf: '/b', setBy: '/etc/kubernetes/kubelet.conf.d/90-dns.conf:1' });
  });

  it('takes a flag over the file, and the last of the flags', async () => {
    const facts = await kubeletOf({
      '/var/lib/kubelet/config.yaml': 'resolvConf: /a\n',
      '/etc/systemd/system/kubelet.service.d/20.conf': 'Environment="X=--resolv-conf=/b"\n',
      '/var/lib/kubelet/kubeadm-flags.env': 'KUBELET_KUBEADM_ARGS="--resolv-conf=/c"\n',
      '/etc/sysconfig/kubelet': 'KUBELET_EXTRA_ARGS=--resolv-conf=/d\n',
    });
    expect(facts).toMatchObject({ how: 'flag', resolvConf: '/d', setBy: '/etc/sysconfig/kubelet:1' });
  });

  it.each([
    'a: [\n',
    '- a\n',
    'a: *b\n',
    'a\n',
  ])('with a file that is no YAML mapping says so: %j', async (text) => {
    const { faults } = await kubeletOf({ '/var/lib/kubelet/config.yaml': text });
    expect(faults).toEqual([expect.stringContaining('/var/lib/kubelet/config.yaml')]);
  });

  it.each([
    '',
    '# nothing set\n',
    '---\n',
  ])('with a file that sets nothing has its defaults: %j', async (text) => {
    const facts = await kubeletOf({ '/var/lib/kubelet/config.yaml': text });
    expect(facts).toMatchObject({ flavour: 'kubelet', how: 'default', faults: [] });
  });
});

describe('k3s', () => {
  const K3S = { '/etc/rancher/k3s/config.yaml': 'a: b\n' };

  it.each([
    ['/etc/resolv.conf, when that names no loopback', { '/etc/resolv.conf': REAL }, '/etc/resolv.conf', []],
    [
      "resolved's file, when /etc/resolv.conf names the stub",
      { '/etc/resolv.conf': STUB, '/run/systemd/resolve/resolv.conf': REAL },
      '/run/systemd/resolve/resolv.conf',
      [],
    ],
    [
      '8.8.8.8, when one server of each is loopback',
      { '/etc/resolv.conf': STUB + REAL },
      '/var/lib/rancher/k3s/agent/etc/resolv.conf',
      ['8.8.8.8'],
    ],
    [
      '8.8.8.8, when the server is link-local, as in a cloud',
      { '/etc/resolv.conf': 'nameserver 169.254.169.253\n' },
      '/var/lib/rancher/k3s/agent/etc/resolv.conf',
      ['8.8.8.8'],
    ],
  ])('gives pods %s', async (_title, tree, resolvConf, generatedServers) => {
    expect(await kubeletOf({ ...K3S, ...tree })).toMatchObject({
      flavour: 'k3s',
      how: 'default',
      resolvConf,
      generatedServers,
    });
  });

  it.each([
    [
      'its setting',
      { '/etc/rancher/k3s/config.yaml': 'resolv-conf: /a\n' },
      '/etc/rancher/k3s/config.yaml:1',
    ],
    [
      'a later file of config.yaml.d',
      { '/etc/rancher/k3s/config.yaml.d/dns.yaml': 'x: y\nresolv-conf: /a\n' },
      '/etc/rancher/k3s/config.yaml.d/dns.yaml:2',
    ],
    [
      'its kubelet-arg',
      { '/etc/rancher/k3s/config.yaml': 'resolv-conf: /z\nkubelet-arg:\n  - resolv-conf=/a\n' },
      '/etc/rancher/k3s/config.yaml:2',
    ],
    [
      'its unit',
      {
        '/etc/systemd/system/k3s.service':
          "ExecStart=/usr/local/bin/k3s \\\n  server \\\n  '--resolv-conf=/a'\n",
      },
      '/etc/systemd/system/k3s.service:3',
    ],
    [
      'its environment',
      { '/etc/systemd/system/k3s-agent.service.env': 'K3S_RESOLV_CONF=/a\n' },
      '/etc/systemd/system/k3s-agent.service.env',
    ],
    [
      'what it wrote for kubelet',
      { '/var/lib/rancher/k3s/agent/etc/kubelet.conf.d/00-k3s-defaults.conf': 'resolvConf: /a\n' },
      '/var/lib/rancher/k3s/agent/etc/kubelet.conf.d/00-k3s-defaults.conf:1',
    ],
  ])('obeys %s', async (_title, tree, setBy) => {
    expect(await kubeletOf(tree)).toMatchObject({ flavour: 'k3s', resolvConf: '/a', setBy });
  });

  it('as an agent is restarted as one', async () => {
    const facts = await kubeletOf({ ...K3S, '/etc/systemd/system/k3s-agent.service': '[Service]\n' });
    expect(facts.unit).toBe('k3s-agent');
  });
});
