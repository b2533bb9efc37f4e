// The wording of what the doctor sees in the ways that a query takes, each with its cure. Called by
// findings.
import { NODE_LOCAL_ROLE } from './cluster-dns.ts';
import {
  cureBlindness,
  cureCorefile,
  cureFromPod,
  cureKubelet,
  cureSource,
  cureWithUnloop,
} from './cures.ts';
import { finding } from './finding.ts';
import type { Facts } from './inspect.ts';
import type { Cure, Finding, Hop, Probe, QueryPath } from './report.ts';
import { leavesOf, POD_ITSELF, wayTo } from './walk.ts';

/** What the ways of a query show: circles, pods that would ask themselves, dead ends. */
export function describePaths(
  facts: Facts,
  paths: readonly QueryPath[],
  probes: readonly Probe[],
): Finding[] {
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
