import { describe, expect, it } from 'vitest';
import { NodeFiles } from '../../src/discovery/node-files.ts';
import { readKubelet } from '../../src/doctor/kubelet.ts';
import { makeTree, type Tree } from '../discovery/temp-tree.ts';

async function kubeletOf(tree: Tree) {
  return readKubelet(new NodeFiles(await makeTree(tree)));
}

describe('kubelet', () => {
  it('reads /etc/resolv.conf by default', async () => {
    expect(await kubeletOf({})).toMatchObject({
      unknown: 'no kubelet was found here (no /var/lib/kubelet/config.yaml)',
      how: 'default',
      resolvConf: '/etc/resolv.conf',
    });
    const tree = { '/var/lib/kubelet/config.yaml': 'kind: KubeletConfiguration\n' };
    expect(await kubeletOf(tree)).toMatchObject({
      unknown: '',
      how: 'default',
      resolvConf: '/etc/resolv.conf',
    });
  });

  it('has its configuration where --config says, in JSON too', async () => {
    const facts = await kubeletOf({
      '/etc/systemd/system/kubelet.service.d/10.conf':
        'Environment="ARGS=--config=/etc/kubernetes/kubelet/kubelet-config.json"\nExecStart=/usr/bin/kubelet $ARGS\n',
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
      '/var/lib/kubelet/kubeadm-flags.env': 'KUBELET_KUBEADM_ARGS="--resolv-conf=/c"\n',
      '/etc/sysconfig/kubelet': 'KUBELET_EXTRA_ARGS=--resolv-conf=/d\n',
    });
    expect(facts).toMatchObject({ how: 'flag', resolvConf: '/d', setBy: '/etc/sysconfig/kubelet:1' });
  });

  it('that runs overrides its files, with the line of the file where they agree', async () => {
    const tree = {
      '/etc/default/kubelet': 'KUBELET_EXTRA_ARGS=--resolv-conf=/a\n',
      '/proc/7/cmdline': '/usr/bin/kubelet\0--resolv-conf=/a\0',
      '/proc/6/cmdline': '/usr/bin/vi\0/kubelet\0--resolv-conf=/z\0',
    };
    expect(await kubeletOf(tree)).toMatchObject({ resolvConf: '/a', setBy: '/etc/default/kubelet:1' });
    const other = { ...tree, '/proc/7/cmdline': '/usr/bin/kubelet\0--resolv-conf\0/b\0' };
    expect(await kubeletOf(other)).toMatchObject({ resolvConf: '/b', setBy: '/proc/7/cmdline' });
  });

  it.each([
    [
      'whose configuration is not here',
      { '/etc/systemd/system/kubelet.service': 'ExecStart=/usr/bin/kubelet --config=/c.yaml\n' },
      "kubelet's configuration /c.yaml (/etc/systemd/system/kubelet.service:1) does not exist here",
    ],
    [
      'that a script starts',
      { '/etc/systemd/system/kubelet.service': 'ExecStart=/opt/start.sh\n' },
      '/opt/start.sh starts kubelet, with flags of its own',
    ],
    [
      'of k0s that has not run yet',
      { '/etc/systemd/system/k0sworker.service': 'ExecStart=/usr/local/bin/k0s worker\n' },
      'no kubelet was found here (no /run/k0s/kubelet/config.yaml)',
    ],
  ])('%s is not guessed at', async (_title, tree, unknown) => {
    expect(await kubeletOf(tree)).toMatchObject({ unknown, how: 'default' });
  });

  it('whose configuration cannot be read is unknown', async () => {
    // A directory in its place: a file that root alone may read is read by root.
    const facts = await kubeletOf({ '/run/k0s/kubelet/config.yaml/x': '' });
    expect(facts.unknown).toBe("kubelet's configuration /run/k0s/kubelet/config.yaml is a directory");
  });

  it('of a distribution with one file for all has that file, though nothing of kubelet is seen', async () => {
    const talos = { '/system/resolved/resolv.conf': 'nameserver 10.0.0.2\n' };
    expect(await kubeletOf(talos)).toMatchObject({
      distribution: { name: 'Talos' },
      unknown: '',
      resolvConf: '/system/resolved/resolv.conf',
    });
    const bottlerocket = { '/run/netdog/resolv.conf': '→ /run/systemd/resolve/resolv.conf' };
    expect(await kubeletOf(bottlerocket)).toMatchObject({ resolvConf: '/run/netdog/resolv.conf' });
  });

  it('of EKS is changed by its drop-in in JSON, where that sets it', async () => {
    const drop = '/etc/kubernetes/kubelet/config.json.d/40-nodeadm.conf';
    const facts = await kubeletOf({
      '/etc/eks/kubelet/environment':
        'NODEADM_KUBELET_ARGS=--config=/etc/kubernetes/kubelet/config.json --config-dir=/etc/kubernetes/kubelet/config.json.d\n',
      '/etc/systemd/system/kubelet.service':
        '[Service]\nEnvironmentFile=/etc/eks/kubelet/environment\nExecStart=/usr/bin/kubelet $NODEADM_KUBELET_ARGS\n',
      '/etc/kubernetes/kubelet/config.json': '{"kind": "KubeletConfiguration"}\n',
      [drop]: '{\n "resolvConf": "/etc/resolv.conf"\n}\n',
    });
    expect(facts.setBy).toBe(`${drop}:2`);
    const cures = facts.distribution.cure!({ kubelet: facts, file: '/f' });
    expect(cures.at(-1)).toMatchObject({ where: `${drop}:2`, lines: ['"resolvConf": "/f"'] });
  });

  it('of k0s obeys --kubelet-extra-args', async () => {
    const facts = await kubeletOf({
      '/etc/systemd/system/k0scontroller.service':
        'ExecStart=/usr/local/bin/k0s controller "--kubelet-extra-args=--v=2 --resolv-conf=/a"\n',
      '/run/k0s/kubelet/config.yaml': 'resolvConf: /b\n',
    });
    expect(facts).toMatchObject({
      resolvConf: '/a',
      setBy: '/etc/systemd/system/k0scontroller.service:1',
      unit: 'k0scontroller',
    });
  });

  it.each([
    'a: [\n',
    '- a\n',
    'a: *b\n',
    'a\n',
  ])('with a file that is not a YAML mapping says so: %j', async (text) => {
    const { faults, unknown } = await kubeletOf({ '/var/lib/kubelet/config.yaml': text });
    expect(faults).toEqual([expect.stringContaining('/var/lib/kubelet/config.yaml')]);
    expect(unknown).toBe("kubelet's configuration /var/lib/kubelet/config.yaml is not a YAML mapping");
  });

  it.each([
    '',
    '# nothing set\n',
    '---\n',
  ])('with a file that sets nothing has its defaults: %j', async (text) => {
    const facts = await kubeletOf({ '/var/lib/kubelet/config.yaml': text });
    expect(facts).toMatchObject({ unknown: '', how: 'default', faults: [] });
  });
});

it('that runs without --config reads no file of settings', async () => {
  const tree = {
    '/proc/7/cmdline': '/usr/bin/kubelet\0--v=2\0',
    '/var/lib/kubelet/config.yaml': 'resolvConf: /stale\n',
  };
  expect(await kubeletOf(tree)).toMatchObject({
    how: 'default',
    resolvConf: '/etc/resolv.conf',
    unknown: '',
    flagsOnly: true,
  });
});

it('takes a relative path as below the folder of its file', async () => {
  const text = 'resolvConf: resolv.conf\n';
  expect(await kubeletOf({ '/var/lib/kubelet/config.yaml': text })).toMatchObject({
    resolvConf: '/var/lib/kubelet/resolv.conf',
  });
});
