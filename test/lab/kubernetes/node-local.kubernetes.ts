// docs/kubernetes/node-local.md on a cluster as kubeadm makes it.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cluster } from './cluster.ts';
import { REGISTRY } from './images.ts';
import { KubernetesNode, WORLD } from './node.ts';
import { commandsOf } from './page-commands.ts';

const PAGE = 'node-local.md';

describe('unloop on every node', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = new Cluster(await KubernetesNode.start());
    await cluster.startClient();
  });
  afterAll(() => cluster?.node.stop());

  const serverOfPod = () => cluster.kubectl('exec client -- cat /etc/resolv.conf');

  it('Install cures the cluster', async () => {
    await cluster.expectLoop();
    await cluster.node.sh(commandsOf(PAGE, 'Install', { REGISTRY }));
    // Pods keep their server.
    await cluster.untilAnsweredBy('resolver');
    expect(await serverOfPod()).toContain('nameserver 10.96.0.10');
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
