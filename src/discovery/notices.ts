// The wording of what discovery tells people: each notice says what was found, what was done about
// it and the lasting cure. Called by search, replacement and watch.
import type { FoundZone, Notice } from './discovery.ts';
import type { Unreadable, UnreadableReason } from './node-files.ts';
import type { ResolvConf } from './resolv-conf.ts';
import type { SourceName } from './sources/source.ts';

/** Lines quoted in one notice. */
const QUOTED_LINES = 5;
/** Suffixes named in one notice. */
const NAMED_SUFFIXES = 8;

const KUBELET_CURE =
  'For good: point kubelet at the real file (resolvConf: /run/systemd/resolve/resolv.conf in its KubeletConfiguration), or ' +
  'let /etc/resolv.conf name the real servers.';

/** Where each source's servers are set, for a source that itself leads back to loopback. */
const SOURCE_CURES: Readonly<Record<SourceName, string>> = {
  'resolved-file':
    'Put the real servers in DNS= of /etc/systemd/resolved.conf (or on the link) and restart systemd-resolved.',
  'resolved-state':
    'Put the real servers in DNS= of /etc/systemd/resolved.conf (or on the link) and restart systemd-resolved.',
  NetworkManager: "Set the connection's ipv4.dns and ipv6.dns to the real servers with nmcli.",
  dnsmasq: 'Put the real servers in server= or resolv-file= of the dnsmasq configuration.',
  resolvconf: 'Set dns-nameservers of the interface to the real servers.',
  openwrt: "Set option dns of the interface in /etc/config/network, or use the provider's servers (peerdns).",
  docker: 'Give the real servers to the container (docker run --dns) or to the daemon (dns in daemon.json).',
  talos: 'Put the real servers in nameservers of the machine configuration (ResolverConfig).',
  tailscale: 'Set global name servers in the admin console of Tailscale.',
  netplan: 'Put the real servers in nameservers of the netplan configuration.',
  networkd: 'Put the real servers in DNS= of the .network files.',
  'cloud-init': 'Put the real servers in the network configuration of cloud-init.',
  connman: 'Set the real servers with connmanctl config SERVICE --nameservers.',
  dhcp: 'Have the DHCP server hand out the real DNS servers.',
};

/**
 * What is wrong with resolv.conf itself; nothing when it names a server and every line is
 * understood.
 */
export function describeResolvConf(conf: ResolvConf): Notice[] {
  const notices: Notice[] = [];
  const remedy = `Let ${conf.path} name a DNS server, or list the servers under upstreams.`;
  const libc = 'libc would ask 127.0.0.1 then';
  if (conf.state === 'missing') {
    notices.push({
      severity: 'warn',
      code: 'resolv-conf-missing',
      message: `${conf.path} does not exist; ${libc}`,
      remedy,
    });
  } else if (conf.state === 'empty') {
    notices.push({
      severity: 'warn',
      code: 'resolv-conf-empty',
      message: `${conf.path} names no server; ${libc}`,
      remedy,
    });
  } else if (conf.state === 'unreadable') {
    const message = `${conf.path} ${conf.detail}; ${libc}`;
    const cure = conf.reason === undefined ? remedy : unreadableRemedy(conf.path, conf.reason);
    notices.push({ severity: 'error', code: 'resolv-conf-unreadable', message, remedy: cure });
  }
  if (conf.badLineCount > 0) {
    const quoted = conf.badLines
      .slice(0, QUOTED_LINES)
      .map((bad) => `line ${bad.line}: ${bad.reason}: ${bad.text}`);
    if (conf.badLineCount > QUOTED_LINES) quoted.push(`and ${conf.badLineCount - QUOTED_LINES} more`);
    notices.push({
      severity: 'warn',
      code: 'resolv-conf-bad-lines',
      message: `${conf.path} has lines that mean nothing (${quoted.join('; ')})`,
      remedy: 'Correct or remove them.',
    });
  }
  return notices;
}

function unreadableRemedy(path: string, reason: UnreadableReason): string {
  const otherwise = 'or list the servers under upstreams';
  switch (reason) {
    case 'denied':
      return `Give the user of unloop the right to read ${path} (chmod o+r, and o+x for its folders), ${otherwise}.`;
    case 'tooLarge':
      return `Restore ${path}, which has a few lines on a sane machine, ${otherwise}.`;
    case 'directory':
    case 'notAFile':
      return `Point discovery.resolvConf at a regular file, ${otherwise}.`;
    case 'linkLoop':
      return `Let the symbolic link ${path} lead to a file, ${otherwise}.`;
    case 'failed':
      return `Make ${path} readable again, ${otherwise}.`;
  }
}

/** A stub was replaced by the servers behind it. */
export function describeRewritten(
  stub: string,
  path: string,
  servers: readonly string[],
  source: string,
): Notice {
  return {
    severity: 'info',
    code: 'loopback-rewritten',
    message: `${path} names the loopback stub ${stub}; using ${servers.join(', ')} from ${source} in its place`,
    remedy: KUBELET_CURE,
  };
}

/** A stub stays in use: nothing better is known and it is not us. */
export function describeKept(stub: string, path: string): Notice {
  return {
    severity: 'warn',
    code: 'loopback-kept',
    message: `${path} names the loopback server ${stub} and no file names the servers behind it; it is used as it is`,
    remedy: 'If it forwards to unloop, list the real servers under upstreams.',
  };
}

