// docs/kubernetes/node-local.md on a cluster as kubeadm makes it.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectClientsByName } from './clients-by-name.ts';
import { Cluster, CURED_WITHIN_MS, LOAD_PER_SECOND, SLOW } from './cluster.ts';
import { REGISTRY } from './images.ts';
import { KubernetesNode, WORLD } from './node.ts';
import { commandsOf } from './page-commands.ts';

const PAGE = 'node-local.md';
/** kube-dns. */
const SERVICE = '10.96.0.10';
/** The command line of its process in the pod. */
const UNLOOP = '^/usr/local/bin/node /app/dist/unloop/main.js run';

describe('unloop on every node', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = new Cluster(await KubernetesNode.start());
    await cluster.startClient();
  });
  afterAll(() => cluster?.node.stop());

  it('Install cures the cluster', async () => {
    await cluster.expectLoop();
    await cluster.node.sh(commandsOf(PAGE, 'Install', { REGISTRY, SERVER: WORLD.other.addresses[4] }));
    // Pods keep their server.
    await cluster.untilAnsweredBy('resolver');
    expect(await cluster.kubectl('exec client -- cat /etc/resolv.conf')).toContain(`nameserver ${SERVICE}`);
    await cluster.expectClusterNames();
  });

  it('the doctor says that the cluster is healthy', async () => {
    const healthy = { status: 0, out: expect.stringMatching(/^healthy/) };
    expect(await cluster.doctor()).toMatchObject(healthy);
    expect(await cluster.doctorInPod('daemonset/unloop')).toMatchObject(healthy);
  });

  const untilDetour = () =>
    expect
      .poll(() => cluster.node.sh('nft list ruleset | grep -c "169.254.20.11" || true'), SLOW)
      .not.toBe('0\n');

  it('Upgrade under load loses nothing', async () => {
    await untilDetour();
    // The chart is the same: something in it has to change.
    const upgrade = commandsOf(PAGE, 'Upgrade').replace(
      '--reset-then-reuse-values',
      '$& --set podAnnotations.is=new',
    );
    const load = await cluster.underLoad(SERVICE, 30, upgrade);
    console.log('upgrade', load);
    expect(load).toMatchObject({ lost: 0, failed: 0 });
    const pods =
      "get pods --selector app.kubernetes.io/name=unloop -o jsonpath='{.items[*].metadata.annotations}'";
    expect(await cluster.kubectl(`-n kube-system ${pods}`)).toContain('"is":"new"');
  });

  it('kill -9 loses what is in flight, and CoreDNS answers meanwhile', async () => {
    await untilDetour();
    // Its process in the pod, not the detour's: the one that runs node.
    const kill = `pkill -KILL -f '${UNLOOP}'`;
    const load = await cluster.underLoad(SERVICE, 15, kill);
    console.log('kill -9', load);
    expect(load.lost).toBeLessThanOrEqual(1.5 * LOAD_PER_SECOND);
    expect(load.failed).toBe(0);
    await cluster.untilAnsweredBy('resolver');
  });

  it('the kernel kills it for its memory: what is in flight is lost, and CoreDNS answers meanwhile', async () => {
    await untilDetour();
    // A process in unloop's memory cgroup fills it, and unloop is the one that the kernel prefers.
    const load = await cluster.underLoad(
      SERVICE,
      15,
      `pid=$(pgrep -o -f '${UNLOOP}')
      for each in $(pgrep -f '${UNLOOP}'); do echo 1000 > /proc/$each/oom_score_adj; done
      cgroup=/sys/fs/cgroup/memory$(sed -n 's/^[0-9]*:memory://p' /proc/$pid/cgroup)
      sh -c 'echo $$ > '$cgroup'/cgroup.procs; exec tail /dev/zero' || true`,
    );
    console.log('OOM', load);
    expect(load.lost).toBeLessThanOrEqual(1.5 * LOAD_PER_SECOND);
    expect(load.failed).toBe(0);
    const reason = '-o jsonpath=\'{.items[*].status.containerStatuses[?(@.name=="unloop")].lastState}\'';
    const states = () =>
      cluster.kubectl(`-n kube-system get pods --selector app.kubernetes.io/name=unloop ${reason}`);
    await expect.poll(states, SLOW).toContain('OOMKilled');
    await untilDetour();
    await cluster.untilAnsweredBy('resolver');
  });

  it('while it hangs, CoreDNS answers after 1.5 s', async () => {
    await untilDetour();
    // Sooner awake than kubelet's probe would end it.
    const load = await cluster.underLoad(
      SERVICE,
      15,
      `pkill -STOP -f '${UNLOOP}'; sleep 8; pkill -CONT -f '${UNLOOP}'`,
    );
    console.log('hang', load);
    expect(load.lost).toBeLessThanOrEqual(2 * LOAD_PER_SECOND);
    expect(load.failed).toBe(0);
    await untilDetour();
    await cluster.untilAnsweredBy('resolver');
  });

  it('names the pods that ask, with the right to read pods and no other', async () => {
    await expectClientsByName(cluster, 'daemonset/unloop', /default\/client/);
  });

  it('Remove leaves nothing of it, and names resolve all the same', async () => {
    await cluster.node.sh(commandsOf(PAGE, 'Remove'));
    await cluster.untilAnsweredBy('other');
    await cluster.expectNothingLeft();
  });

  it('the kustomize base runs as it is', async () => {
    await cluster.createSecret();
    await cluster.kubectl('apply -k config/kubernetes/node-local');
    await cluster.kubectl('-n kube-system rollout status daemonset unloop --timeout=100s');
    await cluster.untilAnsweredBy('resolver', CURED_WITHIN_MS, '169.254.20.10');
    const { out } = await cluster.lookup('kubernetes.default.svc.cluster.local.', '169.254.20.10');
    expect(out).toMatch(/Address: +10\.96\.0\.1$/m);
    await cluster.kubectl('delete -k config/kubernetes/node-local');
    await cluster.kubectl('-n kube-system delete secret unloop');
    await cluster.expectNothingLeft();
  });
});
