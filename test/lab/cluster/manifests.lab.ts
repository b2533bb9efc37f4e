// What Kubernetes itself says of the manifests: every resource that the chart renders and every
// kustomization is valid by the JSON schemas of the oldest and the newest release served, unknown
// fields refused; faulty values are refused by the chart; and the bases in the repository are what
// the chart renders today.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { goTool, pythonTool } from '../../../packaging/tools.ts';
import { NON_PUBLIC_NETWORKS } from '../../../src/config/cidr.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { operatorReader } from './tools.ts';

const KUBERNETES = fileURLToPath(new URL('../../../config/kubernetes/', import.meta.url));
const CHART = join(KUBERNETES, 'chart');
const EXAMPLE = join(import.meta.dirname, 'fixtures/sidecar');
const RELEASES = ['1.25.0', '1.31.0', '1.37.0'];
/** Those that the kustomizations are for. */
const BASE_RELEASES = RELEASES.slice(1);
const MODES = ['sidecar', 'nodeLocal', 'clusterWide'];

let folder: string;
let helm: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'unloop-manifests-'));
  helm = goTool('helm');
  goTool('kustomize');
  pythonTool('kubernetes-validate');
  operatorReader();
}, 1_800_000);
afterAll(() => rmSync(folder, { recursive: true }));

