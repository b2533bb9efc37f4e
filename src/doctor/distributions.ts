// The Kubernetes distributions that the doctor knows, as a table: how a node of each is recognized,
// where its kubelet keeps its settings, and what changes them for good. docs/doctor.md says where
// each row comes from. Called by kubelet.
import type { NodeFiles } from '../discovery/node-files.ts';
import type { Change, Distribution } from './kubelet-facts.ts';
import type { Cure } from './report.ts';

const RESTART_COREDNS = 'kubectl -n kube-system rollout restart deployment coredns';
const KUBELET_ROOT = '/var/lib/kubelet';
/** Where a change to kubeadm's kubelet goes when no file sets anything yet. */
const KUBEADM_CONFIG = '/var/lib/kubelet/config.yaml';

const BASE: Distribution = {
  name: '',
  marks: [],
  osId: '',
  rancher: '',
  configs: [KUBEADM_CONFIG],
  argumentFile: '',
  units: [],
  resolvConf: '',
  root: KUBELET_ROOT,
  settings: null,
  cure: (change) => [changeKubelet(change)],
};

/** A kubelet of no distribution in particular: kubeadm's, or one set up by hand. */
export const PLAIN: Distribution = BASE;

/** No kubelet was found. */
export const NONE: Distribution = {
  ...BASE,
  cure: ({ file }) => [
    step('kubelet, on every node, in the file that its --config names', '', [`resolvConf: ${file}`]),
  ],
};

