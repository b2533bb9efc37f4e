import { describe, expect, it } from 'vitest';
import { NodeFiles } from '../../src/discovery/node-files.ts';
import { readKubelet } from '../../src/doctor/kubelet.ts';
import { makeTree, type Tree } from '../discovery/temp-tree.ts';

async function kubeletOf(tree: Tree) {
  return readKubelet(new NodeFiles(await makeTree(tree)));
}

const STUB = 'nameserver 127.0.0.53\n';
const REAL = 'nameserver 10.0.0.2\n';

describe('k3s', () => {
  it('with a file that is not a YAML mapping is unknown', async () => {
    const file = '/etc/rancher/k3s/config.yaml';
    const facts = await kubeletOf({ [file]: 'kubelet-arg: [\n', '/etc/resolv.conf': REAL });
    expect(facts.unknown).toBe(`k3s's configuration ${file} is not a YAML mapping`);
  });

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
      distribution: { name: 'k3s' },
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
    expect(await kubeletOf(tree)).toMatchObject({ distribution: { name: 'k3s' }, resolvConf: '/a', setBy });
  });

  it('as an agent is restarted as one', async () => {
    const facts = await kubeletOf({ ...K3S, '/etc/systemd/system/k3s-agent.service': '[Service]\n' });
    expect(facts.unit).toBe('k3s-agent');
  });
});
