// The charts: what is drawn, and where.
import { expect, it } from 'vitest';
import { RateHistory } from '../../src/admin/rate-history.ts';
import { renderCharts } from '../../src/admin/status-page-charts.ts';
import { Counter } from '../../src/metrics/counters.ts';
import { SampleAdmin } from './sample-admin.ts';

function draw(happens: (admin: SampleAdmin, sample: () => void) => void): string {
  const admin = new SampleAdmin();
  const history = new RateHistory(admin.totals, 0);
  let nowMs = 0;
  happens(admin, () => {
    nowMs += 2000;
    history.sample(nowMs);
  });
  const charts = renderCharts(history);
  return typeof charts === 'string' ? charts : charts.text;
}

it('draws nothing while nothing was asked', () => {
  const charts = draw((_, sample) => {
    sample();
    sample();
  });
  expect(charts).toBe('');
});

it('draws the rate from the bottom to the top, and says the values', () => {
  const charts = draw(({ counters }, sample) => {
    counters.values[Counter.queriesUdp] = 20;
    sample();
    sample();
    counters.values[Counter.queriesUdp]! += 10;
    sample();
  });
  expect(charts).toContain('d="M0.0 2.0h.1L150.0 58.0L300.0 30.0"');
  expect(charts).toContain('Queries a second in the last five minutes: queries at most 10');
  expect(charts).toContain('<li class="accent">queries <b>5.0</b></li>');
});

it('leaves a gap where there was nothing, and draws a lone value', () => {
  const charts = draw(({ counters }, sample) => {
    counters.values[Counter.queriesUdp] = 1;
    counters.values[Counter.cacheHits] = 1;
    sample();
    sample();
    counters.values[Counter.cacheHits]! += 1;
    counters.values[Counter.cacheMisses]! += 1;
    sample();
  });
  expect(charts).toContain('<path class="good" d="M0.0 2.0h.1M300.0 30.0h.1"/>');
  expect(charts).toContain('hits at most 100 %');
});

it('draws times by powers of two', () => {
  const charts = draw(({ counters }, sample) => {
    counters.values[Counter.queriesUdp] = 1;
    counters.duration(0.1, 100); // the second of the steps
    sample();
    counters.duration(0.4, 100); // the fourth
    sample();
  });
  expect(charts).toContain('<path class="accent" d="M0.0 30.0h.1L300.0 2.0"/>');
  expect(charts).toContain('half within <b>500 µs</b>');
});

it('draws answers by code, the rare ones together', () => {
  const charts = draw(({ counters }, sample) => {
    counters.values[Counter.queriesUdp] = 8;
    sample();
    for (const rcode of [0, 0, 0, 0, 3, 2, 1, 5]) counters.response(rcode);
    sample();
  });
  for (const part of [
    'NOERROR <b>2.0</b>',
    'NXDOMAIN <b>0.5</b>',
    'SERVFAIL <b>0.5</b>',
    'others <b>1.0</b>',
  ])
    expect(charts).toContain(part);
});
