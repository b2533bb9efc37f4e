// docs/kubernetes/sidecar.md on a cluster as kubeadm makes it, from the failure to the removal.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cluster, SLOW } from './cluster.ts';
import { REGISTRY } from './images.ts';
import { KubernetesNode, WORLD } from './node.ts';
import { commandsOf } from './page-commands.ts';

const PAGE = 'sidecar.md';
const SERVER = WORLD.other.addresses[4];

describe('unloop in CoreDNS’s pods', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = new Cluster(await KubernetesNode.start());
    await cluster.startClient();
  });
  afterAll(() => cluster?.node.stop());

  const unloopContainers = () =>
    cluster.kubectl(
      '-n kube-system get pods --selector k8s-app=kube-dns ' +
        `-o jsonpath='{.items[*].spec.containers[*].name} {.items[*].spec.initContainers[*].name}'`,
    );

  it('without it CoreDNS dies of the loop, and the doctor says why', async () => {
    await cluster.expectLoop();
    const { status, out } = await cluster.doctor();
    expect(out).toContain('127.0.0.53');
    expect(status).toBe(1);
  });

  it('Install cures the cluster', async () => {
    await cluster.node.sh(commandsOf(PAGE, 'Install', { REGISTRY, SERVER }));
    console.log(
      `outside names resolve ${await cluster.untilAnsweredBy('resolver')} ms after the last command`,
    );
    await cluster.expectClusterNames();
    expect(await unloopContainers()).toContain('unloop');
  });

  it('the doctor says that the cluster is healthy', async () => {
    const { status, out } = await cluster.doctor();
    expect(out).toMatch(/^healthy/);
    expect(status).toBe(0);
  });

  it('follows the node’s resolver that starts again with another server', async () => {
    await cluster.node.sh(`
      sed -i s/${WORLD.resolver.addresses[4]}/${WORLD.other.addresses[4]}/ /run/systemd/resolved.conf.d/lab.conf
      pkill -x systemd-resolve`);
    await cluster.untilAnsweredBy('other', SLOW.timeout);
    await cluster.node.sh(`
      sed -i s/${WORLD.other.addresses[4]}/${WORLD.resolver.addresses[4]}/ /run/systemd/resolved.conf.d/lab.conf
      pkill -x systemd-resolve`);
    await cluster.untilAnsweredBy('resolver', SLOW.timeout);
  });

  it('follows a resolv.conf that is replaced by a file, and by a link again', async () => {
    await cluster.node.sh(`
      echo nameserver ${SERVER} > /etc/resolv.conf.new
      mv -T /etc/resolv.conf.new /etc/resolv.conf`);
    await cluster.untilAnsweredBy('other');
    await cluster.node.sh(`
      ln -s ../run/systemd/resolve/resolv.conf /etc/resolv.conf.new
      mv -T /etc/resolv.conf.new /etc/resolv.conf`);
    await cluster.untilAnsweredBy('resolver');
    await cluster.node.sh('ln -sf ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf');
    await cluster.untilAnsweredBy('resolver');
  });

  it('takes over a change of its ConfigMap', async () => {
    await cluster.kubectl(
      `-n kube-system get configmap unloop -o yaml | sed 's#config.yaml: |#&\\n    upstreams: ["${SERVER}"]#' | kubectl replace -f -`,
    );
    await cluster.untilAnsweredBy('other', SLOW.timeout);
    await cluster.kubectl(
      `-n kube-system get configmap unloop -o yaml | sed '/upstreams: \\["${SERVER}"\\]/d' | kubectl replace -f -`,
    );
    await cluster.untilAnsweredBy('resolver', SLOW.timeout);
  });

  it('kubeadm’s own Deployment laid over it is no outage, and Upgrade brings unloop back', async () => {
    await cluster.node.sh(`kubeadm init phase addon coredns --config ${cluster.node.folder}/kubeadm.yaml`);
    await cluster.kubectl('-n kube-system rollout status deployment coredns --timeout=100s');
    // The old pods are there until they have ended.
    await expect.poll(unloopContainers, SLOW).not.toContain('unloop');
    await cluster.untilAnsweredBy('other');
    await cluster.node.sh(commandsOf(PAGE, 'Upgrade'));
    await cluster.untilAnsweredBy('resolver');
  });

  it('Remove leaves nothing of it, and names resolve all the same', async () => {
    await cluster.node.sh(commandsOf(PAGE, 'Remove'));
    await cluster.untilAnsweredBy('other');
    await cluster.expectNothingLeft();
    await expect.poll(unloopContainers, SLOW).not.toContain('unloop');
  });
});