interface Rendered {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

const template = (mode: string, ...values: string[]) => templateFor(RELEASES.at(-1)!, mode, ...values);

function templateFor(release: string, mode: string, ...values: string[]): Rendered {
  const flags = ['--set', `mode=${mode}`, ...values.flatMap((value) => ['--set', value])];
  const { status, stdout, stderr } = spawnSync(
    helm,
    ['template', 'unloop', CHART, '--namespace', 'kube-system', '--kube-version', release, ...flags],
    { encoding: 'utf8' },
  );
  return { status, out: stdout, err: stderr };
}

/** Faults by the schemas; resources of a kind that Kubernetes has no schema of, apart. */
function validate(text: string, release: string): { faults: string[]; unknown: string[] } {
  const file = join(folder, 'manifests.yaml');
  writeFileSync(file, text);
  const { stdout, stderr } = spawnSync(
    pythonTool('kubernetes-validate'),
    ['--strict', '--kubernetes-version', release, file],
    { encoding: 'utf8' },
  );
  const lines = `${stdout}${stderr}`.split('\n').filter((line) => line !== '' && !line.startsWith('INFO'));
  const unknown = lines.filter((line) => line.includes("Couldn't find schema for kind"));
  return { faults: lines.filter((line) => !unknown.includes(line)), unknown };
}

const kinds = (text: string) =>
  parseAllDocuments(text)
    .map((document) => (document.toJS() as { kind?: string } | null)?.kind)
    .filter((kind) => kind !== undefined)
    .sort();

describe.each(MODES)('the chart as %s', (mode) => {
  it.each(RELEASES)('renders what Kubernetes %s takes', (release) => {
    const { status, out, err } = templateFor(
      release,
      mode,
      'serviceMonitor.enabled=true',
      'podMonitor.enabled=true',
      'prometheusRule.enabled=true',
      'dashboard.enabled=true',
      'clusterWide.autoscaling.enabled=true',
      'clusterWide.service.ipFamilyPolicy=PreferDualStack',
      'clusterWide.clusterIP=10.96.0.53',
    );
    expect({ status, err }).toEqual({ status: 0, err: '' });
    const { faults, unknown } = validate(out, release);
    expect(faults).toEqual([]);
    // The operator's own kinds.
    expect(unknown.map((line) => /kind (\S+)/.exec(line)![1]!).sort()).toEqual([
      'PodMonitor',
      'PrometheusRule',
      'ServiceMonitor',
    ]);
    expect(kinds(out).length).toBeGreaterThan(3);
  });

  it('takes settings of the user over its own, and a Secret that is there', () => {
    const { out } = template(
      mode,
      'config.cache.maxBytes=8MiB',
      'config.loop.maxHops=4',
      'clusterKey.existingSecret=keys',
    );
    expect(out).toContain('maxBytes: 8MiB');
    expect(out).toMatch(/clusterKeyFile: secrets\/cluster-key\n\s+maxHops: 4/);
    expect(kinds(out)).not.toContain('Secret');
    expect(out).toContain('name: keys');
  });

  it('mounts the token of a Secret, and has the monitoring send it', () => {
    const without = template(mode, 'serviceMonitor.enabled=true').out;
    expect(without).not.toMatch(/admin-token|authorization/);
    const { out } = template(mode, 'serviceMonitor.enabled=true', 'admin.existingSecret=door');
    // In the fallback too: a faulty file opens nothing.
    expect(out.match(/tokenFile: secrets\/admin-token/g)).toHaveLength(2);
    expect(out).toMatch(/name: door\n\s+items: \[\{ key: admin-token, path: secrets\/admin-token \}\]/);
    expect(out).toContain('credentials: { name: door, key: admin-token }');
  });

  it('keeps a token of config: in what a pod starts with whose file is faulty', () => {
    const { out } = template(mode, 'config.admin.token=sixteen-characters-and-more');
    expect(out.match(/token: sixteen-characters-and-more/g)).toHaveLength(2);
  });
});

describe('the names of pods', () => {
  it('are not read unless asked for, and never in a sidecar', () => {
    for (const mode of MODES) {
      const { out } = template(mode);
      expect(kinds(out).filter((kind) => /Role|Account/.test(kind))).toEqual([]);
      expect(out).not.toMatch(/automountServiceAccountToken: true|UNLOOP_NODE_NAME|kubernetes:|6443/);
    }
    const { status, err } = template('sidecar', 'pods.enabled=true');
    expect(status).not.toBe(0);
    expect(err).toContain('a sidecar is asked by CoreDNS alone');
    expect(template('nodeLocal', 'pods.enabled=maybe').err).toContain('pods.enabled');
  });

  it.each(['nodeLocal', 'clusterWide'])('are read by %s with a right to list and watch pods', (mode) => {
    for (const release of RELEASES) {
      const { out, err } = templateFor(release, mode, 'pods.enabled=true');
      expect(err).toBe('');
      expect(validate(out, release)).toEqual({ faults: [], unknown: [] });
    }
    // biome-ignore lint/suspicious/noExplicitAny: manifests of many kinds.
    const read = (...values: string[]): any[] =>
      parseAllDocuments(template(mode, 'pods.enabled=true', ...values).out)
        .map((document) => document.toJS())
        .filter((manifest) => manifest !== null);
    const all = read();
    const find = (kind: string) => all.find((manifest) => manifest.kind === kind);
    const { spec } = find(mode === 'nodeLocal' ? 'DaemonSet' : 'Deployment').spec.template;
    expect(spec).toMatchObject({ automountServiceAccountToken: true, serviceAccountName: 'unloop' });
    expect(find('ServiceAccount')).toMatchObject({ metadata: { name: 'unloop', namespace: 'kube-system' } });
    expect(find('ClusterRole').rules).toEqual([
      { apiGroups: [''], resources: ['pods'], verbs: ['list', 'watch'] },
    ]);
    const binding = find('ClusterRoleBinding');
    expect(binding.roleRef.name).toBe(find('ClusterRole').metadata.name);
    expect(binding.subjects).toEqual([{ kind: 'ServiceAccount', name: 'unloop', namespace: 'kube-system' }]);
    const map = all.find((manifest) => manifest.data?.['config.yaml'] !== undefined);
    expect(parseAllDocuments(map.data['config.yaml'])[0]!.toJS().kubernetes).toEqual({ pods: true });
    const unloop = spec.containers.find(({ name }: { name: string }) => name === 'unloop');
    const node = unloop.env.find(({ name }: { name: string }) => name === 'UNLOOP_NODE_NAME');
    if (mode === 'nodeLocal') expect(node.valueFrom.fieldRef.fieldPath).toBe('spec.nodeName');
    else {
      expect(node).toBeUndefined();
      const ports = find('NetworkPolicy').spec.egress.flatMap(
        (rule: { ports: { port: number }[] }) => rule.ports,
      );
      expect(ports).toContainEqual({ port: 6443, protocol: 'TCP' });
    }
    // An account of the user's is bound, and none is made.
    const theirs = read('serviceAccountName=dns');
    expect(theirs.filter(({ kind }) => kind === 'ServiceAccount')).toEqual([]);
    expect(theirs.find(({ kind }) => kind === 'ClusterRoleBinding').subjects[0].name).toBe('dns');
  });
});

describe('the patches of CoreDNS’s Deployment', () => {
  // biome-ignore lint/suspicious/noExplicitAny: manifests.
  const patches = (release: string, ...values: string[]): { patch: any; remove: any } => {
    const manifest = parseAllDocuments(templateFor(release, 'sidecar', ...values).out)
      .map((document) => document.toJS())
      .find((candidate) => candidate?.metadata.name === 'unloop-coredns-patch');
    const read = (key: string) => parseAllDocuments(manifest.data[key])[0]!.toJS().spec.template;
    return { patch: read('patch.yaml'), remove: read('remove.yaml') };
  };
  const nameOf = ({ name }: { name: string }) => name;

  it('make it a native sidecar where there are such, else a container after CoreDNS’s', () => {
    const native = patches('1.29.0').patch.spec;
    expect(native.initContainers).toMatchObject([{ name: 'unloop', restartPolicy: 'Always' }]);
    expect(native.containers).toBeUndefined();
    const old = patches('1.28.9').patch.spec;
    expect(old.initContainers).toBeUndefined();
    expect(old.containers.map(nameOf)).toEqual(['coredns', 'unloop']);
    expect(patches('1.28.9', 'sidecar.native=true').patch.spec.initContainers).toHaveLength(1);
    expect(patches('1.37.0', 'sidecar.native=false').patch.spec.containers).toHaveLength(2);
  });

  it.each(RELEASES)('take out again all that they put in (Kubernetes %s)', (release) => {
    const values = ['podAnnotations.note=x', 'podLabels.team=y', 'imagePullSecrets[0].name=pull'];
    const { patch, remove } = patches(release, ...values);
    expect(patch.metadata).toEqual({
      labels: { 'unloop/release': 'unloop', team: 'y' },
      annotations: { note: 'x' },
    });
    expect(remove.metadata).toEqual({
      labels: { 'unloop/release': null, team: null },
      annotations: { note: null },
    });
    expect(patch.spec.imagePullSecrets).toEqual([{ name: 'pull' }]);
    const deleted = (list: { name: string }[]) => list.map(({ name }) => ({ name, $patch: 'delete' }));
    expect(remove.spec.volumes).toEqual(deleted(patch.spec.volumes));
    const list = 'initContainers' in patch.spec ? 'initContainers' : 'containers';
    expect(remove.spec[list]).toEqual([{ name: 'unloop', $patch: 'delete' }]);
  });

  it('mount directories of the node, and nothing that has to be there', () => {
    const { volumes } = patches(RELEASES[0]!).patch.spec;
    expect(volumes.slice(0, 2).map(nameOf)).toEqual(['unloop-config', 'unloop-state']);
    for (const { hostPath } of volumes.slice(2)) expect(hostPath.type).toBe('DirectoryOrCreate');
    for (const source of volumes[0].projected.sources)
      expect((source.configMap ?? source.secret).optional).toBe(true);
  });
});

describe('the fallback in the pod', () => {
  it.each(
    MODES,
  )('of the chart as %s is a configuration without a fault, and has nothing of config:', (mode) => {
    const { out } = template(mode, 'config.cache.maxBytes=8MiB', 'config.upstreams={10.0.0.300}');
    const text = /UNLOOP_FALLBACK_CONFIG\n( *)value: \|\n((?:\1 {2}.*\n)+)/.exec(out)![2]!;
    expect(text).not.toMatch(/maxBytes|10\.0\.0\.300/);
    const fallback = { name: 'fallback', text };
    const { config } = loadConfig({ path: null, instead: fallback, withoutSecrets: true, environment: {} });
    expect(config.discovery.root).toBe('/host');
    expect(config.loop.ring).not.toBe('');
    expect(config.admin.listen!.port).toBe(9530);
  });
});

describe('the ports of config:', () => {
  it('are those of the fallback, the probes, the Service, the NetworkPolicy and the metrics', () => {
    const set = ['config.listen={0.0.0.0:5399}', 'config.admin.listen=0.0.0.0:9999', 'config.lameduck=40s'];
    const { out, err } = template('clusterWide', ...set, 'clusterKey.value=0123456789abcdef');
    expect(err).toBe('');
    expect(out).not.toMatch(/\b5300\b/);
    expect(out).toMatch(/- 0\.0\.0\.0:5399\n +- '\[::\]:5399'/);
    expect(out).toContain("listen: '[::]:9999'");
    expect(out).toMatch(/port: 5399, protocol: UDP/);
    expect(out).toMatch(/httpGet: \{ path: \/health, port: 9999 \}/);
    expect(out).toMatch(/targetPort: 9999/);
    expect(out).toContain('terminationGracePeriodSeconds: 60');
    // The same at each rendering, as Argo CD wants it.
    expect(out).toContain(`cluster-key: ${Buffer.from('0123456789abcdef').toString('base64')}`);
  });
});

describe('podNetworks', () => {
  it('are served beside all that is served by default', () => {
    const configOf = (text: string) =>
      parseAllDocuments(text)
        .map((document) => document.toJS())
        .find((manifest) => manifest?.kind === 'ConfigMap' && manifest.data['config.yaml'] !== undefined)
        .data['config.yaml'] as string;
    expect(configOf(template('clusterWide').out)).not.toContain('limits:');
    const text = configOf(template('clusterWide', 'podNetworks={11.0.0.0/8,2600:1f00::/24}').out);
    const { limits } = parseAllDocuments(text)[0]!.toJS() as { limits: { allow: string[] } };
    expect(limits.allow.sort()).toEqual([...NON_PUBLIC_NETWORKS, '11.0.0.0/8', '2600:1f00::/24'].sort());
    expect(template('clusterWide', 'podNetworks={anywhere}').status).not.toBe(0);
  });
});

describe('the detour', () => {
  const services = 'nodeLocal.detour.services={10.96.0.10,fd10:96::a}';

  it.each(RELEASES)('is a container with NET_ADMIN alone, beside an unloop without it (%s)', (release) => {
    const { out, err } = templateFor(release, 'nodeLocal', services, 'nodeLocal.clusterDns=10.96.0.11');
    expect(err).toBe('');
    expect(validate(out, release).faults).toEqual([]);
    const daemonSet = parseAllDocuments(out)
      .map((document) => document.toJS())
      .find((manifest) => manifest?.kind === 'DaemonSet');
    const { initContainers, containers } = daemonSet.spec.template.spec;
    const [unloop, detour] = containers;
    expect(initContainers[0].args).toEqual(['169.254.20.10', '169.254.20.11', 'fd75:6e6c:6f6f:7000::53']);
    expect(detour.args).toEqual([
      '--question=kubernetes.default.svc.cluster.local',
      '--to=169.254.20.11',
      '--service=10.96.0.10',
      '--to=fd75:6e6c:6f6f:7000::53',
      '--service=fd10:96::a',
      '--socket=/var/lib/unloop/detour',
    ]);
    expect(detour.securityContext.capabilities).toEqual({ drop: ['ALL'], add: ['NET_ADMIN'] });
    expect(unloop.securityContext.capabilities.add).toEqual(['NET_BIND_SERVICE']);
    // In the file and in the fallback.
    expect(out.match(/- 169\.254\.20\.11:53\n +- '\[fd75:6e6c:6f6f:7000::53\]:53'/g)).toHaveLength(2);
  });

  it('is refused where it would lead unloop to itself, or nowhere', () => {
    expect(template('nodeLocal', services).err).toContain('unloop would ask itself');
    const none = ['nodeLocal.clusterDns=10.96.0.11', 'nodeLocal.detour.addresses={169.254.20.11}'];
    expect(template('nodeLocal', services, ...none).err).toContain('none of the family of fd10:96::a');
    const two = ['nodeLocal.clusterDns=10.96.0.11', 'nodeLocal.detour.services={10.96.0.10,10.96.0.12}'];
    expect(template('nodeLocal', ...two).err).toContain('has 10.96.0.10 and 10.96.0.12: one of a family');
  });
});

describe('the ServiceMonitor', () => {
  const read = (text: string) => spawnSync(operatorReader(), { input: text, encoding: 'utf8' });

  it.each(
    MODES,
  )('of the chart as %s is one that the operator’s type takes, and finds its Service', (mode) => {
    const documents = parseAllDocuments(template(mode, 'serviceMonitor.enabled=true').out);
    const monitor = documents.find((document) => document.get('kind') === 'ServiceMonitor')!;
    expect(read(monitor.toString())).toMatchObject({ status: 0, stderr: '' });
    expect(read(monitor.toString().replace('interval:', 'intervall:')).stderr).toContain('intervall');
    const { matchLabels } = monitor.toJS().spec.selector;
    const services = documents
      .map((document) => document.toJS())
      .filter((manifest) => manifest?.kind === 'Service')
      .filter(({ spec }) => spec.ports.some((port: { name: string }) => port.name === 'metrics'));
    expect(services).toHaveLength(1);
    expect(services[0].metadata.labels).toMatchObject(matchLabels);
  });
});

describe('the chart', () => {
  it('is one that helm lint has nothing against', () => {
    expect(execFileSync(helm, ['lint', '--strict', CHART], { encoding: 'utf8' })).toContain(
      '0 chart(s) failed',
    );
  });

  it.each([
    ['mode=everywhere', 'mode'],
    ['nodeLocal.address=localhost', 'nodeLocal.address'],
    ['clusterWide.replicas=0', 'clusterWide.replicas'],
    ['sidecar.port=53', 'sidecar.port'],
    ['image.digest=sha256:abc', 'image.digest'],
    ['confg.listen=x', 'confg'],
    ['config.cache.maxEntrys=3', 'config.cache'],
    ['config.workers=many', 'config.workers'],
  ])('refuses %s', (value, where) => {
    const { status, err } = template('clusterWide', value);
    expect(status).not.toBe(0);
    expect(err).toContain(where);
  });

  it('is checked by schemas that find a fault', () => {
    const { out } = template('nodeLocal');
    const { faults } = validate(out.replace('maxSurge', 'maxSurgee'), RELEASES.at(-1)!);
    expect(faults.join()).toContain('maxSurgee');
  });
});

describe('the kustomizations', () => {
  const build = (path: string) =>
    execFileSync(goTool('kustomize'), ['build', '--load-restrictor', 'LoadRestrictionsNone', path], {
      encoding: 'utf8',
    });

  it.each([
    ['node-local', join(KUBERNETES, 'node-local'), ['ConfigMap', 'DaemonSet', 'Service']],
    [
      'cluster-wide',
      join(KUBERNETES, 'cluster-wide'),
      ['ConfigMap', 'Deployment', 'NetworkPolicy', 'PodDisruptionBudget', 'Service', 'Service'],
    ],
    ['sidecar over kubeadm’s CoreDNS', EXAMPLE, ['ConfigMap', 'Deployment', 'Service']],
  ])('%s is valid', (_name, path, expected) => {
    const out = build(path);
    expect(kinds(out)).toEqual(expected);
    for (const release of BASE_RELEASES) expect(validate(out, release)).toEqual({ faults: [], unknown: [] });
  });

  it('put unloop into CoreDNS’s pod and leave CoreDNS as it was', () => {
    // biome-ignore lint/suspicious/noExplicitAny: a manifest.
    const deployment = (text: string): any =>
      parseAllDocuments(text)
        .map((document) => document.toJS())
        .find((manifest) => manifest?.kind === 'Deployment');
    const before = deployment(readFileSync(join(EXAMPLE, 'coredns.yaml'), 'utf8'));
    const after = deployment(build(EXAMPLE));
    const pod = after.spec.template;
    expect(pod.spec.initContainers).toMatchObject([{ name: 'unloop', restartPolicy: 'Always' }]);
    delete pod.spec.initContainers;
    pod.spec.volumes = pod.spec.volumes.filter(({ name }: { name: string }) => !name.startsWith('unloop-'));
    delete pod.metadata.labels['unloop/release'];
    expect(after).toEqual(before);
  });

  it('are what the chart renders today (config/kubernetes/render.sh)', () => {
    execFileSync(join(KUBERNETES, 'render.sh'), [folder], { env: { ...process.env, HELM: helm } });
    for (const file of [
      'sidecar/unloop.yaml',
      'sidecar/coredns-patch.yaml',
      'sidecar/remove.yaml',
      'node-local/unloop.yaml',
      'cluster-wide/unloop.yaml',
    ])
      expect(readFileSync(join(KUBERNETES, file), 'utf8')).toBe(readFileSync(join(folder, file), 'utf8'));
  });
});
