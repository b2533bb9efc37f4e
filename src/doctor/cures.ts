// The exact words that cure what the doctor found: kubelet's line (distributions has them), the
// Corefile's, unloop's. Called by findings.
import { isLoopback } from '../discovery/loopback.ts';
import type { Forward } from './corefile.ts';
import { type Facts, MAX_NAMESERVERS } from './inspect.ts';
import type { Cure, Hop } from './report.ts';
import { plainEndpointOf, targetOf } from './service.ts';

/** Where a resolv.conf for pods goes when no file of the node will do. */
const OWN_FILE = '/etc/kubernetes/resolv.conf';

/**
 * Servers to name, as text: those that some file of the node names, else those that its own servers
 * ask, else the cloud's, else a blank.
 */
export function serversToName(facts: Facts): string[] {
  const real = facts.realServers.map(targetOf);
  const asked = facts.services.flatMap(({ routes }) =>
    routes.filter(({ zone }) => zone === '.').flatMap(({ targets }) => targets),
  );
  const spare = facts.local.resolvedServers.map(targetOf);
  for (const targets of [real, [...facts.servers, ...facts.podConf.servers], asked, spare]) {
    const usable = targets.filter((target) => {
      const endpoint = plainEndpointOf(target);
      return endpoint !== null && facts.isUsable(endpoint);
    });
    if (usable.length > 0) return [...new Set(usable.map(({ text }) => text))].slice(0, MAX_NAMESERVERS);
  }
  return facts.cloud === null ? ['<your network’s DNS server>'] : [...facts.cloud.resolvers];
}

/**
 * Has kubelet copy a file whose servers lead away from the node, as its distribution wants it;
 * writes that file first if there is none.
 */
export function cureKubelet(facts: Facts): Cure[] {
  const { kubelet, cleanFile } = facts;
  const { cure, settings } = kubelet.distribution;
  const servers = serversToName(facts);
  if (cure === null) return settings?.(servers) ?? [];
  const cures = cure({ kubelet, file: cleanFile === '' ? OWN_FILE : cleanFile });
  if (cleanFile !== '') return cures;
  const lines = servers.map((server) => `nameserver ${server}`);
  const what = 'a resolv.conf for pods, on every node';
  return [{ what, where: OWN_FILE, lines, commands: [], isAlternative: false }, ...cures];
}

/**
 * Has unloop stand between, which takes the real servers in the place of a stub; nothing where it
 * stands there already.
 */
export function cureWithUnloop(facts: Facts, stubs: readonly string[]): Cure[] {
  if (facts.unloop !== null || facts.podUnloops.length > 0 || facts.isOwnPod) return [];
  const servers = serversToName(facts);
  const local = stubs.filter((stub) => isLoopback(stub));
  const inPlace = local.length === 0 ? '' : ` instead of ${local.join(', ')}`;
  // Discovery replaces stubs on loopback, not the cluster's DNS.
  const isFound =
    facts.realServers.length > 0 &&
    facts.servers.every(({ endpoint }) => {
      return endpoint !== null && (isLoopback(endpoint.host) || facts.isUsable(endpoint));
    });
  const lines = isFound
    ? [
        `upstreams: auto                 # takes ${servers.join(', ')}${inPlace}`,
        "discovery: { root: /host }      # the node's files, mounted read-only",
      ]
    : [`upstreams: [${servers.map((server) => JSON.stringify(server)).join(', ')}]`];
  return [
    {
      what: 'unloop next to the cluster DNS (Corefile: forward . 127.0.0.1:5300)',
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

/** The programs whose files name servers, and how each is told another one. */
const PROGRAMS: readonly {
  readonly source: RegExp;
  readonly what: string;
  readonly lines: (servers: readonly string[]) => string[];
  readonly restart: string;
}[] = [
  {
    source: /\/systemd\/resolved\.conf/,
    what: 'systemd-resolved',
    lines: (servers) => ['[Resolve]', `DNS=${servers.join(' ')}`],
    restart: 'systemctl restart systemd-resolved',
  },
  {
    source: /^\/run\/systemd\/(resolve|netif)\//,
    what: 'the link, in its .network file',
    lines: (servers) => ['[Network]', `DNS=${servers.join(' ')}`, '[DHCPv4]', 'UseDNS=no'],
    restart: 'networkctl reload',
  },
  {
    source: /^\/etc\/pihole\//,
    what: 'Pi-hole',
    lines: (servers) => [
      '[dns]',
      `  upstreams = [${servers.map((server) => JSON.stringify(server)).join(', ')}]`,
    ],
    restart: 'systemctl restart pihole-FTL',
  },
  {
    source: /^\/etc\/unbound\//,
    what: 'unbound',
    lines: (servers) => servers.map((server) => `forward-addr: ${server}`),
    restart: 'systemctl restart unbound',
  },
  {
    source: /^\/etc\/dnscrypt-proxy\//,
    what: 'dnscrypt-proxy',
    lines: (servers) => [servers.join(',')],
    restart: 'systemctl restart dnscrypt-proxy',
  },
  {
    source: /tailscale/,
    what: 'Tailscale',
    lines: (servers) => servers.map((server) => `nameserver ${server}`),
    restart: 'systemctl restart tailscaled',
  },
];

/** Names another server in the file that closes the circle. */
export function cureSource(facts: Facts, leaf: Hop): Cure[] {
  const servers = serversToName(facts);
  const { settings } = facts.kubelet.distribution;
  if (settings !== null) return settings(servers);
  const instead = `   instead of ${leaf.server}`;
  // dnsmasq told it itself, so that there is no file to point at.
  if (leaf.source.startsWith('CH TXT')) {
    const lines = [`server=${servers[0]!}${instead}`];
    return [{ what: 'dnsmasq', where: '', lines, commands: [], isAlternative: false }];
  }
  const where = findSetting(facts, leaf);
  const program = PROGRAMS.find(({ source }) => source.test(where));
  return [
    {
      what: program?.what ?? 'the file that closes the circle',
      where,
      lines: program?.lines(servers) ?? [servers.join(' ') + instead],
      commands: program === undefined ? [] : [program.restart],
      isAlternative: false,
    },
  ];
}

/** The file that a person wrote, where the leaf's is one that systemd-resolved made of it. */
function findSetting({ local }: Facts, { source, server }: Hop): string {
  if (!source.startsWith('/run/systemd/resolve/')) return source;
  const set = local.resolvedServers.map(targetOf).find(({ text }) => text === server);
  return set?.source ?? source;
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
