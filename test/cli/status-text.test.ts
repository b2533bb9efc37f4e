// The report on a terminal.
import { expect, it } from 'vitest';
import { RateHistory } from '../../src/admin/rate-history.ts';
import { reportStatus } from '../../src/admin/status-report.ts';
import { alignColumns, renderStatus } from '../../src/cli/status-text.ts';
import { Drop } from '../../src/metrics/counters.ts';
import { EPISODE, SampleAdmin, UPSTREAM } from '../admin/sample-admin.ts';

const NOW = '2026-11-23T10:01:00.000Z';

function rendered(admin: SampleAdmin): string {
  const history = new RateHistory(admin.totals, 0);
  admin.startedAtMs = Date.parse('2026-11-23T09:00:00.000Z');
  return renderStatus(reportStatus(admin.snapshot(), history, 1000, Date.parse(NOW)));
}

it('has the verdict first, then the numbers, upstreams and loops', () => {
  expect(rendered(new SampleAdmin())).toBe(`Healthy: The upstream answers; no loop.

unloop 1.2.3 on 127.0.0.1:5300, up 1 h 1 min
  clients   0 queries, 0/s now, – SERVFAIL, 0 in flight
  cache     0 entries, 0 B; 0 hits, 0 misses, 0 stale, 0 evicted
  workers   2, dealt by name; queries 0, 0
  config    in force since 2026-11-23 09:00:00 UTC (1 h 1 min)

Upstreams
  ADDRESS      STATE  SINCE  OVER  RTT     QUERIES  FAILURES   ZONES
  10.0.0.2:53  up     1 min  udp   1.2 ms  12       3 timeout  .
  10.0.0.2:53 is asked instead of 127.0.0.53:53, found in /run/systemd/resolve/resolv.conf

Loops
  none seen since the start
`);
});

it('says of an upstream what the state does not', () => {
  const admin = new SampleAdmin();
  admin.upstreamList = [
    { ...UPSTREAM, condition: 'unasked' },
    { ...UPSTREAM, condition: 'degraded', lastError: 'REFUSED' },
    { ...UPSTREAM, rttMs: 1200 },
    { ...UPSTREAM, state: 'quarantined', quarantinedUntil: '2026-11-23T10:01:30.000Z' },
    { ...UPSTREAM, learned: [{ what: 'case', since: NOW, until: NOW }] },
  ];
  admin.episodes = [{ ...EPISODE, state: 'closed' }];
  const text = rendered(admin);
  for (const part of [
    'not asked',
    'errors only',
    'last error: REFUSED',
    'slow ',
    'out of use for 30 s more',
    'asked without case until',
  ])
    expect(text).toContain(part);
  expect(text).toContain('  closed: through 127.0.0.1:5398 for ., 3 came back (edns), last 55 s ago\n');
  expect(text).not.toContain(`cure: ${EPISODE.cure}`);
});

it('says where a zone comes from that the configuration does not name', () => {
  const admin = new SampleAdmin();
  const source = '/etc/systemd/dns-delegate.d/corp.dns-delegate';
  const own = { ...UPSTREAM, address: '10.3.0.3:53', replaces: null, zones: ['corp.example'] };
  admin.upstreamList = [UPSTREAM, { ...own, source }];
  expect(rendered(admin)).toContain(`  10.3.0.3:53 is asked for corp.example, found in ${source}\n`);
  admin.upstreamList = [UPSTREAM, { ...own, source: 'configuration' }];
  expect(rendered(admin)).not.toContain('is asked for');
});

it('says who is refused', () => {
  const admin = new SampleAdmin();
  admin.counters.drop(Drop.not_allowed);
  admin.refusedNow = { client: '203.0.113.7', at: '2026-11-23T10:00:48.000Z' };
  expect(rendered(admin)).toContain(
    '  refused   1 query of clients that are not served, the last 203.0.113.7, 12 s ago: outside limits.allow\n',
  );
});

it('lets no control character through', () => {
  const admin = new SampleAdmin();
  admin.upstreamList = [{ ...UPSTREAM, lastError: 'its certificate is for \u001b[2J\u0007\u009bx' }];
  expect(rendered(admin)).toContain('its certificate is for ?[2J??x');
});

it('aligns columns', () => {
  expect(
    alignColumns([
      ['a', 'bb', 'c'],
      ['aaa', 'b', 'cc'],
    ]),
  ).toEqual(['a    bb  c', 'aaa  b   cc']);
});
