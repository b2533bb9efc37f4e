// The wording of what the doctor sees in the paths, the files and the answers, each with its cure.
// Called by diagnose.
import { describeDetached, describeResolvConf } from '../discovery/notices.ts';
import { NODE_LOCAL_ROLE } from './cluster-dns.ts';
import {
  cureBlindness,
  cureCorefile,
  cureFromPod,
  cureKubelet,
  cureResolvConf,
  cureSource,
  cureWithUnloop,
} from './cures.ts';
import { TAILSCALE_ROLE } from './host-dns.ts';
import { type Facts, MAX_NAMESERVERS } from './inspect.ts';
import type { Cure, Finding, FindingCode, Hop, Probe, QueryPath, Severity } from './report.ts';
import { allHops, leavesOf, POD_ITSELF, wayTo } from './walk.ts';

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
  const isThrough = allHops(cluster?.hops ?? []).some(
    ({ role, state }) => role === 'unloop' && state === 'ok',
  );
  return isFound && (isThrough || facts.isOwnPod);
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

function finding(
  severity: Severity,
  code: FindingCode,
  message: string,
  cures: readonly Cure[] = [],
): Finding {
  return { severity, code, message, cures };
}

function describePaths(facts: Facts, paths: readonly QueryPath[], probes: readonly Probe[]): Finding[] {
  const findings: Finding[] = [];
  const cluster = paths.find((path) => path.kind === 'podClusterFirst');
  const clusterLeaves = leavesOf(cluster?.hops ?? []);
  // A circle that several paths run into is told once.
  const told = new Set<string>();
  const isNew = (leaf: Hop) => !told.has(`${leaf.server} ${leaf.source}`);
  for (const path of paths) {
    const leaves = leavesOf(path.hops);
    const circles = leaves.filter((leaf) => leaf.state === 'loops' && isNew(leaf));
    for (const leaf of circles) told.add(`${leaf.server} ${leaf.source}`);
    const itself = leaves.filter(isPodItself);
    if (path.kind === 'podDefault') {
      // The cluster's DNS is such a pod: where it is known to loop by the same line, that says it
      // all.
      const said = new Set(clusterLeaves.filter((leaf) => leaf.state === 'loops').map((leaf) => leaf.source));
      const unsaid = itself.filter((leaf) => !said.has(leaf.source));
      if (unsaid.length > 0) findings.push(describePodRisk(facts, unsaid));
    } else if (path.kind === 'podClusterFirst') {
      if (circles.length > 0) findings.push(describeClusterLoop(facts, path, circles, 'loop'));
      findings.push(...describeDeadEnds(path, probes));
      continue;
    } else if (path.kind === 'process' && itself.length > 0) {
      findings.push(describeProcessRisk(facts, itself[0]!));
    }
    if (circles.length > 0) findings.push(describeCircle(facts, path, circles));
    if (path.kind !== 'podDefault') findings.push(...describeDeadEnds(path, probes));
  }
  if (told.size === 0) findings.push(...describeAssumedCircle(facts, paths));
  return findings;
}

function isPodItself({ role, state }: Hop): boolean {
  return state === 'wouldLoop' && role === POD_ITSELF;
}

/**
 * A circle through a server whose configuration is not seen, which is taken to be the usual one:
 * told once, from the cluster's side.
 */
function describeAssumedCircle(facts: Facts, paths: readonly QueryPath[]): Finding[] {
  // What makes the pod itself the answer is told already.
  const said = new Set(
    paths.flatMap(({ hops }) =>
      leavesOf(hops)
        .filter(isPodItself)
        .map(({ source }) => source),
    ),
  );
  const circlesOf = ({ hops }: QueryPath) =>
    leavesOf(hops).filter(
      (leaf) => leaf.state === 'wouldLoop' && !isPodItself(leaf) && !said.has(leaf.source),
    );
  for (const kind of ['podClusterFirst', 'podDefault', 'process'] as const) {
    const path = paths.find((candidate) => candidate.kind === kind && circlesOf(candidate).length > 0);
    if (path === undefined) continue;
    const isGuess = facts.podConf.basis === 'guess' && kind !== 'process';
    const circles = circlesOf(path);
    return [isGuess ? describePodRisk(facts, circles) : describeClusterLoop(facts, path, circles, 'risk')];
  }
  return [];
}

