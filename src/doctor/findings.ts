// All that the doctor finds, in order; and the wording of what it sees in the files and the
// answers, each with its cure. Called by diagnose.
import { isUnspecified } from '../discovery/loopback.ts';
import { describeDetached, describeResolvConf } from '../discovery/notices.ts';
import { cureKubelet, cureResolvConf } from './cures.ts';
import { finding } from './finding.ts';
import { TAILSCALE_ROLE } from './host-dns.ts';
import { type Facts, MAX_NAMESERVERS } from './inspect.ts';
import { describePaths } from './path-findings.ts';
import { refusedBy } from './pod-unloops.ts';
import type { Cure, Finding, FindingCode, Hop, Probe, QueryPath, Severity } from './report.ts';
import { allHops, leavesOf } from './walk.ts';

/**
 * What older resolvers and kubelets take of a search list (resolv.conf(5), kubelet's
 * validation.go).
 */
const MAX_SEARCH_DOMAINS = 6;
const MAX_SEARCH_CHARACTERS = 256;
/** glibc takes no more for ndots (RES_MAXNDOTS). */
const MAX_NDOTS = 15;

/** Servers of NATs that people mistake for a loop. */
const NAT_ROLES = /\bNAT\b/;

/** Every finding, the gravest first. */
export function collectFindings(
  facts: Facts,
  paths: readonly QueryPath[],
  probes: readonly Probe[],
): Finding[] {
  const isServed = isServedByUnloop(facts, paths);
  const findings = [
    ...describePaths(facts, paths, probes).map((found) => (isServed ? asNote(found) : found)),
    ...describeFiles(facts),
    ...describeProbes(probes),
    ...describeSurroundings(facts, paths),
  ];
  const order: readonly Severity[] = ['loop', 'risk', 'unknown', 'info'];
  // Several kinds of client meet the same server.
  const distinct = [...new Map(findings.map((finding) => [finding.message, finding])).values()];
  return distinct.toSorted((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity));
}

/**
 * Whether the cluster's DNS goes through an unloop of one of this node's pods, or this pod is one:
 * CoreDNS's Corefile is not to be seen from there. What kubelet copies into pods is then a risk for
 * other DNS servers alone.
 */
export function isServedByUnloop(facts: Facts, paths: readonly QueryPath[]): boolean {
  const isFound = facts.unloop !== null || facts.podUnloops.some(({ config }) => config !== null);
  const cluster = paths.find(({ kind }) => kind === 'podClusterFirst');
  const hops = cluster?.hops ?? [];
  const isThrough = allHops(hops).some(({ role, state }) => role === 'unloop' && state === 'ok');
  return isFound && (isThrough || facts.isOwnPod || isBehindService(facts, leavesOf(hops)));
}

/**
 * Whether a Corefile sends everything to addresses that nothing here explains, while an unloop on
 * this node listens for other pods: no file says which address its Service has, but that is it.
 */
function isBehindService({ podUnloops, corefiles }: Facts, leaves: readonly Hop[]): boolean {
  const isShared = podUnloops.some(
    ({ place, config }) => place === 'pod' && config?.listen.some(({ host }) => isUnspecified(host)),
  );
  const isFromCorefile = ({ source }: Hop) => corefiles.some(({ path }) => source.startsWith(`${path}:`));
  return (
    isShared &&
    leaves.length > 0 &&
    leaves.every((leaf) => leaf.state === 'ok' && leaf.role === '' && isFromCorefile(leaf))
  );
}

const NOT_FOR_SERVED = new Set<FindingCode>(['pod-would-loop', 'kubelet-no-resolv-conf', 'kubelet-unknown']);

/** The same where the cluster's DNS does not depend on it. */
function asNote(found: Finding): Finding {
  const isNote =
    NOT_FOR_SERVED.has(found.code) || (found.code === 'cluster-dns-loops' && found.severity === 'risk');
  if (!isNote) return found;
  const message = `${found.message}; this does not concern what goes through unloop`;
  return { ...found, severity: 'info', message };
}