/** Those that bring their own kubelet first: they run on any operating system, Flatcar too. */
const DISTRIBUTIONS: readonly Distribution[] = [
  rancher('k3s', 'coredns'),
  rancher('rke2', 'rke2-coredns-rke2-coredns'),
  {
    ...BASE,
    name: 'k0s',
    marks: [
      '/run/k0s/kubelet/config.yaml',
      '/etc/systemd/system/k0sworker.service',
      '/etc/systemd/system/k0scontroller.service',
      '/etc/k0s/',
      '/var/lib/k0s/',
    ],
    // Older ones keep it in the data directory.
    configs: [
      '/run/k0s/kubelet/config.yaml',
      '/var/lib/k0s/kubelet/config.yaml',
      '/var/lib/k0s/kubelet-config.yaml',
    ],
    units: ['k0sworker', 'k0scontroller'],
    root: '/var/lib/k0s/kubelet',
    cure: ({ file, kubelet }) => [
      step(
        'k0s, on every node',
        `/etc/systemd/system/${kubelet.unit}.service`,
        [`--kubelet-extra-args=--resolv-conf=${file}   # in ExecStart`],
        ['systemctl daemon-reload', `systemctl restart ${kubelet.unit}`, RESTART_COREDNS],
      ),
      instead(
        step('k0s, for all workers, on the controllers', '/etc/k0s/k0s.yaml', [
          'spec:',
          '  workerProfiles:',
          `    - { name: default, values: { resolvConf: ${file} } }`,
        ]),
      ),
    ],
  },
  {
    ...BASE,
    name: 'MicroK8s',
    marks: ['/var/snap/microk8s/current/args/kubelet'],
    configs: [],
    argumentFile: '/var/snap/microk8s/current/args/kubelet',
    root: '/var/snap/microk8s/common/var/lib/kubelet',
    cure: ({ file, kubelet }) => [
      step(
        'MicroK8s, on every node',
        kubelet.setBy === '' ? kubelet.configFile : kubelet.setBy,
        [`--resolv-conf=${file}`],
        ['snap restart microk8s.daemon-kubelite', `microk8s ${RESTART_COREDNS}`],
      ),
    ],
  },
  {
    ...BASE,
    name: 'Kubespray',
    marks: ['/etc/kubernetes/kubelet.env', '/etc/kubernetes/kubelet-config.yaml'],
    configs: ['/etc/kubernetes/kubelet-config.yaml'],
    cure: (change) => [
      changeKubelet(change),
      step("Kubespray's inventory, or its next run undoes it", 'group_vars/k8s_cluster/k8s-cluster.yml', [
        `kube_resolv_conf: ${change.file}`,
      ]),
    ],
    settings: (servers) => [
      step(
        "Kubespray's inventory: the upstreams of NodeLocal DNSCache and CoreDNS",
        'group_vars/all/all.yml',
        [`upstream_dns_servers: [${servers.join(', ')}]`],
        ['ansible-playbook -i INVENTORY cluster.yml --tags coredns,nodelocaldns'],
      ),
    ],
  },
  {
    ...BASE,
    name: 'EKS',
    marks: ['/etc/eks/kubelet/environment', '/etc/kubernetes/kubelet/config.json'],
    configs: ['/etc/kubernetes/kubelet/config.json'],
    cure: (change) => [
      step("NodeConfig in the nodes' user data, for every new node", '', [
        'spec:',
        '  kubelet:',
        '    config:',
        `      resolvConf: ${change.file}`,
      ]),
      { ...changeKubelet(change), what: 'this node, until it is replaced' },
    ],
  },
  {
    ...BASE,
    name: 'OpenShift',
    marks: ['/etc/machine-config-daemon/', '/etc/openshift/'],
    osId: 'rhcos',
    configs: ['/etc/kubernetes/kubelet.conf'],
    cure: null,
    settings: (servers) => [
      step(
        "the cluster's DNS, by its operator",
        '',
        [],
        [
          `oc patch dns.operator/default --type=merge -p '${JSON.stringify({
            spec: {
              upstreamResolvers: {
                upstreams: servers.map((address) => ({ type: 'Network', address, port: 53 })),
              },
            },
          })}'`,
        ],
      ),
      step(
        'every node, a MachineConfig that writes',
        '/etc/NetworkManager/conf.d/90-dns.conf',
        ['[global-dns-domain-*]', `servers=${servers.join(',')}`],
        ['oc apply -f machineconfig.yaml', 'oc -n openshift-dns rollout restart daemonset dns-default'],
      ),
    ],
  },
  {
    ...BASE,
    name: 'Talos',
    marks: ['/etc/kubernetes/kubelet.yaml', '/system/resolved/resolv.conf'],
    osId: 'talos',
    configs: ['/etc/kubernetes/kubelet.yaml'],
    // No setting changes it (PodResolvConfPath).
    resolvConf: '/system/resolved/resolv.conf',
    cure: null,
    settings: (servers) => [
      step(
        'the machine configuration of every node',
        'patch.yaml',
        ['machine:', '  network:', `    nameservers: [${servers.join(', ')}]`],
        ['talosctl patch machineconfig --nodes NODE --patch @patch.yaml'],
      ),
      instead(
        step('the same from Talos 1.12 on, where it is a document of its own', 'patch.yaml', [
          'apiVersion: v1alpha1',
          'kind: ResolverConfig',
          'nameservers:',
          ...servers.map((server) => `  - address: ${server}`),
        ]),
      ),
    ],
  },
  {
    ...BASE,
    name: 'Bottlerocket',
    marks: ['/run/netdog/'],
    osId: 'bottlerocket',
    // No setting changes it, and it is a link to the file of the host's resolver.
    resolvConf: '/run/netdog/resolv.conf',
    configs: ['/etc/kubernetes/kubelet/config'],
    cure: null,
    settings: (servers) => [
      step(
        'the settings of every node, in its user data too',
        'settings.toml',
        ['[settings.dns]', `name-servers = [${servers.map((server) => JSON.stringify(server)).join(', ')}]`],
        ['apiclient apply < settings.toml', RESTART_COREDNS],
      ),
    ],
  },
  {
    ...BASE,
    name: 'Flatcar',
    osId: 'flatcar',
    cure: (change) => [
      changeKubelet(change),
      instead(
        step(
          'the link that Flatcar ships, on every node and in Butane',
          '/etc/resolv.conf',
          [],
          ['ln -sfn /run/systemd/resolve/resolv.conf /etc/resolv.conf', RESTART_COREDNS],
        ),
      ),
    ],
  },
];

