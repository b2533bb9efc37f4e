// `unloop query` against an admin listener that explains what the test says.
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Explanation, KeptQuery } from '../../src/admin/admin-source.ts';
import { type AdminServer, startAdmin } from '../../src/admin/http.ts';
import { SampleAdmin } from '../admin/sample-admin.ts';
import { unloop } from './run-command.ts';

const FAILED: Explanation = {
  name: 'www.example.',
  type: 'A',
  client: { address: '127.0.0.1', allowed: true },
  zone: '.',
  local: false,
  cache: { state: 'none', ttlSeconds: 0, storedAt: null, upstream: null },
  upstreams: [
    {
      upstream: '10.0.0.2:53',
      transport: 'udp',
      condition: 'up',
      taken: true,
      reason: 'asked: no answer over UDP',
    },
    {
      upstream: '10.0.0.3:53',
      transport: 'udp',
      condition: 'down',
      taken: false,
      reason: 'skipped: it is down',
    },
  ],
  sent: { tags: ['loop tag'], edns: 'EDNS 0, 1232 bytes' },
  attempts: [{ upstream: '10.0.0.2:53', transport: 'udp', startMs: 0, durationMs: 12, outcome: 'no answer' }],
  loop: '',
  reply: {
    rcode: 'SERVFAIL',
    ede: [{ code: 22, text: '10.0.0.2: no answer over UDP\u001b' }],
    bytes: 85,
    truncated: false,
    durationMs: 13.2,
    records: [],
  },
  summary: 'SERVFAIL in 13.2 ms: 10.0.0.2: no answer over UDP.',
};

let source: SampleAdmin;
let server: AdminServer;
beforeEach(async () => {
  source = new SampleAdmin();
  source.explanationNow = FAILED;
  server = await startAdmin({ listen: { host: '127.0.0.1', port: 0 }, token: '', report: () => {} }, source);
});
afterEach(async () => {
  await server.close();
});

const query = (...args: string[]) => unloop('query', ...args, '--admin', `127.0.0.1:${server.port}`);

it('names who failed, and how, and ends with 1', async () => {
  const { code, out } = await query('www.example');
  expect(code).toBe(1);
  expect(out).toContain('www.example. A: SERVFAIL in 13.2 ms: 10.0.0.2: no answer over UDP.\n');
  expect(out).toContain('  10.0.0.3:53  down  skipped: it is down\n');
  expect(out).toContain('  at 0 ms  10.0.0.2:53  udp  12 ms  no answer\n');
  expect(out).toContain('  EDE 22: 10.0.0.2: no answer over UDP');
  expect(out).not.toContain('\u001b');
  expect(source.explained).toEqual([{ name: 'www.example', type: 'A', client: '127.0.0.1', dryRun: false }]);
});

it('ends with 0 where there is an answer, and shows it', async () => {
  const records = ['www.example. 60 IN A 192.0.2.1'];
  source.explanationNow = {
    ...FAILED,
    reply: { ...FAILED.reply!, rcode: 'NOERROR', ede: [], records, truncated: true },
  };
  const { code, out } = await query('www.example', 'A');
  expect(code).toBe(0);
  expect(out).toContain(
    'Answer\n  NOERROR, 85 bytes, 13.2 ms, TC: it comes whole over TCP\n  www.example. 60',
  );
});

it('--dry-run asks no server, and ends by what would happen', async () => {
  source.explanationNow = { ...FAILED, reply: null, attempts: [], sent: null };
  expect((await query('www.example', '--dry-run', '--client', '10.0.0.7')).code).toBe(0);
  expect(source.explained).toEqual([{ name: 'www.example', type: 'A', client: '10.0.0.7', dryRun: true }]);
  source.explanationNow = { ...source.explanationNow, client: { address: '10.0.0.7', allowed: false } };
  expect((await query('www.example', '--dry-run')).code).toBe(1);
  source.explanationNow = { ...FAILED, local: true, upstreams: [], reply: null, attempts: [], sent: null };
  expect((await query('db.internal', '--dry-run')).code).toBe(0);
});

it('is JSON with --json', async () => {
  expect(JSON.parse((await query('www.example', '--json')).out)).toEqual(FAILED);
});

it.each([
  [[], 'the name is missing'],
  [['a..b'], 'name is not a domain name: "a..b"'],
  [['a', 'A', 'B'], '"B" is not expected here'],
  [['--slow', '--limit', '65'], 'limit is not a number from 1 to 64'],
  [['a.example', '--limit', '5'], '--limit goes with --slow or --failed only'],
  [['--slow', '--failed'], '--slow and --failed exclude each other: give one of them'],
])('refuses %j, with the help of the command as the cure', async (args, problem) => {
  const { code, err } = await query(...args);
  expect(code).toBe(2);
  expect(err).toContain(problem);
  expect(err).toContain('`unloop help query`');
  expect(err).not.toMatch(/GET|POST/);
  expect(source.explained).toEqual([]);
  expect(source.keptLimits).toEqual([]);
});

it('says when the server explains as many as it may', async () => {
  source.explanationNow = null;
  const { code, err } = await query('www.example');
  expect(code).toBe(2);
  expect(err).toContain('Ask again in a moment.');
});

const KEPT: KeptQuery = {
  at: '2026-12-01T03:00:00.000Z',
  client: '10.1.2.3:40123',
  proto: 'udp',
  name: 'www.example.',
  type: 'A',
  zone: '.',
  rcode: 'SERVFAIL',
  durationMs: 1800,
  cache: 'none',
  upstream: null,
  ede: [{ code: 22, text: '10.0.0.2: no answer over UDP\u001b' }],
  attempts: [
    { upstream: '10.0.0.2:53', transport: 'udp', startMs: 0, durationMs: 1800, outcome: 'no answer' },
  ],
};

it('lists the queries that failed, with each attempt', async () => {
  source.keptNow = [{ ...KEPT, pod: 'shop/cart-1' }];
  const { code, out } = await query('--failed', '--limit', '5');
  expect(code).toBe(0);
  expect(source.keptLimits).toEqual([['failed', 5]]);
  expect(out).toBe(`2026-12-01T03:00:00.000Z www.example. A: SERVFAIL in 1800 ms, from nobody
  client 10.1.2.3:40123 (shop/cart-1) over udp
  EDE 22: 10.0.0.2: no answer over UDP?
  at 0 ms  10.0.0.2:53  udp  1800 ms  no answer
`);
});

it('lists the slow ones as JSON, or says that there are none', async () => {
  source.keptNow = [KEPT];
  expect(JSON.parse((await query('--slow', '--json')).out)).toEqual({ queries: [KEPT] });
  source.keptNow = [];
  expect((await query('--slow')).out).toBe('none\n');
});

it.each([
  ['--slow', 'www.example'],
  ['--failed', '--dry-run'],
])('does not take %s with %s', async (...args) => {
  const { code, err } = await query(...args);
  expect(code).toBe(2);
  expect(err).toContain('takes no name, and no other flag');
  expect(source.keptLimits).toEqual([]);
});
