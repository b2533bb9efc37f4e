import { describe, expect, it } from 'vitest';
import { NodeFiles } from '../../src/discovery/node-files.ts';
import { findFlag, splitCommand } from '../../src/doctor/command-line.ts';
import { readKubelet } from '../../src/doctor/kubelet.ts';
import { readUnit } from '../../src/doctor/systemd-unit.ts';
import { makeTree, type Tree } from '../discovery/temp-tree.ts';

async function kubeletOf(tree: Tree) {
  return readKubelet(new NodeFiles(await makeTree(tree)));
}

const STUB = 'nameserver 127.0.0.53\n';
const REAL = 'nameserver 10.0.0.2\n';

describe('a flag', () => {
  it.each([
    ['--resolv-conf=/a', '/a'],
    ['--resolv-conf /a', '/a'],
    ['--resolv_conf=/a', '/a'],
    ['-resolv-conf=/a', '/a'],
    ['--v=2 --resolv-conf=/a --x=y', '/a'],
    ["'--resolv-conf=/a'", '/a'],
    ['--resolv-conf="/a b"', '/a b'],
    ['--resolv-conf=""', ''],
    ['--resolv-conf=', ''],
    ['--resolv-conf=/a --resolv-conf=/b', '/b'],
  ])('%s', (text, value) => {
    const words = splitCommand(`kubelet \\\n ${text}\n`, '/f', 1);
    expect(findFlag(words, 'resolv-conf')).toEqual({ value, setBy: '/f:2' });
  });

  it.each(['--resolv-config=/a', '--no-resolv-conf=/a', ''])('is not in %j', (text) => {
    expect(findFlag(splitCommand(text, '/f', 1), 'resolv-conf')).toBeNull();
  });
});

describe('a unit', () => {
  async function commandOf(tree: Tree) {
    const unit = await readUnit(
      new NodeFiles(await makeTree(tree)),
      'kubelet',
      '[Service]\nExecStart=/lost\n',
    );
    return unit.command.map(({ text, file, line }) => `${text} ${file}:${line}`);
  }

  it('has its variables put in, from its environment files over its own', async () => {
    const command = await commandOf({
      '/usr/lib/systemd/system/kubelet.service':
        // biome-ignore lint/suspicious/noTemplateCurlyInString: systemd's own spelling
        '[Service]\nEnvironment="A=--a --b" B=/c\nEnvironmentFile=-/env\nExecStart=/kubelet $A --x=${B} $NONE\n',
      '/env': '# comment\nA="--d \\\n  --e"\n',
    });
    expect(command).toEqual([
      '/kubelet /usr/lib/systemd/system/kubelet.service:4',
      '--d /env:2',
      '--e /env:3',
      '--x=/c /usr/lib/systemd/system/kubelet.service:4',
    ]);
  });

  it('is that of /etc, with the drop-ins of every directory in the order of their names', async () => {
    const command = await commandOf({
      '/usr/lib/systemd/system/kubelet.service': '[Service]\nExecStart=/one\n',
      '/etc/systemd/system/kubelet.service': '[Service]\nExecStart=/two\n',
      '/etc/systemd/system/kubelet.service.d/10-a.conf': '[Service]\nExecStart=\nExecStart=/four\n',
      '/usr/lib/systemd/system/kubelet.service.d/10-a.conf': '[Service]\nExecStart=\nExecStart=/three\n',
      '/usr/lib/systemd/system/kubelet.service.d/05-b.conf': '[Service]\nExecStart=\nExecStart=/five\n',
      '/usr/lib/systemd/system/kubelet.service.d/README': 'ExecStart=/no\n',
    });
    expect(command).toEqual(['/four /etc/systemd/system/kubelet.service.d/10-a.conf:3']);
  });

  it('that no file has is the one given for it', async () => {
    expect(await commandOf({})).toEqual(['/lost :2']);
  });
});

describe('kubelet', () => {
  it('reads /etc/resolv.conf where nobody says otherwise', async () => {
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

  it('that runs is believed over its files, with the line of the file where the two agree', async () => {
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

  it('whose configuration may not be read is not guessed at', async () => {
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
  ])('with a file that is no YAML mapping says so: %j', async (text) => {
    const { faults, unknown } = await kubeletOf({ '/var/lib/kubelet/config.yaml': text });
    expect(faults).toEqual([expect.stringContaining('/var/lib/kubelet/config.yaml')]);
    expect(unknown).toBe("kubelet's configuration /var/lib/kubelet/config.yaml is no YAML mapping");
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

describe('k3s', () => {
  it('with a file that is no YAML mapping is not guessed at', async () => {
    const file = '/etc/rancher/k3s/config.yaml';
    const facts = await kubeletOf({ [file]: 'kubelet-arg: [\n', '/etc/resolv.conf': REAL });
    expect(facts.unknown).toBe(`k3s's configuration ${file} is no YAML mapping`);
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
