// Cases beside the golden ones: verdicts over small trees.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseDoctorFlags } from '../../src/doctor/flags.ts';
import { examine } from '../../src/doctor/main.ts';
import type { Report } from '../../src/doctor/report.ts';
import { leavesOf } from '../../src/doctor/walk.ts';
import { makeTree, type Tree } from '../discovery/temp-tree.ts';

async function examineTree(tree: Tree, ...args: string[]): Promise<Report> {
  return examine(parseDoctorFlags(['--root', await makeTree(tree), ...args]), {});
}

async function examineWithCorefile(tree: Tree, corefile: string, ...args: string[]): Promise<Report> {
  const root = await makeTree(tree);
  const path = join(root, 'Corefile');
  await writeFile(path, corefile);
  return examine(parseDoctorFlags(['--root', root, '--corefile', path, ...args]), {});
}

const codes = (report: Report) => report.findings.map(({ code }) => code);
const KUBELET_REAL = {
  '/var/lib/kubelet/config.yaml': 'resolvConf: /run/real\n',
  '/run/real': 'nameserver 10.0.0.2\n',
};
const RESOLV_CONF = '/etc/resolv.conf';

describe('a node', () => {
  it('whose resolved is told to ask itself loops', async () => {
    const report = await examineTree({
      [RESOLV_CONF]: 'nameserver 127.0.0.53\n',
      '/etc/systemd/resolved.conf': '[Resolve]\nDNS=127.0.0.53\n',
      ...KUBELET_REAL,
    });
    expect(report).toMatchObject({ verdict: 'loops', exitCode: 1 });
    const [loop] = report.findings;
    expect(loop).toMatchObject({ severity: 'loop', code: 'node-loops' });
    expect(loop!.cures[0]).toMatchObject({ what: 'systemd-resolved', where: '/etc/systemd/resolved.conf' });
  });

  it('whose dnsmasq and resolved ask each other loops', async () => {
    const report = await examineTree({
      [RESOLV_CONF]: 'nameserver 127.0.0.1\n',
      '/etc/dnsmasq.conf': 'no-resolv\nserver=127.0.0.53\n',
      '/etc/systemd/resolved.conf': '[Resolve]\nDNS=127.0.0.1\n',
      ...KUBELET_REAL,
    });
    expect(report.summary).toBe('loops: process on this node → 127.0.0.1 → 127.0.0.53 → 127.0.0.1 ⟲');
  });

  it('with a stub of which nothing is known cannot be judged', async () => {
    const report = await examineTree({ [RESOLV_CONF]: 'nameserver 127.0.0.1\n', ...KUBELET_REAL });
    expect(report).toMatchObject({ verdict: 'unknown', exitCode: 2 });
    expect(codes(report)).toEqual(['stub-unknown']);
  });

  it('that names a stub which is switched off has no server', async () => {
    const report = await examineTree({
      [RESOLV_CONF]: 'nameserver 127.0.0.53\n',
      '/etc/systemd/resolved.conf': '[Resolve]\nDNSStubListener=no\nDNS=10.0.0.2\n',
      ...KUBELET_REAL,
    });
    expect(codes(report)).toEqual(['stub-not-listening']);
    expect(report.exitCode).toBe(2);
  });

  it('of IPv6 loops in a pod as one of IPv4 does', async () => {
    const verdictOf = async (server: string) => {
      const tree = { [RESOLV_CONF]: `nameserver ${server}\n`, '/var/lib/kubelet/config.yaml': '' };
      return (await examineTree(tree)).verdict;
    };
    expect(await verdictOf('::1')).toBe('wouldLoop');
    expect(await verdictOf('::ffff:127.0.0.1')).toBe('wouldLoop');
    expect(await verdictOf('fd00::53')).toBe('healthy');
  });

  it('counts a loopback server beyond the third for nothing, as libc and kubelet do', async () => {
    const lines = ['10.0.0.2', '10.0.0.3', '10.0.0.4', '127.0.0.1'].map((server) => `nameserver ${server}\n`);
    const report = await examineTree({ [RESOLV_CONF]: lines.join('') });
    expect(report.verdict).toBe('healthy');
    expect(codes(report)).toEqual(['more-than-three-servers']);
  });

  it('whose kubelet names a file that is not there cannot be judged', async () => {
    const report = await examineTree({
      [RESOLV_CONF]: 'nameserver 10.0.0.2\n',
      '/var/lib/kubelet/config.yaml': 'resolvConf: /run/none\n',
    });
    expect(report.exitCode).toBe(2);
    expect(codes(report)).toEqual(['kubelet-file-unreadable']);
  });

  it('that names the cluster DNS itself would loop by way of it', async () => {
    const report = await examineTree({
      [RESOLV_CONF]: 'nameserver 10.96.0.10\n',
      '/var/lib/kubelet/config.yaml': 'clusterDNS: [10.96.0.10]\n',
    });
    expect(report.verdict).toBe('wouldLoop');
    expect(report.exitCode).toBe(1);
  });

  it('with lines that mean nothing is told which', async () => {
    const report = await examineTree({ [RESOLV_CONF]: 'nameserver 10.0.0.2\nnameservr 10.0.0.3\n' });
    expect(report.findings).toMatchObject([{ severity: 'info', code: 'resolv-conf-bad-lines' }]);
    expect(report.findings[0]!.message).toContain('line 2');
  });

  it('gets a cloud’s resolver suggested, and only where the firmware names the cloud', async () => {
    const tree = { [RESOLV_CONF]: 'nameserver 127.0.0.1\n' };
    const clouds: [Tree, string][] = [
      [{ '/sys/class/dmi/id/product_name': 'Google Compute Engine\n' }, '169.254.169.254'],
      [{ '/sys/class/dmi/id/chassis_asset_tag': '7783-7084-3265-9085-8269-3286-77\n' }, '168.63.129.16'],
      [{ '/sys/class/dmi/id/sys_vendor': 'Alibaba Cloud\n' }, '100.100.2.136'],
    ];
    for (const [dmi, server] of clouds) {
      expect(JSON.stringify((await examineTree({ ...tree, ...dmi })).findings)).toContain(server);
    }
    const elsewhere = JSON.stringify(
      (await examineTree({ ...tree, '/sys/class/dmi/id/sys_vendor': 'QEMU\n' })).findings,
    );
    for (const [, server] of clouds) expect(elsewhere).not.toContain(server);
  });
});