function describeFiles(facts: Facts): Finding[] {
  const findings: Finding[] = [];
  const { resolvConf, podConf, kubelet } = facts;
  for (const { code, message } of describeResolvConf(resolvConf)) {
    const isBad = code === 'resolv-conf-bad-lines';
    const cures = isBad ? [] : [cureResolvConf(facts)];
    findings.push(finding(isBad ? 'info' : 'unknown', code as FindingCode, message, cures));
  }
  if (resolvConf.nameservers.length > MAX_NAMESERVERS) {
    const rest = resolvConf.nameservers.slice(MAX_NAMESERVERS).map(({ address }) => address);
    const message = `${resolvConf.path} names ${resolvConf.nameservers.length} servers; libc and kubelet take the first ${MAX_NAMESERVERS}, not ${rest.join(', ')}`;
    findings.push(finding('info', 'more-than-three-servers', message));
  }
  if (!facts.isPod && podConf.state !== 'read' && podConf.path !== resolvConf.path) {
    const problem = podConf.state === 'empty' ? 'names no server' : podConf.detail;
    const message = `${podConf.path}, which kubelet copies into pods (${kubelet.setBy || 'its default'}), ${problem}`;
    // Where no setting names the file, none can be wrong: it is just not here.
    const cures = kubelet.setBy === '' ? [] : cureKubelet(facts);
    findings.push(finding('unknown', 'kubelet-file-unreadable', message, cures));
  }
  for (const fault of kubelet.faults) findings.push(finding('unknown', 'file-unreadable', fault));
  if (kubelet.generatedServers.length > 0) {
    const servers = kubelet.generatedServers.join(', ');
    const message =
      `no file of the node suits ${kubelet.distribution.name}, so pods with dnsPolicy: Default get the public resolver ${servers}: ` +
      'they resolve no name of your own network';
    findings.push(finding('info', 'k3s-public-resolver', message, cureKubelet(facts)));
  }
  for (const { path, fault } of facts.podUnloops) {
    if (fault === '') continue;
    const message = `a pod's unloop has a faulty configuration, and runs on with another one: ${fault}`;
    findings.push(finding('unknown', 'unloop-config-faulty', `${message} (${path})`));
  }
  findings.push(...describeRefusedPods(facts));
  for (const { message } of facts.detached.map(describeDetached)) {
    findings.push(finding('unknown', 'mount-detached', message));
  }
  for (const { path, detail } of facts.unreadable) {
    findings.push(finding('info', 'file-unreadable', `${path} ${detail}`));
  }
  for (const { path, gaps } of facts.corefiles) {
    for (const gap of gaps) findings.push(finding('info', 'corefile-incomplete', `${path}: ${gap}`));
  }
  findings.push(...describeSearch(facts));
  return findings;
}

/** An unloop in the node's network may be asked by each pod of the node, by the detour or else. */
function describeRefusedPods({ podUnloops, podAddresses }: Facts): Finding[] {
  return podUnloops.flatMap(({ place, config, path }) => {
    if (place !== 'node' || config === null) return [];
    const refused = refusedBy(config, podAddresses);
    if (refused.length === 0) return [];
    const isListed = config.limits.allow.length > 0;
    const unless = isListed ? '' : ', unless their network is on a link of the node';
    const message = `unloop in the node's network REFUSES ${refused.length} of this node's pod addresses, such as ${refused[0]}${unless} (${path})`;
    const lines = ['limits: { allow: [<the networks that you serve, and those of the pods>] }'];
    const cure: Cure = {
      what: 'unloop (in the chart: podNetworks)',
      where: path,
      lines,
      commands: [],
      isAlternative: false,
    };
    return [finding('info', 'pods-refused', message, [cure])];
  });
}

