import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { DROP_REASONS } from '../../src/metrics/counters.ts';
import { createExposition } from '../../src/metrics/exposition.ts';
import { type Family, parsePrometheusText, seriesValue } from '../kit/prometheus-text.ts';
import { createBusySnapshot, SampleSnapshot } from './sample-snapshot.ts';

async function scrape(source: SampleSnapshot, coredns = false): Promise<Map<string, Family>> {
  const { text } = await createExposition(() => source, { coredns })();
  return parsePrometheusText(text);
}

describe('exposition', () => {
  it('is in the text format 0.0.4', async () => {
    const { contentType, text } = await createExposition(() => createBusySnapshot(), { coredns: true })();
    expect(contentType).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(parsePrometheusText(text).size).toBeGreaterThan(40);
  });

  it('publishes every name of the public contract with its labels', async () => {
    const families = await scrape(createBusySnapshot());
    const contract: Record<string, string[]> = {
      unloop_queries_total: ['proto'],
      unloop_responses_total: ['rcode'],
      unloop_dropped_total: ['reason'],
      unloop_request_duration_seconds: [],
      unloop_cache_hits_total: [],
      unloop_cache_misses_total: [],
      unloop_cache_evictions_total: [],
      unloop_cache_prefetches_total: [],
      unloop_cache_stale_total: [],
      unloop_cache_entries: [],
      unloop_cache_bytes: [],
      unloop_upstream_requests_total: ['upstream'],
      unloop_upstream_failures_total: ['upstream', 'reason'],
      unloop_upstream_duration_seconds: ['upstream'],
      unloop_upstream_state: ['upstream', 'state'],
      unloop_coalesced_total: [],
      unloop_loop_detected_total: ['upstream', 'zone', 'evidence'],
      unloop_loop_shed_total: [],
      unloop_rewritten_upstreams: [],
      unloop_reloads_total: ['result'],
      unloop_zone_upstreams_usable: ['zone'],
      unloop_config_last_reload_successful: [],
      unloop_config_last_reload_success_timestamp_seconds: [],
      unloop_workers: [],
      unloop_workers_dealt_by_name: [],
      unloop_worker_queries_total: ['worker'],
      unloop_worker_restarts_total: [],
      unloop_build_info: ['version', 'node', 'socket'],
    };
    for (const [name, labels] of Object.entries(contract)) {
      const family = families.get(name);
      expect(family, name).toBeDefined();
      const found = Object.keys(family!.series[0]!.labels).filter((label) => label !== 'le');
      expect(found, name).toEqual(labels);
    }
  });

  it('sums the workers', async () => {
    const families = await scrape(createBusySnapshot());
    expect(seriesValue(families, 'unloop_queries_total', { proto: 'udp' })).toBe(2);
    expect(seriesValue(families, 'unloop_queries_total', { proto: 'tcp' })).toBe(2);
    expect(seriesValue(families, 'unloop_cache_hits_total')).toBe(3);
  });

  it('lists every drop reason from the start', async () => {
    const families = await scrape(new SampleSnapshot());
    const reasons = families.get('unloop_dropped_total')!.series.map((series) => series.labels.reason);
    expect(reasons).toEqual(DROP_REASONS);
  });

  it('names RCODEs, numbers those without a name and gathers those beyond the table', async () => {
    const families = await scrape(createBusySnapshot());
    expect(seriesValue(families, 'unloop_responses_total', { rcode: 'SERVFAIL' })).toBe(1);
    expect(seriesValue(families, 'unloop_responses_total', { rcode: 'RCODE12' })).toBe(1);
    expect(seriesValue(families, 'unloop_responses_total', { rcode: 'BADCOOKIE' })).toBe(1);
    expect(seriesValue(families, 'unloop_responses_total', { rcode: 'other' })).toBe(16); // 24 … 39
  });

  it('shows the usual RCODEs at zero and no others', async () => {
    const families = await scrape(new SampleSnapshot());
    const rcodes = families.get('unloop_responses_total')!.series.map((series) => series.labels.rcode);
    expect(rcodes).toEqual(['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED']);
  });

  it('has cumulative histograms whose +Inf equals their count', async () => {
    const families = await scrape(createBusySnapshot(), true);
    const histograms = [...families.values()].filter((family) => family.type === 'histogram');
    expect(histograms.length).toBe(5);
    for (const family of histograms) {
      const groups = new Map<string, number[]>();
      for (const series of family.series.filter(({ name }) => name.endsWith('_bucket'))) {
        const { le, ...rest } = series.labels;
        const key = JSON.stringify(rest);
        const bounds = groups.get(key) ?? [];
        expect(le === '+Inf' ? Infinity : Number(le)).toBeGreaterThan(bounds.at(-2) ?? -1);
        expect(series.value).toBeGreaterThanOrEqual(bounds.at(-1) ?? 0);
        groups.set(key, [...bounds, le === '+Inf' ? Infinity : Number(le), series.value]);
      }
      for (const [key, flat] of groups) {
        expect(flat.at(-2)).toBe(Infinity);
        expect(flat.at(-1)).toBe(seriesValue(families, `${family.name}_count`, JSON.parse(key)));
      }
    }
  });

  it('puts durations into the buckets that bound them', async () => {
    const families = await scrape(createBusySnapshot());
    const bucket = (le: string) => seriesValue(families, 'unloop_request_duration_seconds_bucket', { le });
    expect(bucket('0.0000625')).toBe(2);
    expect(bucket('0.00025')).toBe(4);
    expect(bucket('0.0005')).toBe(14);
    expect(bucket('4.096')).toBe(16);
    expect(bucket('+Inf')).toBe(17);
    expect(seriesValue(families, 'unloop_request_duration_seconds_sum')).toBeCloseTo(
      (0.01 + 0.0625 + 0.2 + 0.25 + 3 + 4096 + 9000 + 10 * 0.3) / 1000,
      9,
    );
  });

  it('keeps the bucket bounds in decimal notation, so that le never changes its spelling', async () => {
    const { text } = await createExposition(() => createBusySnapshot(), { coredns: true })();
    expect(text).not.toMatch(/le="[^"]*e-/);
  });

  it('lists live upstreams only, and one text once', async () => {
    const source = createBusySnapshot();
    const families = await scrape(source);
    const upstreams = families.get('unloop_upstream_requests_total')!.series;
    expect(upstreams.map(({ labels, value }) => [labels.upstream, value])).toEqual([
      ['10.0.0.2:53', 4],
      ['127.0.0.1:5398', 2],
    ]);
    source.upstreamList = [];
    expect((await scrape(source)).get('unloop_upstream_requests_total')!.series).toEqual([]);
  });

  it('shows exactly one state per upstream, the worse of two of one text', async () => {
    const families = await scrape(createBusySnapshot());
    const state = (upstream: string, name: string) =>
      seriesValue(families, 'unloop_upstream_state', { upstream, state: name });
    expect(['up', 'down', 'quarantined'].map((name) => state('10.0.0.2:53', name))).toEqual([0, 1, 0]);
    expect(['up', 'down', 'quarantined'].map((name) => state('127.0.0.1:5398', name))).toEqual([0, 0, 1]);
  });

  it('counts the usable upstreams of every zone, none of those without one', async () => {
    const source = createBusySnapshot();
    const usable = (families: Map<string, Family>) =>
      families.get('unloop_zone_upstreams_usable')!.series.map(({ labels, value }) => [labels.zone, value]);
    expect(usable(await scrape(source))).toEqual([
      ['.', 0],
      ['corp.example', 0],
      ['empty.example', 0],
    ]);
    source.routeList = source.routeList.map((route) => ({ ...route, usable: true }));
    expect(usable(await scrape(source))).toEqual([
      ['.', 1],
      ['corp.example', 1],
      ['empty.example', 0],
    ]);
  });

  it('says whether the last reload worked, and when one did', async () => {
    const families = await scrape(createBusySnapshot());
    expect(seriesValue(families, 'unloop_config_last_reload_successful')).toBe(0);
    expect(seriesValue(families, 'unloop_config_last_reload_success_timestamp_seconds')).toBe(
      1_700_000_000.5,
    );
  });

  it('leaves out a round-trip time that was never measured', async () => {
    const families = await scrape(createBusySnapshot());
    const rtts = families.get('unloop_upstream_rtt_seconds')!.series;
    expect(rtts.map(({ labels, value }) => [labels.upstream, value])).toEqual([['10.0.0.2:53', 0.002]]);
  });

  it('counts loops by upstream, zone and evidence', async () => {
    const families = await scrape(createBusySnapshot());
    const labels = { upstream: '127.0.0.1:5398', zone: 'corp.example' };
    expect(seriesValue(families, 'unloop_loop_detected_total', { ...labels, evidence: 'case' })).toBe(1);
    expect(seriesValue(families, 'unloop_loop_quarantined', labels)).toBe(1);
    expect(
      seriesValue(families, 'unloop_loop_detected_total', {
        upstream: '10.0.0.2:53',
        zone: '.',
        evidence: 'edns',
      }),
    ).toBe(0);
  });

  it('escapes label values', async () => {
    const source = new SampleSnapshot();
    const text = 'https://h/"x"\\y\nz';
    source.upstreamList = [{ slot: 0, address: text, state: 'up', rttMs: null, learned: [] }];
    const families = await scrape(source);
    expect(seriesValue(families, 'unloop_upstream_requests_total', { upstream: text })).toBe(0);
  });

  it('shows the process under the usual names', async () => {
    const families = await scrape(new SampleSnapshot());
    expect(seriesValue(families, 'process_resident_memory_bytes')).toBeGreaterThan(1e6);
    expect(seriesValue(families, 'process_cpu_seconds_total')).toBeGreaterThan(0);
    const started = seriesValue(families, 'process_start_time_seconds') * 1000;
    expect(started).toBeLessThanOrEqual(Date.now() + 1000);
    if (process.platform === 'linux') {
      expect(seriesValue(families, 'process_open_fds')).toBeGreaterThan(2);
      expect(seriesValue(families, 'process_max_fds')).toBeGreaterThan(2);
    }
  });

  it('has no name of CoreDNS unless asked', async () => {
    const names = [...(await scrape(createBusySnapshot())).keys()];
    expect(names.filter((name) => name.startsWith('coredns_'))).toEqual([]);
  });

  it('has the metrics that CoreDNS dashboards use', async () => {
    const families = await scrape(createBusySnapshot(), true);
    const server = 'dns://127.0.0.1:5300,dns://[::1]:5300';
    const value = (name: string, labels = {}) => seriesValue(families, name, labels);
    expect(value('coredns_dns_requests_total', { server, zone: '.', proto: 'udp' })).toBe(2);
    expect(value('coredns_dns_responses_total', { server, zone: '.', rcode: 'NXDOMAIN' })).toBe(1);
    expect(value('coredns_cache_requests_total', { server, zones: '.' })).toBe(7);
    expect(value('coredns_forward_requests_total', { to: '10.0.0.2:53' })).toBe(4);
    expect(value('coredns_forward_responses_total', { to: '10.0.0.2:53' })).toBe(4);
    expect(
      value('coredns_proxy_request_duration_seconds_count', { proxy_name: 'forward', to: '10.0.0.2:53' }),
    ).toBe(4);
    expect(value('coredns_reload_failed_total')).toBe(2);
  });

  it('regroups durations under the bounds of CoreDNS without losing one', async () => {
    const families = await scrape(createBusySnapshot(), true);
    const labels = { server: 'dns://127.0.0.1:5300,dns://[::1]:5300', zone: '.' };
    const bucket = (le: string) =>
      seriesValue(families, 'coredns_dns_request_duration_seconds_bucket', { ...labels, le });
    expect(bucket('0.00025')).toBe(4);
    expect(bucket('+Inf')).toBe(17);
  });

  it('passes promtool, where it is installed', async () => {
    const { text } = await createExposition(() => createBusySnapshot(), { coredns: false })();
    const promtool = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
    // Elsewhere the strict reader and the name lint stand in for it.
    if (promtool.error === undefined) expect(promtool.stdout + promtool.stderr).toBe('');
    expect(() => parsePrometheusText(text)).not.toThrow();
  });
});
