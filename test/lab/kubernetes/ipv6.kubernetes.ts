// A cluster and a node without IPv4: the sidecar and node-local, by the same pages.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cluster, SLOW } from './cluster.ts';
import { REGISTRY } from './images.ts';
import { KubernetesNode, WORLD } from './node.ts';
import { commandsOf } from './page-commands.ts';

describe('without IPv4', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = new Cluster(await KubernetesNode.start({ family: 6 }));
    await cluster.startClient();
  });
  afterAll(() => cluster?.node.stop());

  it('the sidecar cures the cluster', async () => {
    await cluster.expectLoop();
    await cluster.node.sh(
      commandsOf('sidecar.md', 'Install', { REGISTRY, SERVER: WORLD.other.addresses[6] }),
    );
    await cluster.untilAnsweredBy('resolver');
    await cluster.expectClusterNames();
  });

  it('kubelet’s probes reach unloop', async () => {
    const startedSeconds = `date -d "$(kubectl -n kube-system get pods --selector k8s-app=kube-dns \
      --sort-by=.status.startTime -o jsonpath='{.items[-1:].status.startTime}')" +%s`;
    const age = async () => Number(await cluster.node.sh(`echo $(( $(date +%s) - $(${startedSeconds}) ))`));
    // Twice the time to the first failure that kubelet would tell.
    await expect.poll(age, SLOW).toBeGreaterThan(20);
    const failures = 'get events --field-selector reason=Unhealthy';
    const messages = await cluster.kubectl(`-n kube-system ${failures} -o jsonpath='{.items[*].message}'`);
    expect(messages).not.toContain(':9530');
  });
});

describe('unloop on every node of a cluster that has IPv6 alone', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = new Cluster(await KubernetesNode.start({ family: 6 }));
    await cluster.startClient();
  });
  afterAll(() => cluster?.node.stop());

  it('Install cures the cluster, and pods are answered by unloop', async () => {
    await cluster.expectLoop();
    const words = { REGISTRY, SERVER: WORLD.other.addresses[6] };
    await cluster.node.sh(commandsOf('node-local.md', 'Install', words));
    await cluster.untilAnsweredBy('resolver');
    await cluster.expectClusterNames();
    const top = 'exec daemonset/unloop -c unloop -- unloop top --config /etc/unloop/config.yaml';
    expect(await cluster.kubectl(`-n kube-system ${top}`)).toMatch(/fd00:244::/);
  });

  it('the doctor says that the cluster is healthy', async () => {
    expect(await cluster.doctor()).toMatchObject({ status: 0, out: expect.stringMatching(/^healthy/) });
  });

  it('while unloop is dead, CoreDNS answers', async () => {
    await cluster.kubectl(
      `-n kube-system patch daemonset unloop --patch '{"spec":{"template":{"spec":{"nodeSelector":{"no":"node"}}}}}'`,
    );
    await cluster.untilAnsweredBy('other', SLOW.timeout);
    await cluster.expectClusterNames();
  });
});
