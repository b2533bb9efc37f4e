import { describe, expect, it } from 'vitest';
import { recordTraffic, type Setting, simulate } from '../../../bench/cluster/simulation.ts';
import { ClusterQueries } from '../../../src/load/cluster-queries.ts';
import type { QuerySource } from '../../../src/load/query-source.ts';
import { textToName } from '../../../src/wire/text.ts';

const RATE = 2000;
const SETTING: Setting = { workers: 1, dealing: 'separate', entries: 100_000, warmup: 0 };

/** Asks for A of these names, one after the other and over and over. */
function repeat(...names: readonly string[]): QuerySource {
  let next = 0;
  return {
    description: '',
    together: 1,
    write(out) {
      const name = textToName(names[next++ % names.length]!);
      out.fill(0, 0, 12);
      out.set(name, 12);
      out.set([0, 1, 0, 1], 12 + name.length);
      return 12 + name.length + 4;
    },
  };
}

const cluster = () =>
  new ClusterQueries({
    hotNames: 1000,
    zipfExponent: 1,
    nxdomainShare: 0,
    suffix: 'bench.example',
    nxdomainSuffix: 'bench.missing',
    seed: 3,
    randomCase: false,
    ednsShare: 0,
    dnssecShare: 0,
  });

describe('the simulation of workers', () => {
  it('asks upstream once in a lifetime, and lets equal questions wait meanwhile', () => {
    // 60 s at one query a millisecond; the answer takes 20 ms and is good for 60 s.
    const traffic = recordTraffic(repeat('a.example'), 1000, 60_000);
    expect(simulate(traffic, SETTING)).toMatchObject({
      asked: 60_000,
      upstream: 1,
      joined: 19,
      hits: 59_980,
    });
  });

  it('asks again when a lifetime is over', () => {
    const traffic = recordTraffic(repeat('web.ns-01.svc.cluster.local'), 1000, 60_000);
    expect(simulate(traffic, SETTING).upstream).toBe(2);
  });

  it('keeps that a name does not exist for every type', () => {
    const source = cluster();
    const traffic = recordTraffic(source, RATE, 40_000);
    const asked = new Set<number>();
    traffic.names.forEach((name) => {
      if (traffic.missing[name]) asked.add(name);
    });
    expect(asked.size).toBeGreaterThan(100);
    // At the same moment both types go; after that neither does.
    const { upstream } = simulate(traffic, SETTING);
    expect(upstream).toBeLessThanOrEqual(2 * new Set(traffic.names).size);
  });

  it('does not keep more entries than it may', () => {
    const names = Array.from({ length: 100 }, (_, i) => `n${i}.example`);
    const traffic = recordTraffic(repeat(...names), 1000, 10_000);
    expect(simulate(traffic, { ...SETTING, entries: 100 }).upstream).toBe(100);
    expect(simulate(traffic, { ...SETTING, entries: 99 }).upstream).toBe(10_000);
  });

  it('shows that workers of their own caches ask more often, and that dealing by name does not', () => {
    const traffic = recordTraffic(cluster(), RATE, 40_000);
    const upstream = (workers: number, dealing: Setting['dealing']) =>
      simulate(traffic, { ...SETTING, workers, dealing }).upstream;
    const alone = upstream(1, 'separate');
    expect(upstream(1, 'by name')).toBe(alone);
    for (const workers of [2, 4, 8, 16]) expect(upstream(workers, 'by name')).toBe(alone);
    expect(upstream(4, 'separate')).toBeGreaterThan(1.5 * alone);
    expect(upstream(16, 'separate')).toBeGreaterThan(upstream(4, 'separate'));
  });
});
