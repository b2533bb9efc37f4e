// docs/kubernetes/cluster-wide.md on a cluster as kubeadm makes it, in both modes of kube-proxy.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectClientsByName } from './clients-by-name.ts';
import { Cluster, CURED_WITHIN_MS } from './cluster.ts';
import { REGISTRY } from './images.ts';
import { KubernetesNode, WORLD } from './node.ts';
import { commandsOf } from './page-commands.ts';

const PAGE = 'cluster-wide.md';

describe.each([
  'iptables',
  'nftables',
] as const)('unloop as the cluster’s upstream, kube-proxy with %s', (proxy) => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = new Cluster(await KubernetesNode.start({ proxy }));
    await cluster.startClient();
  });
  afterAll(() => cluster?.node.stop());

  it('Install cures the cluster', async () => {
    await cluster.expectLoop();
    await cluster.node.sh(commandsOf(PAGE, 'Install', { REGISTRY }));
    await cluster.untilAnsweredBy('resolver');
    await cluster.expectClusterNames();
  });

  it('the doctor says that the cluster is healthy', async () => {
    const healthy = { status: 0, out: expect.stringMatching(/^healthy/) };
    expect(await cluster.doctor()).toMatchObject(healthy);
    expect(await cluster.doctorInPod('deployment/unloop')).toMatchObject(healthy);
  });

  it('Upgrade under load loses nothing', async () => {
    // The chart is the same: something in it has to change.
    const upgrade = commandsOf(PAGE, 'Upgrade').replace(
      '--reset-then-reuse-values',
      '$& --set podAnnotations.is=new',
    );
    const load = await cluster.underLoad('10.96.0.10', 30, upgrade);
    console.log('upgrade', load);
    expect(load).toMatchObject({ lost: 0, failed: 0 });
    const pods =
      "get pods --selector app.kubernetes.io/name=unloop -o jsonpath='{.items[*].metadata.annotations}'";
    expect(await cluster.kubectl(`-n kube-system ${pods}`)).toContain('"is":"new"');
  });

  it('names CoreDNS’s pods, with the right to read pods and no other', async () => {
    await expectClientsByName(cluster, 'deployment/unloop', /kube-system\/coredns-/);
  });

  it('Remove leaves nothing of it, and names resolve all the same', async () => {
    await cluster.node.sh(commandsOf(PAGE, 'Remove', { SERVER: WORLD.other.addresses[4] }));
    await cluster.untilAnsweredBy('other');
    await cluster.expectNothingLeft();
  });

  it('the kustomize base runs as it is', async () => {
    await cluster.createSecret();
    await cluster.kubectl('apply -k config/kubernetes/cluster-wide');
    await cluster.kubectl('-n kube-system rollout status deployment unloop --timeout=100s');
    const address = await cluster.kubectl(
      `-n kube-system get service unloop -o jsonpath='{.spec.clusterIP}'`,
    );
    await cluster.untilAnsweredBy('resolver', CURED_WITHIN_MS, address);
    await cluster.kubectl('delete -k config/kubernetes/cluster-wide');
    await cluster.kubectl('-n kube-system delete secret unloop');
    await cluster.expectNothingLeft();
  });
});
