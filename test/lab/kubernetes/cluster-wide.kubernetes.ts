// docs/kubernetes/cluster-wide.md on a cluster as kubeadm makes it, with kube-proxy's older mode.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cluster } from './cluster.ts';
import { REGISTRY } from './images.ts';
import { KubernetesNode, WORLD } from './node.ts';
import { commandsOf } from './page-commands.ts';

const PAGE = 'cluster-wide.md';

describe('unloop as the cluster’s upstream', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = new Cluster(await KubernetesNode.start({ proxy: 'iptables' }));
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
    expect(await cluster.doctor()).toMatchObject({ status: 0, out: expect.stringMatching(/^healthy/) });
  });

  it('Remove leaves nothing of it, and names resolve all the same', async () => {
    await cluster.node.sh(commandsOf(PAGE, 'Remove', { SERVER: WORLD.other.addresses[4] }));
    await cluster.untilAnsweredBy('other');
    await cluster.expectNothingLeft();
  });
});
