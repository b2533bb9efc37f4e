// The dashboard and the alerts use only metrics and labels that exist. (Whether the alerts fire:
// promtool, in the lab.)
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse as parseYaml } from 'yaml';

const ROOT = join(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

/** Name → labels, of docs/metrics.md, which a test holds to the program. */
const metrics = new Map<string, { type: string; labels: string[] }>(
  [...read('docs/metrics.md').matchAll(/^\| `(\w+)` \| (\w+) \| (.*?) \|/gm)].map(
    ([, name, type, labels]) => [
      name!,
      { type: type!, labels: [...labels!.matchAll(/`(\w+)`/g)].map(([, label]) => label!) },
    ],
  ),
);
/** Given to every series by Prometheus itself. */
const SCRAPE_LABELS = ['instance', 'job', '__name__'];

interface Target {
  readonly expr: string;
  readonly legendFormat?: string;
}
interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly h: number; readonly w: number; readonly x: number; readonly y: number };
  readonly targets?: readonly Target[];
}
const dashboard = JSON.parse(read('config/grafana/unloop.json')) as {
  panels: Panel[];
  annotations: { list: Target[] };
};
const { groups } = parseYaml(read('config/prometheus/alerts.yaml')) as {
  groups: { rules: { alert: string; expr: string; annotations: Record<string, string> }[] }[];
};
const rules = groups.flatMap((group) => group.rules);

/** Faults of one expression. */
function faultsOf(expression: string): string[] {
  const faults: string[] = [];
  const used = [...expression.matchAll(/\b((?:unloop|process)_\w+)(?:\{([^}]*)\})?/g)];
  const labels = new Set(SCRAPE_LABELS);
  for (const [, name, matchers = ''] of used) {
    const metric = metrics.get(name!) ?? metrics.get(name!.replace(/_(bucket|sum|count)$/, ''));
    if (metric === undefined) {
      faults.push(`${name} is no metric`);
      continue;
    }
    for (const label of [...metric.labels, ...(metric.type === 'histogram' ? ['le'] : [])]) labels.add(label);
    for (const [, label] of matchers.matchAll(/(\w+)\s*[=!]/g))
      if (!labels.has(label!)) faults.push(`${name} has no label ${label}`);
    // A counter says nothing but by how much it grew.
    const before = expression.slice(0, expression.indexOf(name!));
    if (metric.type !== 'gauge' && !/(rate|increase)\(\s*$/.test(before)) faults.push(`${name} is used bare`);
  }
  for (const [, list] of expression.matchAll(/\b(?:by|on) \(([^)]*)\)/g))
    for (const label of list!.split(','))
      if (!labels.has(label.trim())) faults.push(`no label ${label.trim()}`);
  return faults;
}

describe('the dashboard', () => {
  const targets = [
    ...dashboard.panels.flatMap((panel) => panel.targets ?? []),
    ...dashboard.annotations.list.filter((target) => !target.expr.startsWith('changes(')),
  ];

  it('asks only for what there is', () => {
    expect(targets.length).toBeGreaterThan(25);
    expect(targets.flatMap(({ expr }) => faultsOf(expr).map((fault) => `${expr}: ${fault}`))).toEqual([]);
  });

  it('shows every metric of unloop', () => {
    const shown = targets.map(({ expr }) => expr).join('\n');
    const hidden = [...metrics.keys()].filter((name) => name.startsWith('unloop_') && !shown.includes(name));
    expect(hidden.sort()).toEqual(
      [
        // What is rarely of interest is left to those who look for it.
        'unloop_tcp_connections_refused_total',
        'unloop_top_evictions_total',
        'unloop_query_log_dropped_total',
        'unloop_cache_file_total',
        'unloop_cache_restored_entries_total',
        'unloop_dnstap_connections',
        'unloop_dnstap_dropped_total',
        'unloop_dnstap_sent_total',
        'unloop_hedges_total',
        'unloop_nxdomain_cuts_total',
        'unloop_search_shorter_total',
        'unloop_search_waste_total',
        'unloop_pods_known',
        'unloop_pod_watch_failures_total',
        'unloop_pod_watch_last_success_timestamp_seconds',
        'unloop_cache_prefetches_total',
        'unloop_upstream_rtt_seconds',
        'unloop_config_last_reload_success_timestamp_seconds',
        'unloop_upstream_mismatches_total',
        'unloop_upstream_datagrams_lost_total',
      ].sort(),
    );
  });

  it('has panels that do not lie on one another', () => {
    const taken = new Set<string>();
    for (const { gridPos, title } of dashboard.panels)
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++)
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(x, title).toBeLessThan(24);
          expect(taken.has(`${x} ${y}`), title).toBe(false);
          taken.add(`${x} ${y}`);
        }
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
  });

  it('has legends of labels that its expressions keep', () => {
    for (const { expr, legendFormat = '' } of targets)
      for (const [, label] of legendFormat.matchAll(/\{\{(\w+)\}\}/g))
        expect(expr, legendFormat).toContain(label);
  });
});

describe('the alerts', () => {
  it('ask only for what there is', () => {
    expect(rules.flatMap(({ alert, expr }) => faultsOf(expr).map((fault) => `${alert}: ${fault}`))).toEqual(
      [],
    );
  });

  it('each have an example of firing and one of not firing', () => {
    const { tests } = parseYaml(read('config/prometheus/alerts.test.yaml')) as {
      tests: { alert_rule_test: { alertname: string; exp_alerts: unknown[] }[] }[];
    };
    const examples = tests.flatMap((test) => test.alert_rule_test);
    for (const { alert } of rules) {
      const own = examples.filter((example) => example.alertname === alert);
      expect(
        own.some((example) => example.exp_alerts.length > 0),
        alert,
      ).toBe(true);
      expect(
        own.some((example) => example.exp_alerts.length === 0),
        alert,
      ).toBe(true);
    }
  });

  it('say what is wrong and what to do', () => {
    for (const { annotations } of rules)
      expect(Object.keys(annotations).sort()).toEqual(['description', 'runbook_url', 'summary']);
  });

  it('each have a section of the runbook, which they link to, and it has no other', () => {
    const page = read('docs/runbook.md');
    const sections = [...page.matchAll(/^## (Unloop\w+)$/gm)].map(([, name]) => name!);
    expect([...sections].sort()).toEqual(rules.map(({ alert }) => alert).sort());
    for (const { alert, annotations } of rules)
      expect(annotations.runbook_url).toBe(`docs/runbook.md#${alert.toLowerCase()}`);
    for (const section of page.split(/^## /m).slice(1))
      for (const part of ['**Means.**', '**Look.**', '**Do.**']) expect(section).toContain(part);
  });
});
