// The Kubernetes manifests fit together: selectors find pods, volumes exist, the configuration is
// valid, every container is locked down. (Whether Kubernetes accepts them: the lab, against its own
// schemas.)
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments, parse as parseYaml } from 'yaml';
import { formatFault } from '../../src/config/fault.ts';
import { readYaml } from '../../src/config/read-yaml.ts';

const ROOT = join(import.meta.dirname, '../../config/kubernetes');

// biome-ignore lint/suspicious/noExplicitAny: manifests of many kinds.
type Manifest = any;

function manifests(file: string): Manifest[] {
  return parseAllDocuments(readFileSync(join(ROOT, file), 'utf8'))
    .map((document) => document.toJS() as Manifest)
    .filter((manifest) => manifest !== null);
}

/**
 * Read on a host only: it overrules files of /etc/netplan for one boot, and where resolved runs, as
 * on most nodes, netplan is not asked.
 */
const HOST_ONLY = ['/run/netplan'];
/** The paths below /etc and /run that the sources of discovery name. */
const SOURCES = join(import.meta.dirname, '../../src/discovery/sources');
const readPaths = readdirSync(SOURCES)
  // Which file sets a server is the doctor's question.
  .filter((name) => name !== 'resolved-conf.ts')
  .flatMap((name) => readFileSync(join(SOURCES, name), 'utf8').match(/(?<=')\/(etc|run)\/[^']+(?=')/g) ?? [])
  .filter((path) => !HOST_ONLY.includes(path));

const shapes = [
  { shape: 'sidecar', files: ['sidecar/unloop.yaml', 'sidecar/coredns-patch.yaml'], workload: 'Deployment' },
  { shape: 'node-local', files: ['node-local/unloop.yaml'], workload: 'DaemonSet' },
  { shape: 'cluster-wide', files: ['cluster-wide/unloop.yaml'], workload: 'Deployment' },
].map(({ shape, files, workload }) => {
  const all = files.flatMap(manifests);
  const kinds = (kind: string) => all.filter((manifest) => manifest.kind === kind);
  return { shape, all, kinds, pod: kinds(workload)[0].spec.template, name: workload };
});

it('discovery names paths at all', () => {
  expect(readPaths.length).toBeGreaterThan(8);
});

describe.each(shapes)('$shape', ({ shape, all, kinds, pod }) => {
  const unloop = [...(pod.spec.initContainers ?? []), ...(pod.spec.containers ?? [])].find(
    (container: Manifest) => container.name === 'unloop',
  );

  it('has a configuration that unloop takes', () => {
    const text = kinds('ConfigMap')[0].data['config.yaml'] as string;
    expect(readYaml(text, 'config.yaml').faults.map(formatFault)).toEqual([]);
    // Probes and Prometheus come from outside the pod.
    expect(parseYaml(text).admin.listen).toBe('[::]:9530');
    expect(parseYaml(text).discovery.root).toBe('/host');
  });

  it('mounts what its configuration names', () => {
    const mounts = new Map<string, string>(
      unloop.volumeMounts.map((mount: Manifest) => [mount.mountPath, mount.name]),
    );
    for (const { mountPath, readOnly } of unloop.volumeMounts)
      expect(readOnly ?? false).toBe(mountPath !== '/var/lib/unloop');
    expect(mounts.get('/var/lib/unloop')).toBe('unloop-state');
    // What discovery reads below /etc and /run is mounted, by directories: a file would be pinned.
    const isMounted = (path: string) =>
      [...mounts.keys()].some((mount) => `/host${path}/`.startsWith(`${mount}/`));
    for (const path of readPaths)
      expect({ path, isMounted: isMounted(path) }).toEqual({ path, isMounted: true });
    const volumes = new Map<string, Manifest>(
      pod.spec.volumes.map((volume: Manifest) => [volume.name, volume]),
    );
    for (const name of mounts.values()) expect(volumes.has(name)).toBe(true);
    const sources = volumes.get(mounts.get('/etc/unloop')!).projected.sources;
    const paths = sources.flatMap(({ configMap, secret }: Manifest) =>
      (configMap ?? secret).items.map((item: Manifest) => item.path),
    );
    const { loop } = parseYaml(kinds('ConfigMap')[0].data['config.yaml']);
    for (const { configMap, secret } of sources) expect((configMap ?? secret).optional).toBe(true);
    for (const { name, hostPath } of volumes.values())
      if (name.startsWith('unloop-host-')) expect(hostPath.type).toBe('DirectoryOrCreate');
    expect(paths).toEqual([unloop.args.at(-1).replace('/etc/unloop/', ''), loop.clusterKeyFile]);
  });

  it('gives every container nothing that it does not need', () => {
    const containers = [...(pod.spec.initContainers ?? []), ...(pod.spec.containers ?? [])];
    for (const { securityContext } of containers) {
      expect(securityContext.readOnlyRootFilesystem).toBe(true);
      expect(securityContext.allowPrivilegeEscalation).toBe(false);
      expect(securityContext.capabilities.drop).toEqual(['ALL']);
    }
    const { securityContext } = unloop;
    expect(securityContext).toMatchObject({
      runAsNonRoot: true,
      runAsUser: 65532,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    const port = Number(/:(\d+)$/.exec(parseYaml(kinds('ConfigMap')[0].data['config.yaml']).listen[0])![1]);
    expect(securityContext.capabilities.add).toEqual(port < 1024 ? ['NET_BIND_SERVICE'] : undefined);
  });

  it('has bounds and probes', () => {
    expect(unloop.resources.requests).toMatchObject({ cpu: '100m', memory: '128Mi' });
    expect(unloop.resources.limits.memory).toBe('256Mi');
    expect(unloop.livenessProbe.httpGet).toEqual({ path: '/health', port: 9530 });
    // In a sidecar a readiness probe would take CoreDNS out with it, and the cluster's own names.
    if (shape === 'sidecar') expect(unloop.readinessProbe).toBeUndefined();
    // On the node's network the old pod answers the next one's probes, and is draining then.
    else expect(unloop.readinessProbe.httpGet.path).toBe(shape === 'node-local' ? '/health' : '/serving');
  });

  it('has selectors that find its pods', () => {
    const selectors = [
      ...kinds('Service').map((service) => service.spec.selector),
      ...kinds('PodDisruptionBudget').map((budget) => budget.spec.selector.matchLabels),
      ...kinds('NetworkPolicy').map((policy) => policy.spec.podSelector.matchLabels),
      ...(pod.spec.topologySpreadConstraints ?? []).map(
        (spread: Manifest) => spread.labelSelector.matchLabels,
      ),
    ];
    expect(selectors.length).toBeGreaterThan(0);
    for (const selector of selectors) expect(pod.metadata.labels).toMatchObject(selector);
    const names = new Set((unloop.ports ?? []).map((port: Manifest) => port.name));
    for (const service of kinds('Service'))
      for (const { targetPort } of service.spec.ports)
        expect(targetPort === 9530 || names.has(targetPort)).toBe(true);
  });

  it('outlives its lameduck time', () => {
    const { lameduck } = parseYaml(kinds('ConfigMap')[0].data['config.yaml']);
    const graceSeconds = pod.spec.terminationGracePeriodSeconds ?? 30;
    expect(Number.parseInt(lameduck, 10) + 2).toBeLessThan(graceSeconds);
  });

  it('keeps everything in one namespace', () => {
    expect(new Set(all.map((manifest) => manifest.metadata.namespace))).toEqual(new Set(['kube-system']));
  });
});

it('replicas of one shape are one ring, and other shapes are others', () => {
  const rings = shapes.map(({ kinds }) => parseYaml(kinds('ConfigMap')[0].data['config.yaml']).loop.ring);
  expect(new Set(rings).size).toBe(shapes.length);
});

it('a node’s pod is followed by the next without a gap: no declared port keeps it off the node', () => {
  const { kinds, pod } = shapes[1]!;
  expect(kinds('DaemonSet')[0].spec.updateStrategy.rollingUpdate).toEqual({ maxSurge: 1, maxUnavailable: 0 });
  expect(pod.spec.hostNetwork).toBe(true);
  expect(pod.spec.containers[0].ports).toBeUndefined();
  expect(parseYaml(kinds('ConfigMap')[0].data['config.yaml']).takeOver).toBe(true);
});

it.each([
  ['alerts.yaml', 'prometheus'],
  ['unloop.json', 'grafana'],
])('the chart’s %s is the one of config/%s (render.sh copies it)', (file, folder) => {
  const copy = readFileSync(join(ROOT, 'chart/files', file), 'utf8');
  expect(copy).toBe(readFileSync(join(ROOT, '..', folder, file), 'utf8'));
});

it('the chart’s README names every value, and no other', () => {
  const text = readFileSync(join(ROOT, 'chart/README.md'), 'utf8');
  const values = parseYaml(readFileSync(join(ROOT, 'chart/values.yaml'), 'utf8')) as Record<string, unknown>;
  // Of `image.tag` and its like the first part.
  const named = new Set([...text.matchAll(/^\| `(\w+)[.`]/gm)].map((match) => match[1]!));
  expect([...named].toSorted()).toEqual(Object.keys(values).toSorted());
});