describe('a Corefile', () => {
  const NODE = { [RESOLV_CONF]: 'nameserver 10.0.0.2\n' };

  it('that forwards to real servers is healthy', async () => {
    expect(await examineWithCorefile(NODE, '. {\n forward . /etc/resolv.conf\n}\n')).toMatchObject({
      exitCode: 0,
    });
  });

  it('that forwards to its own loopback loops', async () => {
    const report = await examineWithCorefile(NODE, '. {\n forward . 127.0.0.1\n}\n');
    expect(report.verdict).toBe('loops');
    expect(report.findings[0]).toMatchObject({ code: 'cluster-dns-loops' });
    expect(report.findings[0]!.cures[0]).toMatchObject({ what: 'Corefile', lines: ['forward . 10.0.0.2'] });
  });

  it('names the zone that loops', async () => {
    const corefile = '. {\n forward . 10.0.0.2\n}\ncorp.example {\n forward . 10.96.0.10\n}\n';
    const report = await examineWithCorefile(NODE, corefile);
    expect(report.verdict).toBe('loops');
    expect(report.findings[0]!.message).toContain('corp.example');
  });

  it('of a cluster DNS at another address loops when that address is told', async () => {
    const corefile = '. {\n forward . 172.20.0.10\n}\n';
    expect(await examineWithCorefile(NODE, corefile)).toMatchObject({ verdict: 'healthy' });
    expect(await examineWithCorefile(NODE, corefile, '--cluster-dns', '172.20.0.10')).toMatchObject({
      verdict: 'loops',
    });
  });

  it('ends a circle in a zone that it does not forward', async () => {
    const config =
      'listen: ["127.0.0.1:5300"]\nupstreams: ["10.0.0.2"]\nzones: { corp.example: { upstreams: ["10.96.0.10"] } }\n';
    const root = await makeTree({ ...NODE, '/unloop.yaml': config });
    const judge = async (forward: string) => {
      await writeFile(join(root, 'Corefile'), `. {\n forward . 127.0.0.1:5300 ${forward}\n}\n`);
      const args = [
        '--root',
        root,
        '--corefile',
        join(root, 'Corefile'),
        '--config',
        join(root, 'unloop.yaml'),
      ];
      return (await examine(parseDoctorFlags(args), {})).verdict;
    };
    expect(await judge('')).toBe('loops');
    expect(await judge('{\n except corp.example\n }')).toBe('healthy');
  });

  it('with a placeholder for its servers cannot be judged', async () => {
    const report = await examineWithCorefile(NODE, '. {\n forward . {$UPSTREAM}\n}\n');
    expect(report.exitCode).toBe(2);
  });
});

