// docs/kubernetes/sidecar.md on a cluster as kubeadm makes it, from the failure to the removal.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cluster, type Load, SLOW } from './cluster.ts';
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

  /** Both pods of CoreDNS are replaced while a pod asks the Service. */
  const restartUnderLoad = async (): Promise<Load> => {
    // The pods of the rollout before have ended.
    const pods = '-n kube-system get pods --selector k8s-app=kube-dns -o name';
    await expect.poll(async () => (await cluster.kubectl(pods)).trim().split('\n'), SLOW).toHaveLength(2);
    return cluster.underLoad(
      '10.96.0.10',
      25,
      `kubectl -n kube-system rollout restart deployment coredns
      kubectl -n kube-system rollout status deployment coredns --timeout=100s`,
    );
  };
  let alone: Load;

  it('without it CoreDNS dies of the loop, and the doctor says why', async () => {
    await cluster.expectLoop();
    const { status, out } = await cluster.doctor();
    expect(out).toContain('127.0.0.53');
    expect(status).toBe(1);
    expect(await cluster.doctorInDebugPod()).toMatch(/^(loops|would loop)/m);
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
    expect(await cluster.doctorInDebugPod()).toMatch(/^healthy: the cluster's DNS goes through unloop/m);
    const inPod = await cluster.doctorInPod('deployment/coredns');
    expect(inPod).toMatchObject({ status: 0, out: expect.stringMatching(/^healthy: unloop in this pod/) });
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

  /** Changes the ConfigMap's text; the function that this returns changes it back. */
  const withConfigLine = async (line: string) => {
    const get = '-n kube-system get configmap unloop -o yaml';
    await cluster.kubectl(`${get} | sed 's#config.yaml: |#&\\n    ${line}#' | kubectl replace -f -`);
    return () =>
      cluster.kubectl(`${get} | sed '/^    ${line.replaceAll('[', '\\[')}$/d' | kubectl replace -f -`);
  };

  it('takes over a change of its ConfigMap', async () => {
    const changeBack = await withConfigLine(`upstreams: ["${SERVER}"]`);
    await cluster.untilAnsweredBy('other', SLOW.timeout);
    await changeBack();
    await cluster.untilAnsweredBy('resolver', SLOW.timeout);
  });

  it('a pod that starts with a faulty ConfigMap serves, says so, and takes the repaired one', async () => {
    const changeBack = await withConfigLine('upstreems: ["192.0.2.9"]');
    await cluster.kubectl('-n kube-system rollout restart deployment coredns');
    await cluster.kubectl('-n kube-system rollout status deployment coredns --timeout=100s');
    const isOnFallback = () => cluster.metricOf('k8s-app=kube-dns', 'unloop_config_fallback');
    await expect.poll(isOnFallback, SLOW).toEqual(['1', '1']);
    await cluster.untilAnsweredBy('resolver');
    await cluster.expectClusterNames();
    const logs = 'logs --selector k8s-app=kube-dns --container unloop --tail=-1';
    expect(await cluster.kubectl(`-n kube-system ${logs}`)).toContain('upstreems');
    await changeBack();
    await expect.poll(isOnFallback, SLOW).toEqual(['0', '0']);
    await cluster.untilAnsweredBy('resolver');
  });

  it('kubeadm’s own Deployment laid over it is no outage, and Upgrade brings unloop back', async () => {
    await cluster.node.sh(`kubeadm init phase addon coredns --config ${cluster.node.folder}/kubeadm.yaml`);
    await cluster.kubectl('-n kube-system rollout status deployment coredns --timeout=100s');
    // The old pods are there until they have ended.
    await expect.poll(unloopContainers, SLOW).not.toContain('unloop');
    await cluster.untilAnsweredBy('other');
    alone = await restartUnderLoad();
    await cluster.node.sh(commandsOf(PAGE, 'Upgrade'));
    await cluster.untilAnsweredBy('resolver');
  });

  it('a rolling restart under load loses no more than that of CoreDNS alone', async () => {
    const withUnloop = await restartUnderLoad();
    console.log('rolling restart: CoreDNS alone', alone, 'with the sidecar', withUnloop);
    expect(withUnloop.sent).toBe(alone.sent);
    expect(withUnloop.failed).toBe(0);
    // CoreDNS loses a few at random, the one time or the other.
    expect(withUnloop.lost - alone.lost).toBeLessThanOrEqual(alone.sent / 1000);
  });

  it('Remove leaves nothing of it, and names resolve all the same', async () => {
    await cluster.node.sh(commandsOf(PAGE, 'Remove'));
    await cluster.untilAnsweredBy('other');
    await cluster.expectNothingLeft();
    await expect.poll(unloopContainers, SLOW).not.toContain('unloop');
  });

  it('the kustomize component over CoreDNS’s Deployment is the same, and so is its removal', async () => {
    await cluster.createSecret();
    const forwardTo = (from: string, to: string) =>
      cluster.kubectl(
        `-n kube-system get configmap coredns -o yaml | sed 's#forward \\. ${from} {#forward . ${to} {#' | kubectl replace -f -`,
      );
    await forwardTo(SERVER, `127.0.0.1:5300 ${SERVER}`);
    await cluster.node.sh(`
      mkdir /run/node/kustomize
      kubectl -n kube-system get deployment coredns -o yaml > /run/node/kustomize/coredns.yaml
      echo 'resources: [coredns.yaml]
components: [../../../'"$PWD"'/config/kubernetes/sidecar]' > /run/node/kustomize/kustomization.yaml
      kubectl apply -k /run/node/kustomize
      kubectl -n kube-system rollout status deployment coredns --timeout=100s`);
    expect(await unloopContainers()).toContain('unloop');
    await cluster.untilAnsweredBy('resolver');
    await forwardTo(`127.0.0.1:5300 ${SERVER}`, SERVER);
    await cluster.node.sh(`
      kubectl -n kube-system patch deployment coredns --patch-file config/kubernetes/sidecar/remove.yaml
      kubectl -n kube-system rollout status deployment coredns --timeout=100s
      kubectl delete -f config/kubernetes/sidecar/unloop.yaml
      kubectl -n kube-system delete secret unloop`);
    await cluster.untilAnsweredBy('other');
    await cluster.expectNothingLeft();
  });
});
