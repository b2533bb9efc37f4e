// The names of pods in the diagnostics, on a cluster whose unloop helm has installed.
import { expect } from 'vitest';
import { type Cluster, SLOW } from './cluster.ts';

/** With the chart's pods.enabled, `unloop top` names this client; it may read pods, and no more. */
export async function expectClientsByName(cluster: Cluster, workload: string, client: RegExp): Promise<void> {
  await cluster.node.sh(`
    helm upgrade unloop config/kubernetes/chart --namespace kube-system --reset-then-reuse-values \\
      --set pods.enabled=true
    kubectl -n kube-system rollout status ${workload} --timeout=100s`);
  const topClients = async () => {
    await cluster.outsideAnswer();
    return cluster.kubectl(
      `-n kube-system exec ${workload} -c unloop -- unloop top --config /etc/unloop/config.yaml`,
    );
  };
  await expect.poll(topClients, SLOW).toMatch(client);
  const may = async (what: string) => {
    const account = 'system:serviceaccount:kube-system:unloop';
    // Its exit code says no as well.
    const { out } = await cluster.node.try(`kubectl auth can-i ${what} --all-namespaces --as ${account}`);
    return out;
  };
  expect(await may('watch pods')).toMatch(/^yes$/m);
  expect(await may('get secrets')).toMatch(/^no$/m);
  expect(await may('delete pods')).toMatch(/^no$/m);
}