function rancher(name: 'k3s' | 'rke2', coredns: string): Distribution {
  return {
    ...BASE,
    name,
    rancher: name,
    configs: [`/etc/rancher/${name}/config.yaml`],
    cure: ({ file, kubelet }) => {
      // What it wrote for kubelet it writes again at each start.
      const isWritten = kubelet.setBy === '' || kubelet.setBy.includes('/agent/etc/');
      const where = isWritten ? kubelet.configFile : kubelet.setBy;
      const isYaml = /\.(ya?ml|conf)(:\d+)?$/.test(where);
      let lines = [isYaml ? `resolv-conf: ${file}` : `--resolv-conf=${file}`];
      if (kubelet.how === 'argument') {
        lines = isYaml ? ['kubelet-arg:', `  - resolv-conf=${file}`] : [`--kubelet-arg=resolv-conf=${file}`];
      }
      return [
        step(`${name}, on every node`, where, lines, [
          `systemctl restart ${kubelet.unit}`,
          `kubectl -n kube-system rollout restart deployment ${coredns}`,
        ]),
      ];
    },
  };
}

/** The line of kubelet's own file, or its flag, and the restart that makes it count. */
function changeKubelet({ kubelet, file }: Change): Cure {
  const isFlag = kubelet.how === 'flag' || kubelet.flagsOnly;
  // What only a running process can tell is in no file that we know.
  const isNamed = kubelet.setBy !== '' && !kubelet.setBy.startsWith('/proc/');
  const where = isNamed ? kubelet.setBy : isFlag ? kubelet.flagFile : kubelet.configFile;
  // Its drop-ins are JSON as well: config.json.d/40-nodeadm.conf.
  const isJson = /\.json\b/.test(where);
  const setting = isJson ? `"resolvConf": "${file}"` : `resolvConf: ${file}`;
  return step(
    where === ''
      ? 'kubelet, on every node, in the arguments that it is started with'
      : 'kubelet, on every node',
    where,
    [isFlag ? `--resolv-conf=${file}` : setting],
    [...(isFlag ? ['systemctl daemon-reload'] : []), `systemctl restart ${kubelet.unit}`, RESTART_COREDNS],
  );
}

function step(what: string, where: string, lines: readonly string[], commands: readonly string[] = []): Cure {
  return { what, where, lines, commands, isAlternative: false };
}

function instead(cure: Cure): Cure {
  return { ...cure, isAlternative: true };
}

/** The first row that fits the node; PLAIN when none does. */
export async function recognizeDistribution(files: NodeFiles): Promise<Distribution> {
  const osId = await readOsId(files);
  for (const row of DISTRIBUTIONS) {
    if (row.osId !== '' && row.osId === osId) return row;
    for (const mark of row.marks) if (await isThere(files, mark)) return row;
    if (row.rancher !== '' && (await hasRancher(files, row.rancher))) return row;
  }
  return PLAIN;
}

async function isThere(files: NodeFiles, mark: string): Promise<boolean> {
  if (mark.endsWith('/')) return (await files.list(mark)).length > 0;
  return (await files.read(mark)).kind !== 'missing';
}

async function hasRancher(files: NodeFiles, name: string): Promise<boolean> {
  const marks = [`/etc/rancher/${name}/`, `/var/lib/rancher/${name}/agent/etc/`];
  for (const directory of ['/usr/local/lib/systemd/system', '/etc/systemd/system']) {
    for (const part of ['', '-agent', '-server']) {
      marks.push(`${directory}/${name}${part}.service`, `${directory}/${name}${part}.service.env`);
    }
  }
  for (const mark of marks) if (await isThere(files, mark)) return true;
  return false;
}

async function readOsId(files: NodeFiles): Promise<string> {
  const text = (await files.text('/etc/os-release')) || (await files.text('/usr/lib/os-release'));
  // Newer ones call themselves rhel, as what they are made of.
  if (/^OPENSHIFT_VERSION=/m.test(text)) return 'rhcos';
  return /^ID=["']?([\w.-]+)/m.exec(text)?.[1] ?? '';
}
