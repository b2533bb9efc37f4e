// From what was found to what it means: follows a query of each kind of client, names the circles
// and the blind spots, and decides on the verdict. Called by main; findings words what it sees.

import { isLoopback } from '../discovery/loopback.ts';
import { describeAddress } from './cloud.ts';
import { CLUSTER_DNS_ROLE } from './cluster-dns.ts';
import { collectFindings, isServedByUnloop } from './findings.ts';
import type { Facts } from './inspect.ts';
import { roleOf } from './local-servers.ts';
import { EXIT_CODES, type Finding, type Probe, type QueryPath, type Report, type Verdict } from './report.ts';
import { hostOf, type Place, type Service, type Target, toTarget } from './service.ts';
import { followRoutes, followTarget, type Position, type Surroundings, wayTo } from './walk.ts';

/** The whole report. */
export function diagnose(facts: Facts, probes: readonly Probe[]): Report {
  const refused = new Set(probes.filter((probe) => probe.outcome === 'refused').map((probe) => probe.server));
  const paths = followAll(
    facts,
    (target, place) => isAskable(target, place, facts) && refused.has(target.text),
  );
  const findings = collectFindings(facts, paths, probes);
  const verdict = decide(findings);
  return {
    verdict,
    exitCode: EXIT_CODES[verdict],
    summary: summarize(verdict, facts, paths, findings),
    root: facts.root,
    paths,
    findings,
    probes,
  };
}

/** The servers that a query may meet, each once: these are probed. */
export function listTargets(facts: Facts): Target[] {
  const met = new Map<string, Target>();
  followAll(facts, (target, place) => {
    if (isAskable(target, place, facts)) met.set(target.text, target);
    return false;
  });
  return [...met.values()];
}

/** The loopback of a pod is another one than that of the node. */
function isAskable(target: Target, place: Place, facts: Facts): boolean {
  return !isLoopback(hostOf(target)) || place === (facts.isPod ? 'pod' : 'node');
}

function followAll(facts: Facts, isAsked: (target: Target, place: Place) => boolean): QueryPath[] {
  const isDead = (target: Target, place: Place) =>
    isAsked(target, place) || (facts.local.isStubOff && /^127\.0\.0\.5[34]$/.test(hostOf(target)));
  const around: Surroundings = {
    services: facts.services,
    ownAddresses: facts.ownAddresses,
    describe: (address) => roleOf(address) || describeAddress(address),
    isDead,
  };
  const start = (place: Place): Position => ({ place, passed: [], zone: null, isAssumed: false });
  const follow = (targets: readonly Target[], place: Place) =>
    targets.map((target) => followTarget(target, '.', start(place), around));

  const paths: QueryPath[] = [];
  if (facts.ownServers.length > 0) {
    paths.push({ kind: 'process', from: 'process in this pod', hops: follow(facts.ownServers, 'pod') });
  }
  const from = facts.isPod ? 'process in this pod' : 'process on this node';
  paths.push({ kind: 'process', from, hops: follow(facts.servers, facts.isPod ? 'pod' : 'node') });
  if (!facts.isPod) {
    const { servers, basis } = facts.podConf;
    const from = {
      files: 'pod, dnsPolicy: Default',
      pod: 'this pod, by kubelet',
      guess: "pod, kubelet's default",
      none: 'pod, dnsPolicy: Default',
    }[basis];
    paths.push({ kind: 'podDefault', from, hops: follow(servers, 'pod') });
  }
  const cluster = facts.services.find((service) => service.role === CLUSTER_DNS_ROLE);
  if (facts.kubelet.clusterDns.length > 0) {
    const targets = facts.kubelet.clusterDns.map((address) => toTarget(address, 53, 'clusterDNS of kubelet'));
    paths.push({ kind: 'podClusterFirst', from: 'pod, ClusterFirst', hops: follow(targets, 'pod') });
  } else if (cluster !== undefined && !cluster.isAssumed) {
    paths.push({ kind: 'podClusterFirst', from: CLUSTER_DNS_ROLE, hops: followAllRoutes(cluster, around) });
  }
  if (facts.unloop !== null) {
    paths.push({ kind: 'unloop', from: 'unloop', hops: followAllRoutes(facts.unloop.service, around) });
  }
  return paths;
}

function followAllRoutes(service: Service, around: Surroundings) {
  const at: Position = { place: service.place, passed: [], zone: null, isAssumed: false };
  return followRoutes(service.routes, service, at, around);
}

function decide(findings: readonly Finding[]): Verdict {
  const has = (severity: Finding['severity']) => findings.some((finding) => finding.severity === severity);
  if (has('loop')) return 'loops';
  if (has('risk')) return 'wouldLoop';
  return has('unknown') ? 'unknown' : 'healthy';
}

function summarize(
  verdict: Verdict,
  facts: Facts,
  paths: readonly QueryPath[],
  findings: readonly Finding[],
): string {
  switch (verdict) {
    case 'loops': {
      for (const path of paths) {
        const way = wayTo('loops', path.hops);
        if (way.length > 0) return `loops: ${[path.from, ...way].join(' → ')} ⟲`;
      }
      return `loops: ${findings.find((finding) => finding.severity === 'loop')!.message}`;
    }
    case 'wouldLoop':
      return facts.isPod
        ? 'would loop: what this pod asks is the pod itself'
        : 'would loop in a pod with dnsPolicy: Default';
    case 'unknown':
      // Its first clause: the finding below has the rest.
      return `cannot tell: ${findings.find((finding) => finding.severity === 'unknown')!.message.split('; ')[0]}`;
    case 'healthy':
      if (facts.isOwnPod) return 'healthy: unloop in this pod has servers to ask';
      if (isServedByUnloop(facts, paths)) return "healthy: the cluster's DNS goes through unloop";
      return facts.isPod
        ? 'healthy: no DNS loop in this pod'
        : `healthy: no DNS loop on this node, nor in a pod ${facts.podConf.basis === 'guess' ? 'that gets its resolv.conf' : 'with dnsPolicy: Default'}`;
  }
}
