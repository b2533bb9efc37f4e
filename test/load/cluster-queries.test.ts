import dnsPacket from 'dns-packet';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  CLUSTER_NAMESPACES,
  CLUSTER_PODS,
  type ClusterOptions,
  ClusterQueries,
  DEPLOYMENT_HOSTS,
  DEPLOYMENT_PODS,
  LOOKUPS_PER_DEPLOYMENT,
} from '../../src/load/cluster-queries.ts';
import { runLoad } from '../../src/load/load-run.ts';
import { LONGEST_QUERY } from '../../src/load/query-source.ts';
import { startUdpResponder } from './test-responder.ts';

function cluster(options: Partial<ClusterOptions> = {}): ClusterQueries {
  return new ClusterQueries({
    hotNames: 1000,
    zipfExponent: 1,
    nxdomainShare: 0,
    suffix: 'bench.example',
    nxdomainSuffix: 'bench.missing',
    seed: 42,
    randomCase: false,
    ednsShare: 0,
    dnssecShare: 0,
    ...options,
  });
}

interface Asked {
  readonly name: string;
  readonly type: string;
}

/** The next queries, decoded by somebody else's code. */
function ask(source: ClusterQueries, count: number): Asked[] {
  const out = new Uint8Array(8 + LONGEST_QUERY + 1).fill(0xee);
  return Array.from({ length: count }, () => {
    const length = source.write(out, 8);
    if (out[8 + length] !== 0xee) throw new Error('written beyond the end');
    const { questions } = dnsPacket.decode(Buffer.from(out.buffer, 8, length));
    out.fill(0xee, 0, 8 + length);
    return { name: questions![0]!.name, type: questions![0]!.type };
  });
}

/** Every name that is asked, once for its A and AAAA. */
const lookedUp = (asked: readonly Asked[]) => asked.filter((_, i) => i % 2 === 0).map(({ name }) => name);