/** Search domains and ndots, which cost queries and are cut off. */
function describeSearch({ resolvConf, podConf }: Facts): Finding[] {
  const confs = new Map(
    [resolvConf, ...(podConf.conf === null ? [] : [podConf.conf])].map((conf) => [conf.path, conf]),
  );
  const findings: Finding[] = [];
  for (const { path, search, searchLine, options } of confs.values()) {
    const length = search.join(' ').length;
    if (search.length > MAX_SEARCH_DOMAINS || length > MAX_SEARCH_CHARACTERS) {
      const message =
        `${path}:${searchLine} has ${search.length} search domains with ${length} characters; glibc before 2.26 and kubelet ` +
        `before 1.26 take the first ${MAX_SEARCH_DOMAINS} with ${MAX_SEARCH_CHARACTERS} characters, newer kubelets 32 with 2,048, ` +
        'and a pod with dnsPolicy: ClusterFirst has three of its own before them';
      findings.push(finding('info', 'search-too-long', message));
    }
    const ndots = options.findLast(({ name }) => name === 'ndots');
    const dots = Math.min(Number(ndots?.value ?? 1), MAX_NDOTS);
    if (ndots !== undefined && dots > 1 && search.length > 0) {
      const message =
        `${path}:${ndots.line} sets ndots:${ndots.value}: a name with fewer dots than ${dots} is first asked for under ` +
        `${search.length === 1 ? 'the search domain' : `each of the ${search.length} search domains`}; a dot at its end spares that`;
      findings.push(finding('info', 'ndots', message));
    }
  }
  return findings;
}

function describeProbes(probes: readonly Probe[]): Finding[] {
  const findings: Finding[] = [];
  for (const probe of probes) {
    if (/^14\b.*\bloop/i.test(probe.extendedError)) {
      const message = `${probe.server} says itself that it is in a loop (extended error ${probe.extendedError})`;
      findings.push(finding('loop', 'server-reports-loop', message));
    } else if (probe.outcome === 'silent') {
      findings.push(finding('info', 'server-silent', `${probe.server} does not answer`));
    } else if (probe.rcode === 'SERVFAIL') {
      findings.push(finding('info', 'server-fails', `${probe.server} answers with SERVFAIL`));
    } else if (probe.outcome === 'answered' && probe.answersNewNames === false) {
      const message =
        `${probe.server} answers what it knows, but not a name it never saw: its own upstream is dead, or what it ` +
        'sends goes round in a loop';
      findings.push(finding('unknown', 'new-names-silent', message));
    }
  }
  return findings;
}

function describeSurroundings(facts: Facts, paths: readonly QueryPath[]): Finding[] {
  const findings: Finding[] = [];
  const nats = new Map<string, string>();
  for (const leaf of paths.flatMap((path) => leavesOf(path.hops))) {
    if (NAT_ROLES.test(leaf.role)) nats.set(leaf.server, leaf.role);
  }
  for (const [server, role] of nats) {
    findings.push(
      finding('info', 'nat-resolver', `${server} is ${role}: a pod reaches it as well, it is no loop`),
    );
  }
  const tailscale = allHops(paths.flatMap((path) => path.hops)).find(({ role }) => role === TAILSCALE_ROLE);
  if (tailscale !== undefined) {
    const message =
      `${tailscale.server} is ${TAILSCALE_ROLE} on this node (${tailscale.source}): it asks the servers of the tailnet's DNS ` +
      "settings, and loops if they name this cluster's; `tailscale dns status` lists them";
    findings.push(finding('info', 'tailscale', message));
  }
  if (facts.isMusl && facts.servers.length > 1) {
    const message = `musl asks its ${facts.servers.length} servers at once and takes the first answer: every one of them sees every query`;
    findings.push(finding('info', 'musl', message));
  }
  for (const { severity, message, remedy } of facts.unloop?.notices ?? []) {
    const isGrave = severity === 'error';
    const cure: Cure = { what: 'unloop', where: '', lines: [remedy], commands: [], isAlternative: false };
    findings.push(
      finding(
        isGrave ? 'unknown' : 'info',
        'own-notice',
        `unloop: ${message}`,
        isGrave && remedy !== '' ? [cure] : [],
      ),
    );
  }
  return findings;
}
