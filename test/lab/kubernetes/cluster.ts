// What the tests ask of the cluster on the laboratory's node.
import { expect } from 'vitest';
import { REPOSITORY } from '../../../packaging/image/image-tree.ts';
import { CLIENT_IMAGE, REGISTRY } from './images.ts';
import { type KubernetesNode, type Result, WORLD, type WorldServer } from './node.ts';
import { commandsOf } from './page-commands.ts';

/** A page's commands have cured the cluster when outside names resolve so soon after the last. */
export const CURED_WITHIN_MS = 10_000;
/** For what takes kubelet's sync period, or an image or a rollout on a loaded machine. */
export const SLOW = { timeout: 150_000, interval: 500 };

const CLIENT = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'client' },
  spec: {
    terminationGracePeriodSeconds: 0,
    containers: [
      { name: 'client', image: CLIENT_IMAGE, imagePullPolicy: 'Never', command: ['sleep', '1000000'] },
    ],
  },
};

const LOAD = 'test/lab/kubernetes/load.mjs';
export const LOAD_PER_SECOND = 200;

/** What became of the questions of a load: each was sent once. */
export interface Load {
  readonly sent: number;
  readonly lost: number;
  /** Answered with another rcode than NOERROR. */
  readonly failed: number;
  /** How many were lost or failed that were sent in which second. */
  readonly badAt: Readonly<Record<string, number>>;
}

export class Cluster {
  readonly node: KubernetesNode;
  #asked = 0;

  constructor(node: KubernetesNode) {
    this.node = node;
  }

  /** Starts the pod that asks: again when the server that kubelet gives to pods has changed. */
  async startClient(): Promise<void> {
    await this.node.sh('kubectl delete pod client --ignore-not-found --wait');
    // The service account is made some time after the namespace.
    await this.node.sh('kubectl wait --for=create serviceaccount/default --timeout=100s');
    await this.node.sh(`echo '${JSON.stringify(CLIENT)}' | kubectl apply -f -`);
    await this.node.sh('kubectl wait --for=condition=Ready pod/client --timeout=100s');
  }

  /** Asks a name in the client's pod: the server that kubelet gave it, or another. */
  lookup(name: string, at = ''): Promise<Result> {
    const type = this.node.family === 6 ? 'aaaa' : 'a';
    return this.node.try(`kubectl exec client -- timeout 4 nslookup -type=${type} ${name} ${at}`);
  }

  /** The server of the world that has answered an outside name, or what the client said. */
  async outsideAnswer(at = ''): Promise<WorldServer | string> {
    // Never asked before: no cache has it.
    this.#asked += 1;
    const { out } = await this.lookup(`name-${this.#asked}-${process.pid}.example.`, at);
    const servers = Object.keys(WORLD) as WorldServer[];
    return servers.find((server) => out.includes(WORLD[server].answers[this.node.family])) ?? out;
  }

  /** Waits until this server of the world answers outside names, and returns after how long. */
  async untilAnsweredBy(server: WorldServer, timeout = CURED_WITHIN_MS, at = ''): Promise<number> {
    const startedMs = performance.now();
    await expect.poll(() => this.outsideAnswer(at), { timeout, interval: 200 }).toBe(server);
    return Math.round(performance.now() - startedMs);
  }

  /** Runs a script while the client's pod asks this server; the load begins 3 s before it. */
  async underLoad(server: string, seconds: number, script: string): Promise<Load> {
    // busybox cannot do it: a program of this machine in the network of the pod.
    const enter = `nsenter --net --target $(pgrep -xf 'sleep 1000000' | head -n 1)`;
    const ask = `${enter} ${process.execPath} ${LOAD} ${server} ${LOAD_PER_SECOND} ${seconds}`;
    const [load] = await Promise.all([this.node.sh(ask), this.node.sh(`sleep 3\n${script}`)]);
    return JSON.parse(load) as Load;
  }

  /** A metric's values in the pods of a selector, as unloop tells them. */
  async metricOf(selector: string, name: string): Promise<string[]> {
    const pods = `get pods --selector ${selector} -o jsonpath='{range .items[*]}{.status.podIP}{"\\n"}{end}'`;
    const addresses = (await this.kubectl(`-n kube-system ${pods}`)).trim().split('\n');
    // A pod may end while it is asked: nobody closes that connection.
    const read = (address: string) =>
      this.node.sh(
        `curl -sg --max-time 5 'http://${address.includes(':') ? `[${address}]` : address}:9530/metrics'`,
      );
    const pages = await Promise.all(addresses.map(read));
    return pages.map((page) => new RegExp(`^${name} (.*)$`, 'm').exec(page)?.[1] ?? 'none');
  }

  /** Names of the cluster itself: they need CoreDNS and nothing else. */
  async expectClusterNames(): Promise<void> {
    const { out } = await this.lookup('kubernetes.default.svc.cluster.local.');
    expect(out).toMatch(this.node.family === 6 ? /Address: +fd00:96::1$/m : /Address: +10\.96\.0\.1$/m);
  }

  kubectl(args: string): Promise<string> {
    return this.node.sh(`kubectl ${args}`);
  }

  /** The Secret that the kustomize bases need. */
  createSecret(): Promise<string> {
    return this.kubectl(
      `-n kube-system create secret generic unloop --from-literal=cluster-key="$(openssl rand -hex 32)"`,
    );
  }

  /** After a page's Remove: the cluster's own names resolve, and nothing of the chart is left. */
  async expectNothingLeft(): Promise<void> {
    await this.expectClusterNames();
    const kinds = 'all,configmap,secret,serviceaccount,clusterrole,clusterrolebinding';
    const left = () => this.kubectl(`-n kube-system get ${kinds} -o name`);
    await expect.poll(left, SLOW).not.toContain('unloop');
  }

  /** Runs the doctor on the node, as its administrator would. */
  doctor(args = ''): Promise<Result> {
    return this.node.try(`${process.execPath} ${REPOSITORY}/dist/unloop/main.js doctor ${args}`);
  }

  /** Runs it by `kubectl debug`, as docs/kubernetes/README.md says. */
  doctorInDebugPod(): Promise<string> {
    const commands = commandsOf('README.md', 'Check a node', { NODE: 'node1', REGISTRY });
    return this.node.sh(`cd /run/node\n${commands}`);
  }

  /** Runs it in an unloop's own pod. */
  doctorInPod(workload: string): Promise<Result> {
    return this.node.try(`kubectl -n kube-system exec ${workload} -c unloop -- unloop doctor --root /host`);
  }

  /** What CoreDNS's containers have said, those that have died included. */
  async corednsLogs(): Promise<string> {
    const logs = 'logs --selector k8s-app=kube-dns --container coredns --tail=-1';
    const each = await Promise.all([
      this.node.try(`kubectl -n kube-system ${logs}`),
      this.node.try(`kubectl -n kube-system ${logs} --previous`),
    ]);
    return each.map(({ out }) => out).join('\n');
  }

  /** Waits for what kubeadm's own cluster does on a node whose resolv.conf names a local stub. */
  async expectLoop(): Promise<void> {
    await expect.poll(() => this.corednsLogs(), SLOW).toContain('[FATAL] plugin/loop: Loop (');
    await expect
      .poll(() => this.kubectl('-n kube-system get pods --selector k8s-app=kube-dns'), SLOW)
      .toContain('CrashLoopBackOff');
  }
}