describe("a cluster's queries", () => {
  it('ask A and AAAA of every name, one right after the other', () => {
    const source = cluster();
    expect(source.together).toBe(2);
    const asked = ask(source, 20_000);
    expect(asked.map(({ type }) => type)).toEqual(asked.map((_, i) => (i % 2 === 0 ? 'A' : 'AAAA')));
    const second = asked.filter((_, i) => i % 2 === 1).map(({ name }) => name);
    expect(second).toEqual(lookedUp(asked));
  });

  it('try three search domains, then the name itself', () => {
    // One host, outside of the cluster, so that each pod asks for it over and over.
    const names = lookedUp(ask(cluster({ hotNames: 1 }), 2 * 4 * CLUSTER_PODS));
    const ofPod = (pod: number) => [0, 1, 2, 3].map((turn) => names[turn * CLUSTER_PODS + pod]);
    expect(ofPod(0)).toEqual([
      'h00000000.bench.example.ns-00.svc.cluster.local',
      'h00000000.bench.example.svc.cluster.local',
      'h00000000.bench.example.cluster.local',
      'h00000000.bench.example',
    ]);
    expect(ofPod(27)[0]).toBe('h00000000.bench.example.ns-07.svc.cluster.local');
    expect(ofPod(27).slice(1)).toEqual(ofPod(0).slice(1));
  });

  it('ask for services by every kind of name that programs use', () => {
    const names = new Set(lookedUp(ask(cluster({ zipfExponent: 0, hotNames: 10 }), 60_000)));
    // Rank 1: of the pod's own namespace. 2: of namespace 2. 5: in full, of namespace 5.
    expect(names).toContain('h10000000.ns-03.svc.cluster.local');
    expect(names).not.toContain('h10000000.svc.cluster.local');
    expect(names).toContain('h20000000.ns-02.ns-03.svc.cluster.local');
    expect(names).toContain('h20000000.ns-02.svc.cluster.local');
    expect(names).not.toContain('h20000000.ns-02.cluster.local');
    const full = 'h50000000.ns-05.svc.cluster.local';
    for (const domain of ['ns-03.svc.cluster.local', 'svc.cluster.local', 'cluster.local'])
      expect(names).toContain(`${full}.${domain}`);
    expect(names).toContain(full);
  });

  it('draw hosts by Zipf', () => {
    const source = cluster({ hotNames: 20 });
    const labels = lookedUp(ask(source, 60_000)).filter((name) =>
      /^h\w+\.ns-\d\d\.svc\.cluster\.local$/.test(name),
    );
    // Ranks 1, 4, 7, 11, 14 and 17 are of the pod's own namespace and asked for once in a look-up.
    const ranks = [1, 4, 7, 11, 14, 17];
    const counts = ranks.map(
      (rank) => labels.filter((name) => name.startsWith(`h${rank.toString(16).padEnd(8, '0')}.`)).length,
    );
    const weights = ranks.map((rank) => 1 / (rank + 1));
    const total = counts.reduce((a, b) => a + b);
    const sum = weights.reduce((a, b) => a + b);
    counts.forEach((count, i) => {
      const wanted = (total * weights[i]!) / sum;
      expect(Math.abs(count - wanted)).toBeLessThan(6 * Math.sqrt(wanted));
    });
  });

  it('ask mostly for what does not exist, and more of it when told to', () => {
    const shareOfMissing = (source: ClusterQueries) => {
      const names = lookedUp(ask(source, 30_000));
      const missing = names.filter(
        (name) =>
          name.endsWith('.missing') ||
          (name.endsWith('cluster.local') && !/^[^.]+\.[^.]+\.svc\.cluster\.local$/.test(name)),
      );
      return missing.length / names.length;
    };
    const usual = shareOfMissing(cluster());
    expect(usual).toBeGreaterThan(0.5);
    expect(usual).toBeLessThan(0.75);
    expect(shareOfMissing(cluster({ nxdomainShare: 1 }))).toBeGreaterThan(0.9);
  });

  it('start deployments: pods that all look up the same new hosts', () => {
    const names = lookedUp(ask(cluster(), 2 * 6 * LOOKUPS_PER_DEPLOYMENT));
    const fresh = names.flatMap((name, i) => (name.startsWith('n') ? [{ name, i }] : []));
    const counts = new Map<string, number>();
    for (const { name } of fresh) counts.set(name, (counts.get(name) ?? 0) + 1);
    expect(counts.size).toBeGreaterThan(DEPLOYMENT_HOSTS);
    expect(new Set(counts.values())).toEqual(new Set([DEPLOYMENT_PODS]));
    // Nobody else's between them: a burst.
    const firstBurst = fresh.findIndex(({ i }, at) => at > 0 && i !== fresh[at - 1]!.i + 1);
    const hosts = new Set(fresh.slice(0, firstBurst).map(({ name }) => name.split('.')[0]));
    expect(hosts.size).toBe(DEPLOYMENT_HOSTS);
  });

  it('repeat with their seed, and differ without', () => {
    expect(ask(cluster(), 2000)).toEqual(ask(cluster(), 2000));
    expect(ask(cluster({ seed: 1 }), 2000)).not.toEqual(ask(cluster(), 2000));
  });

  it('are names in bounds, whatever the suffix', () => {
    const label = fc.stringMatching(/^[a-z]{1,60}$/);
    fc.assert(
      fc.property(fc.array(label, { minLength: 1, maxLength: 5 }), fc.nat(), (labels, seed) => {
        let source: ClusterQueries;
        try {
          source = cluster({ suffix: labels.join('.'), seed });
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
          return;
        }
        for (const { name } of ask(source, 2 * CLUSTER_PODS)) if (name.length > 253) throw new Error(name);
      }),
      { numRuns: 50 },
    );
  });

  it('have as many namespaces as they say', () => {
    const names = lookedUp(ask(cluster({ hotNames: 1 }), 2 * CLUSTER_PODS));
    expect(new Set(names).size).toBe(CLUSTER_NAMESPACES);
  });
});

describe('a run of pairs', () => {
  const plan = {
    clients: 7,
    concurrency: 20,
    qps: 0,
    durationMs: Number.POSITIVE_INFINITY,
    queries: 2000,
    timeoutMs: 5000,
  };

  it.each([
    ['a closed loop', {}],
    ['a closed loop of one query for each client', { concurrency: 7 }],
    ['a schedule of less than a query in a tick', { qps: 900, queries: 300 }],
    ['a schedule of many queries in a tick', { qps: 8000 }],
  ])('sends both queries of a name from one port: %s', async (_, more) => {
    const server = await startUdpResponder();
    const target = {
      proto: 'udp',
      address: '127.0.0.1',
      port: server.port,
      serverName: '',
      insecure: false,
      ca: null,
    } as const;
    const { tally } = await runLoad({ ...plan, target, ...more }, cluster());
    expect(tally.answered).toBe(tally.sent);
    const open = new Map<string, number>();
    server.queries.forEach((query, i) => {
      const key = `${server.ports[i]} ${dnsPacket.decode(query).questions![0]!.name}`;
      open.set(key, (open.get(key) ?? 0) + 1);
    });
    for (const [key, count] of open) expect(count % 2, key).toBe(0);
    expect(new Set([...open.keys()].map((key) => key.split(' ')[0])).size).toBe(7);
  });
});
