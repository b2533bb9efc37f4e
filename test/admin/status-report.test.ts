// What `unloop status` gets: the verdict, the public fields and nothing else.
import { expect, it } from 'vitest';
import { RateHistory } from '../../src/admin/rate-history.ts';
import { reportStatus } from '../../src/admin/status-report.ts';
import { Counter } from '../../src/metrics/counters.ts';
import { EPISODE, SampleAdmin, UPSTREAM } from './sample-admin.ts';

function report(admin: SampleAdmin) {
  const history = new RateHistory(admin.totals, 0);
  return reportStatus(admin.snapshot(), history, 1000, admin.startedAtMs + 60_000);
}

it('says how all is, with the numbers of the workers', () => {
  const admin = new SampleAdmin();
  admin.counters.values[Counter.queriesUdp] = 40;
  admin.counters.values[Counter.queriesTcp] = 2;
  admin.counters.values[Counter.cacheHits] = 30;
  const { slot: _, ...upstream } = UPSTREAM;
  expect(report(admin)).toMatchObject({
    verdict: { level: 'good', headline: 'Healthy' },
    ready: true,
    version: '1.2.3',
    clients: { queries: 42 },
    upstreams: [upstream],
    rewrites: [{ from: '127.0.0.53:53', to: '10.0.0.2:53', source: '/run/systemd/resolve/resolv.conf' }],
    cache: { hits: 30 },
    workers: { running: 2, dealtByName: 2, restarts: 0, queries: [0, 0] },
    reload: { isLastOk: true },
  });
});

it('shows loops, and no field that is not public', () => {
  const admin = new SampleAdmin();
  admin.upstreamList = [{ ...UPSTREAM, replaces: null, secret: 'x' } as typeof UPSTREAM];
  admin.episodes = [{ ...EPISODE, secret: 'x' } as typeof EPISODE];
  const shown = report(admin);
  expect(shown.rewrites).toEqual([]);
  expect(shown.loops).toEqual([EPISODE]);
  expect(shown.verdict.level).toBe('warning');
  expect(JSON.stringify(shown)).not.toContain('secret');
});
