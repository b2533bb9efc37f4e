// The exact words that mend what the doctor found: kubelet's line, k3s's, the Corefile's, unloop's. Called by diagnose.
import { isLoopback } from '../discovery/loopback.ts';
import type { Forward } from './corefile.ts';
import { type Facts, MAX_NAMESERVERS } from './inspect.ts';
import type { Cure, Hop } from './report.ts';
import { listensOn } from './service.ts';

/** Where a resolv.conf for pods goes when no file of the node will do. */
const OWN_FILE = '/etc/kubernetes/resolv.conf';

/** Servers beyond loopback to name, as text: those behind its stub, else those its files name, else the cloud's, else a blank to fill in. */
export function serversToName(facts: Facts): string[] {
  const real = facts.local.realServers
    .slice(0, MAX_NAMESERVERS)
    .map(({ address, port }) => (port === 0 || port === 53 ? address : `${address}:${port}`));
  if (real.length > 0) return real;
  const named = [...facts.servers, ...facts.podConf.servers].filter(
    ({ address, port }) =>
      !isLoopback(address) && !facts.services.some((service) => listensOn(service, address, port)),
  );
  if (named.length > 0) return [...new Set(named.map(({ text }) => text))].slice(0, MAX_NAMESERVERS);
  return facts.cloud === null ? ['<your network’s DNS server>'] : [...facts.cloud.resolvers];
}

/** Points kubelet (or k3s, RKE2) at a file whose servers are beyond loopback; writes that file first if there is none. */
export function cureKubelet(facts: Facts): Cure[] {
  const { kubelet, cleanFile } = facts;
  const file = cleanFile === '' ? OWN_FILE : cleanFile;
  const cures: Cure[] = [];
  if (cleanFile === '') {
    cures.push({
      what: 'a resolv.conf for pods',
      where: OWN_FILE,
      lines: serversToName(facts).map((server) => `nameserver ${server}`),
      commands: [],
      isAlternative: false,
    });
  }
  const where = kubelet.setBy === '' ? kubelet.configFile : kubelet.setBy;
  const isRancher = kubelet.flavour === 'k3s' || kubelet.flavour === 'rke2';
  const coredns = kubelet.flavour === 'rke2' ? 'rke2-coredns-rke2-coredns' : 'coredns';
  const commands = [
    ...(kubelet.how === 'flag' ? ['systemctl daemon-reload'] : []),
    `systemctl restart ${kubelet.unit}`,
    `kubectl -n kube-system rollout restart deployment ${coredns}`,
  ];
  // In a YAML file a line of it; in a unit or an environment file a flag.
  const isYaml = /\.(ya?ml|json|conf)(:\d+)?$/.test(where) && kubelet.how !== 'flag';
  let lines = [isYaml ? `resolvConf: ${file}` : `--resolv-conf=${file}`];
  if (kubelet.how === 'argument') {
    lines = isYaml ? ['kubelet-arg:', `  - resolv-conf=${file}`] : [`--kubelet-arg=resolv-conf=${file}`];
  } else if (isRancher && isYaml) lines = [`resolv-conf: ${file}`];
  const what = isRancher ? kubelet.flavour : 'kubelet';
  cures.push({ what, where, lines, commands, isAlternative: false });
  return cures;
}

/** Has unloop stand between, which takes the real servers in the place of a stub; nothing where it stands there already. */
export function cureWithUnloop(facts: Facts, stubs: readonly string[]): Cure[] {
  if (facts.unloop !== null) return [];
  const real = facts.local.realServers;
  const isKnown = real.length > 0;
  const named = serversToName(facts).join(', ');
  const local = stubs.filter((stub) => isLoopback(stub));
  const inPlace = local.length === 0 ? '' : ` in place of ${local.join(', ')}`;
  const lines = isKnown
    ? [
        `upstreams: auto                 # takes ${named}${inPlace}`,
        "discovery: { root: /host }      # the node's files, mounted read-only",
      ]
    : [
        `upstreams: [${serversToName(facts)
          .map((server) => JSON.stringify(server))
          .join(', ')}]`,
      ];
  return [
    {
      what: 'unloop beside the cluster DNS (Corefile: forward . 127.0.0.1:5300)',
      where: 'unloop.yaml',
      lines,
      commands: [],
      isAlternative: true,
    },
  ];
}

/** Has the Corefile name the real servers, or unloop. */
export function cureCorefile(facts: Facts, path: string, forward: Forward, isAlternative: boolean): Cure {
  const zone = forward.text.split(' ')[1] ?? '.';
  return {
    what: 'Corefile',
    where: `${path}:${forward.line}`,
    lines: [`forward ${zone} ${serversToName(facts).join(' ')}`],
    commands: [],
    isAlternative,
  };
}

/** Names another server in the file that closes the circle. */
export function cureSource(facts: Facts, leaf: Hop): Cure {
  const servers = serversToName(facts).join(' ');
  // dnsmasq told it itself, so that there is no file to point at.
  if (leaf.source.startsWith('CH TXT')) {
    const lines = [`server=${serversToName(facts)[0]!}   in place of ${leaf.server}`];
    return { what: 'dnsmasq', where: '', lines, commands: [], isAlternative: false };
  }
  const isResolved = /\/systemd\/resolved\.conf/.test(leaf.source);
  return {
    what: isResolved ? 'systemd-resolved' : 'the file that closes the circle',
    where: leaf.source,
    lines: isResolved ? ['[Resolve]', `DNS=${servers}`] : [`${servers}   in place of ${leaf.server}`],
    commands: isResolved ? ['systemctl restart systemd-resolved'] : [],
    isAlternative: false,
  };
}

/** A pod's resolv.conf is made on the node. */
export function cureFromPod(): Cure {
  const lines = ["unloop doctor                   # there, or in here with the node's files mounted:"];
  lines.push('unloop doctor --root /host');
  return {
    what: 'look at the node, which made this file',
    where: '',
    lines,
    commands: [],
    isAlternative: false,
  };
}

/** Names servers in a resolv.conf that has none. */
export function cureResolvConf(facts: Facts): Cure {
  const lines = serversToName(facts).map((server) => `nameserver ${server}`);
  return { what: 'the node', where: facts.resolvConf.path, lines, commands: [], isAlternative: false };
}

/** Has the doctor read NodeLocal DNSCache's configuration. */
export function cureBlindness(): Cure {
  const lines = [
    "kubectl -n kube-system get configmap node-local-dns -o jsonpath='{.data.Corefile}' | unloop doctor --corefile -",
  ];
  return { what: 'tell the doctor what it says', where: '', lines, commands: [], isAlternative: false };
}