describe('a pod', () => {
  async function examineInPod(own: string, node: Tree) {
    const args = parseDoctorFlags(['--root', await makeTree(node)]);
    return examine(args, { KUBERNETES_SERVICE_HOST: '10.96.0.1' }, await makeTree({ [RESOLV_CONF]: own }));
  }
  const STUB = {
    [RESOLV_CONF]: 'nameserver 127.0.0.53\n',
    '/run/systemd/resolve/resolv.conf': 'nameserver 10.0.0.2\n',
  };

  it('with the node mounted has both looked at', async () => {
    const report = await examineInPod('nameserver 10.0.0.3\n', {
      [RESOLV_CONF]: 'nameserver 10.0.0.2\n',
      '/var/lib/kubelet/config.yaml': '',
    });
    expect(report.paths.map(({ from }) => from)).toEqual([
      'process in this pod',
      'process on this node',
      'pod, dnsPolicy: Default',
    ]);
    const node = report.paths[1]!;
    expect(leavesOf(node.hops)).toMatchObject([{ server: '10.0.0.2', state: 'ok' }]);
  });

  it('shows what kubelet copies, where kubelet itself is not to be seen', async () => {
    expect(await examineInPod('nameserver 10.0.0.2\n', STUB)).toMatchObject({ exitCode: 0 });
    expect(await examineInPod('nameserver 127.0.0.53\n', STUB)).toMatchObject({ exitCode: 1 });
  });

  async function examineFromInside(own: string, ...more: string[]) {
    const args = parseDoctorFlags(['--no-probe', ...more]);
    return examine(args, { KUBERNETES_SERVICE_HOST: '10.96.0.1' }, await makeTree({ [RESOLV_CONF]: own }));
  }
  const CLUSTERS = 'nameserver 10.96.0.10\nsearch a.svc.cluster.local svc.cluster.local cluster.local\n';

  it('alone says nothing about the upstreams of the cluster’s DNS', async () => {
    const report = await examineFromInside(CLUSTERS);
    expect(report.exitCode).toBe(2);
    expect(report.findings[0]).toMatchObject({
      code: 'stub-unknown',
      message:
        '/etc/resolv.conf:1 names 10.96.0.10, cluster DNS: what kubelet gave it to ask is not to be seen from here',
    });
  });

  it('alone with dnsPolicy: Default is what the cluster’s DNS is too', async () => {
    expect(await examineFromInside('nameserver 10.0.0.2\n')).toMatchObject({ exitCode: 0 });
    expect(await examineFromInside('nameserver 127.0.0.53\n')).toMatchObject({
      exitCode: 1,
      summary: 'would loop: what this pod asks is the pod itself',
    });
  });

  it('that uses the cluster’s DNS shows nothing of it', async () => {
    const own = 'nameserver 10.96.0.10\nsearch default.svc.cluster.local svc.cluster.local cluster.local\n';
    const report = await examineInPod(own, STUB);
    expect(report.exitCode).toBe(2);
    expect(codes(report)).toEqual(['kubelet-unknown']);
  });
});