/** A stub is not used, and there is no replacement. */
export function describeDropped(stub: string, path: string, why: string): Notice {
  return {
    severity: 'error',
    code: 'loopback-dropped',
    message: `${path} names the loopback server ${stub}, which is not used: ${why}`,
    remedy: 'List the real servers under upstreams.',
  };
}

/** A loopback address of the node, seen from a container. */
export function describeUnreachable(stub: string, path: string, isUsed: boolean): Notice {
  const outcome = isUsed
    ? 'it is used because rewriting is off'
    : 'it is not used, and no file names the servers behind it';
  return {
    severity: 'error',
    code: 'loopback-unreachable',
    message: `${path} of the node names ${stub}; in here that is this container itself; ${outcome}`,
    remedy: KUBELET_CURE,
  };
}

/** One of our own listen addresses. */
export function describeOwn(server: string, path: string, replacements: readonly string[]): Notice {
  const outcome =
    replacements.length === 0 ? 'it is left out' : `using ${replacements.join(', ')} in its place`;
  return {
    severity: 'warn',
    code: 'own-address',
    message: `${path} names ${server}, where unloop itself listens; ${outcome}`,
    remedy: 'List the real servers under upstreams, or point discovery.resolvConf at a file that names them.',
  };
}

/** The file that should name the real servers names loopback or us. */
export function describeLoopbackSource(source: SourceName, path: string, servers: readonly string[]): Notice {
  return {
    severity: 'warn',
    code: 'source-names-loopback',
    message: `the real file names loopback too: ${path} names ${servers.join(', ')}, which leads back to this machine`,
    remedy: SOURCE_CURES[source],
  };
}

/** A source is there and cannot be read. */
export function describeUnreadable(finding: Unreadable): Notice {
  return {
    severity: 'info',
    code: 'source-unreadable',
    message: `${finding.path} ${finding.detail}`,
    remedy: finding.reason === 'denied' ? 'Give unloop the right to read it if its servers are missed.' : '',
  };
}

/** A mount shows what the node has deleted. */
export function describeDetached(path: string): Notice {
  return {
    severity: 'warn',
    code: 'mount-detached',
    message: `${path} is a mount of something that the node has replaced or removed since: what is read there is old, and changes are not seen`,
    remedy: 'Restart the pod. If it is a file, mount its directory instead, as the Helm chart does.',
  };
}

/** Routing domains taken over from the stub, one notice for each file that has some. */
export function describeZones(zones: readonly FoundZone[]): Notice[] {
  const bySource = new Map<string, string[]>();
  for (const { suffix, upstreams } of zones) {
    const { source } = upstreams[0]!.origin;
    bySource.set(source, [...(bySource.get(source) ?? []), suffix]);
  }
  return [...bySource].map(([source, suffixes]) => {
    const more = suffixes.length - NAMED_SUFFIXES;
    const named = suffixes.slice(0, NAMED_SUFFIXES).join(', ') + (more > 0 ? ` and ${more} more` : '');
    return {
      severity: 'info',
      code: 'split-dns-imported',
      message: `names under ${named} go to their own servers, as ${source} has it`,
      remedy: '',
    };
  });
}

/** Docker's server stays in use: it alone knows the names of other containers. */
export function describeDockerKept(stub: string, path: string, behind: readonly string[]): Notice {
  return {
    severity: 'info',
    code: 'docker-stub-kept',
    message: `${path} names Docker's server ${stub}, which stays in use for the names of containers; it forwards to ${behind.join(', ')}`,
    remedy: 'To ask those servers and know no containers, set discovery.rewriteLoopback to always.',
  };
}

/** Tailscale's server forwards to unloop what is not in the tailnet. */
export function describeMagicLoop(server: string, own: string, suffixes: readonly string[]): Notice {
  const rest = suffixes.length === 0 ? 'it is left out' : `it is asked for ${suffixes.join(', ')} only`;
  return {
    severity: 'warn',
    code: 'magic-dns-loops',
    message: `Tailscale's ${server} forwards other names to ${own}, where unloop itself listens, as /etc/resolv.pre-tailscale-backup.conf has it; ${rest}`,
    remedy:
      'Set global name servers in the admin console of Tailscale, or let it leave resolv.conf alone: tailscale set --accept-dns=false.',
  };
}

/** The node speaks TLS to its servers. */
export function describeOverTls(servers: readonly string[]): Notice {
  return {
    severity: 'info',
    code: 'dns-over-tls',
    message: `systemd-resolved speaks to ${servers.join(', ')} over TLS only (DNSOverTLS=yes)`,
    remedy: '',
  };
}

/** More servers than anyone waits for. */
export function describeTooMany(found: number, kept: number): Notice {
  return {
    severity: 'warn',
    code: 'too-many-servers',
    message: `${found} servers found, the first ${kept} are used`,
    remedy: '',
  };
}

/** Nothing usable at all. */
export function describeNoUpstream(path: string): Notice {
  return {
    severity: 'error',
    code: 'no-upstream',
    message: `no usable DNS server found, neither in ${path} nor behind it`,
    remedy: 'List the servers under upstreams (or --upstream ADDR).',
  };
}

/** The watch found something worse than what is in use. */
export function describeLastGoodKept(reason: string): Notice {
  return {
    severity: 'warn',
    code: 'last-good-kept',
    message: `the servers found before stay in use: ${reason}`,
    remedy: 'Fix the file; it takes effect as soon as it names a usable server.',
  };
}
