import { describe, expect, it } from 'vitest';
import { NodeFiles } from '../../src/discovery/node-files.ts';
import {
  CLUSTER_DNS_ROLE,
  findCorefiles,
  NODE_LOCAL_ADDRESSES,
  NODE_LOCAL_ROLE,
  readClusterDns,
} from '../../src/doctor/cluster-dns.ts';
import { readCorefile } from '../../src/doctor/corefile.ts';
import type { KubeletFacts } from '../../src/doctor/kubelet-facts.ts';
import type { PodConf } from '../../src/doctor/pod-conf.ts';
import { type Service, toTarget } from '../../src/doctor/service.ts';
import { makeTree } from '../discovery/temp-tree.ts';

const ROOT = '/var/lib/kubelet';
const mounted = (pod: string, name = 'Corefile') =>
  `${ROOT}/pods/${pod}/volumes/kubernetes.io~configmap/config-volume/${name}`;
const corefile = (server: string) => `.:53 {\n  forward . ${server}\n}\n`;

describe('Corefiles among the volumes of kubelet', () => {
  const find = async (tree: Record<string, string>) =>
    (await findCorefiles(new NodeFiles(await makeTree(tree)), ROOT)).map(({ path }) => path);

  it('are found under both of their names, the same text once', async () => {
    const tree = {
      [mounted('a')]: corefile('10.0.0.1'),
      [mounted('b')]: corefile('10.0.0.1'),
      [mounted('c', 'Corefile.base')]: corefile('10.0.0.2'),
      [mounted('d', 'other.conf')]: corefile('10.0.0.3'),
    };
    expect(await find(tree)).toEqual([mounted('a'), mounted('c', 'Corefile.base')]);
  });

  it('are none on a node without pods', async () => {
    expect(await find({})).toEqual([]);
  });

  it('are at most eight', async () => {
    const pods = Array.from({ length: 12 }, (_, i) => [mounted(`p${i}`), corefile(`10.0.0.${i}`)]);
    expect(await find(Object.fromEntries(pods))).toHaveLength(8);
  });
});

describe('the services of the cluster', () => {
  /** What kubelet gives pods to ask. */
  const podConf = (basis: PodConf['basis'] = 'files', server = '10.0.0.1') =>
    ({ basis, servers: [toTarget(server, 53, 'resolv.conf:1')] }) as unknown as PodConf;

  async function read(text: string | null, clusterDns: string[] = ['10.96.0.10'], conf = podConf()) {
    const corefiles = text === null ? [] : [readCorefile(text, 'Corefile')];
    const files = new NodeFiles(await makeTree({ '/mnt/resolv.conf': 'nameserver 10.9.9.9\n' }));
    return readClusterDns(files, { clusterDns } as unknown as KubeletFacts, corefiles, conf);
  }
  const withRole = (services: Service[], role: string) => services.filter((service) => service.role === role);
  const routesOf = ({ routes }: Service) =>
    routes.map(
      ({ zone, targets, unknown }) => `${zone}: ${unknown || targets.map(({ text }) => text).join(' ')}`,
    );

  it('are the usual ones where no Corefile is seen, and only assumed', async () => {
    const services = await read(null, []);
    const [cluster] = withRole(services, CLUSTER_DNS_ROLE);
    expect(cluster).toMatchObject({ isAssumed: true, place: 'pod' });
    expect(cluster!.listens).toContainEqual({ address: '10.43.0.10', port: 53 });
    expect(routesOf(cluster!)).toEqual(['.: 10.0.0.1']);
    expect(withRole(services, NODE_LOCAL_ROLE)).toHaveLength(NODE_LOCAL_ADDRESSES.length);
  });

  it('listen where kubelet sends its pods', async () => {
    const [cluster] = withRole(await read(null, ['10.1.0.10']), CLUSTER_DNS_ROLE);
    expect(cluster!.listens.map(({ address }) => address)).toEqual(['10.1.0.10', '0.0.0.0']);
  });

  it.each([
    ['forward . 10.0.0.2:5353 tls://9.9.9.9', '.: 10.0.0.2:5353 tls://9.9.9.9'],
    ['forward . /etc/resolv.conf', '.: 10.0.0.1'],
    ['forward . /mnt/resolv.conf', '.: 10.9.9.9'],
    ['forward . /not/there', '.: /not/there means servers that are not known here'],
    ['forward corp.example 10.0.0.2', 'corp.example: 10.0.0.2'],
  ])('with "%s" send names on: %s', async (line, route) => {
    const [cluster] = withRole(await read(`.:53 {\n  ${line}\n}\n`), CLUSTER_DNS_ROLE);
    expect(routesOf(cluster!)).toEqual([route]);
    expect(cluster!.isAssumed).toBe(false);
  });

  it('are a guess where they forward to a resolv.conf that is one', async () => {
    const guess = podConf('guess');
    const isAssumed = async (server: string) =>
      withRole(await read(corefile(server), [], guess), CLUSTER_DNS_ROLE)[0]!.isAssumed;
    expect(await isAssumed('/etc/resolv.conf')).toBe(true);
    expect(await isAssumed('10.0.0.2')).toBe(false);
  });

  it('have NodeLocal DNSCache on the node, by its link-local address', async () => {
    const text = '.:53 {\n  bind 169.254.20.10 10.96.0.10\n  forward . __PILLAR__UPSTREAM__SERVERS__\n}\n';
    const [local, ...others] = withRole(await read(text), NODE_LOCAL_ROLE);
    expect(local).toMatchObject({ place: 'node', isAssumed: false });
    expect(routesOf(local!)).toEqual(['.: 10.0.0.1']);
    expect(others.flatMap(({ listens }) => listens.map(({ address }) => address))).toEqual(['169.254.25.10']);
  });

  it('do not let NodeLocal DNSCache ask itself by a guess', async () => {
    const services = await read(null, [], podConf('files', '169.254.20.10'));
    const local = withRole(services, NODE_LOCAL_ROLE).find(
      ({ listens }) => listens[0]!.address === '169.254.20.10',
    );
    expect(routesOf(local!)).toEqual(['.: only its Corefile names its upstreams']);
  });
});