function describePodRisk(facts: Facts, leaves: readonly Hop[]): Finding {
  const { kubelet, podConf } = facts;
  const servers = leaves.map((leaf) => leaf.server);
  const cures = [...cureKubelet(facts), ...cureWithUnloop(facts, servers)];
  if (podConf.path === '') {
    return finding(
      'risk',
      'kubelet-no-resolv-conf',
      `kubelet is told to use no resolv.conf (${kubelet.setBy}): it gives a pod with dnsPolicy: Default the server ` +
        '127.0.0.1, which is the pod itself',
      cures,
    );
  }
  const share =
    leaves.length < podConf.servers.length
      ? `, ${leaves.length} of its ${podConf.servers.length} servers`
      : '';
  const names = `${leaves.map((leaf) => leaf.source).join(', ')} names ${servers.join(', ')}${share}`;
  const where = leaves.every(isPodItself)
    ? 'that address is the pod itself'
    : "that leads back to the cluster's DNS";
  if (podConf.basis === 'guess') {
    const message =
      `which file kubelet copies into pods is not known: ${kubelet.unknown}; ${names}; if kubelet copies it ` +
      `(its default), ${where} in a pod with dnsPolicy: Default: a DNS server in there asks itself`;
    return finding('unknown', 'kubelet-unknown', message, cures);
  }
  const { name } = kubelet.distribution;
  const isRancher = kubelet.distribution.rancher !== '';
  const who = isRancher ? name : `kubelet${name === '' ? '' : ` (${name})`}`;
  const how = kubelet.setBy === '' ? ' (its default)' : ` (${kubelet.setBy})`;
  const copies =
    podConf.basis === 'pod' ? 'kubelet gave it to this pod, as to' : `${who} copies it${how} into`;
  const message = `${names}; ${copies} every pod with dnsPolicy: Default, where ${where}: a DNS server in there asks itself`;
  return finding('risk', 'pod-would-loop', message, cures);
}

/** In a pod, a stub is the pod itself. */
function describeProcessRisk(facts: Facts, leaf: Hop): Finding {
  const message = `${leaf.source} names ${leaf.server}, which in a pod is the pod itself: a DNS server in here that forwards to it asks itself`;
  return finding('risk', 'pod-would-loop', message, [cureFromPod(), ...cureWithUnloop(facts, [leaf.server])]);
}

function describeClusterLoop(
  facts: Facts,
  path: QueryPath,
  leaves: readonly Hop[],
  severity: 'loop' | 'risk',
): Finding {
  const leaf = leaves[0]!;
  const way = [path.from, ...wayTo(leaf.state, path.hops)].join(' → ');
  const zone = leaf.zone === '.' ? '' : ` for names under ${leaf.zone}`;
  const guess = severity === 'loop' ? '' : ' if it forwards to its /etc/resolv.conf, as it usually does';
  const message = `the cluster's DNS asks itself${zone}${guess}: ${way} is ${leaf.role} (${leaf.source})`;
  const isKubeletFile = facts.podConf.servers.some((server) => server.source === leaf.source);
  const cures = isKubeletFile ? cureKubelet(facts) : [];
  const written = findForward(facts, leaf, isKubeletFile);
  if (written !== null) cures.push(written);
  if (cures.length === 0) cures.push(...cureSource(facts, leaf));
  cures.push(...cureWithUnloop(facts, [leaf.server]));
  return finding(severity, 'cluster-dns-loops', message, cures);
}

/** The Corefile's line that a circle goes through. */
function findForward(facts: Facts, leaf: Hop, isKubeletFile: boolean): Cure | null {
  for (const { path, blocks } of facts.corefiles) {
    for (const forward of blocks.flatMap((block) => block.forwards)) {
      const isIt = isKubeletFile
        ? forward.to.includes('/etc/resolv.conf')
        : leaf.source === `${path}:${forward.line}`;
      if (isIt) return cureCorefile(facts, path, forward, isKubeletFile);
    }
  }
  return null;
}

function describeCircle(facts: Facts, path: QueryPath, circles: readonly Hop[]): Finding {
  const leaf = circles[0]!;
  const way = [path.from, ...wayTo('loops', path.hops)].join(' → ');
  const code = path.kind === 'unloop' ? 'unloop-loops' : 'node-loops';
  const message = `a query goes round in a circle: ${way} is ${leaf.role} (${leaf.source})`;
  return finding('loop', code, message, cureSource(facts, leaf));
}

function describeDeadEnds(
  path: QueryPath,
  probes: readonly Probe[],
  hops: readonly Hop[] = path.hops,
  before: Hop | null = null,
): Finding[] {
  const isAnswer = ({ rcode, answersNewNames }: Probe) => rcode === 'NOERROR' && answersNewNames === true;
  const answers = new Set(probes.filter(isAnswer).map(({ server }) => server));
  return hops.flatMap((hop) => {
    if (hop.next.length > 0) return describeDeadEnds(path, probes, hop.next, hop);
    // What answers a name that it never saw asks somebody who is not itself, whatever the files
    // say.
    if (hop.state === 'unknown' && answers.has(hop.server === '?' ? (before?.server ?? '') : hop.server))
      return [];
    if (hop.state === 'unknown') {
      const isBlind = hop.server === '?' && before?.role === NODE_LOCAL_ROLE;
      const message =
        hop.server === '?'
          ? `${before === null ? '' : `${before.source} names ${before.server}, ${before.role}: `}${hop.role}`
          : `${hop.source} names ${hop.server}, and no file names the upstreams of ${hop.role || 'the server there'}`;
      return [finding('unknown', 'stub-unknown', message, isBlind ? [cureBlindness()] : [])];
    }
    if (hop.state !== 'dead') return [];
    // With another server that works, names still resolve.
    const isOnly = path.hops.every(({ state }) => state === 'dead');
    const message = `${hop.source} names ${hop.server}, where nobody listens`;
    return [finding(isOnly ? 'unknown' : 'info', 'stub-not-listening', message)];
  });
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
