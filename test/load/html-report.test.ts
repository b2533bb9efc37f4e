import { describe, expect, it } from 'vitest';
import { htmlReport } from '../../src/load/html-report.ts';
import type { LoadReport } from '../../src/load/report.ts';
import { sampleReport } from './sample-report.ts';

const NOTHING = sampleReport({
  ...{ sent: 0, answered: 0, lost: 0, lossPercent: 0, qps: 0, rcodes: {}, histogram: [], series: [] },
  latencyMs: { min: 0, mean: 0, p50: 0, p90: 0, p99: 0, p999: 0, max: 0 },
});

/** The cells of the first run, by the head of their column. */
function cells(html: string): Record<string, string> {
  const found = [...html.matchAll(/<td data-head="([^"]+)">(.*?)<\/td>/g)];
  return Object.fromEntries(found.map(([, head, cell]) => [head, cell!.replace(/<[^>]*>/g, '')]));
}

describe('the page', () => {
  it('has a row with the figures of each run, under the head they belong to', () => {
    const html = htmlReport([sampleReport()]);
    expect(cells(html)).toMatchObject({
      ...{ 'answers/s': '995', sent: '2,000', answered: '1,990', lost: '10 (0.5 %)', late: '3' },
      ...{ 'p50 ms': '0.4', p90: '0.9', p99: '2.5', 'p99.9': '7', max: '9' },
      ...{ rcodes: 'NOERROR 1,980, NXDOMAIN 10', 'server µs/query': '–', 'server MiB': '–' },
    });
    expect(html).toContain('<title>DNS load: sample</title>');
  });

  it('has what the server cost, where it was measured', () => {
    const server = { cpuMicrosPerQuery: 12.5, cpuSeconds: 1, rssBytes: 64 * 1024 * 1024, peakRssBytes: 0 };
    expect(cells(htmlReport([sampleReport({ server })]))).toMatchObject({
      'server µs/query': '12.5',
      'server MiB': '64.0',
    });
  });

  it('says of an open loop what was wanted, of a closed one what was in flight', () => {
    expect(htmlReport([sampleReport()])).toContain('20 in flight');
    expect(htmlReport([sampleReport({ mode: 'open', wantedQps: 5000 })])).toContain('5,000 q/s wanted');
  });

  it('marks losses, and not their absence', () => {
    expect(htmlReport([sampleReport()])).toContain('<span class="bad">10 (0.5 %)</span>');
    expect(htmlReport([sampleReport({ lost: 0, lossPercent: 0 })])).not.toContain('class="bad"');
  });

  it('says how each run was measured', () => {
    const html = htmlReport([sampleReport({ command: "unloop bench --label 'a<b'" })]);
    expect(html).toContain('<code>unloop bench --label &#39;a&lt;b&#39;</code>');
    expect(html).toContain('unloop bench 1.2.3; AMD EPYC, 2 cores, 24 GiB');
    expect(html).toContain('load average before 0.25');
  });

  it('shows reports of releases that did not tell the machine', () => {
    const { machine: _, ...earlier } = sampleReport();
    expect(htmlReport([earlier as LoadReport])).toContain('<h2>How it was measured</h2>');
  });

  it('compares any number of runs, colors again from the first after eight', () => {
    const html = htmlReport(Array.from({ length: 9 }, (_, i) => sampleReport({ label: `run ${i}` })));
    expect(html).toContain('<title>DNS load: 9 runs compared</title>');
    expect([...html.matchAll(/class="key c(\d)"/g)].map(([, color]) => Number(color))).toEqual([
      0, 1, 2, 3, 4, 5, 6, 7, 0,
    ]);
    expect(html).not.toMatch(/<path class="c8/);
  });

  it('draws a run without answers as one with nothing to show', () => {
    const html = htmlReport([NOTHING]);
    expect(html.match(/nothing to show/g)).toHaveLength(5);
    expect(html).not.toMatch(/NaN|Infinity|undefined/);
  });

  it('has the figures of all runs together above the table, shown as text', () => {
    const html = htmlReport([sampleReport()], [['<packets>', '1 & 2']]);
    expect(html).toContain('<dt>&lt;packets&gt;</dt><dd>1 &amp; 2</dd>');
    expect(htmlReport([sampleReport()])).not.toContain('<dl>');
  });

  it('takes nothing from a label but text', () => {
    expect(htmlReport([sampleReport({ label: '</title><script>' })])).not.toContain('<script>');
  });
});
