// `unloop cache` against an admin listener with made-up entries.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type AdminServer, startAdmin } from '../../src/admin/http.ts';
import { SampleAdmin } from '../admin/sample-admin.ts';
import { unloop } from './run-command.ts';

const ENTRY = {
  name: 'www.example.',
  type: 'A',
  qclass: 'IN',
  zone: '.',
  kind: 'positive',
  rcode: 'NOERROR',
  ttlSeconds: 42,
  storedAt: '2026-11-23T10:00:00.000Z',
  hits: 3,
  message: ';; QUERY, NOERROR\nwww.example. 42 IN A 192.0.2.1',
} as const;

let source: SampleAdmin;
let server: AdminServer;
beforeEach(async () => {
  source = new SampleAdmin();
  source.entriesNow = { entries: [ENTRY], more: false };
  server = await startAdmin({ listen: { host: '127.0.0.1', port: 0 }, token: '', report: () => {} }, source);
});
afterEach(async () => {
  await server.close();
});

const cache = (...args: string[]) => unloop('cache', ...args, '--admin', `127.0.0.1:${server.port}`);

describe('get', () => {
  it('shows the answers of one name', async () => {
    const { code, out } = await cache('get', 'WWW.example', 'a');
    expect(code).toBe(0);
    expect(source.listed).toEqual([{ name: 'www.example', type: 'a', zone: null, limit: 100 }]);
    expect(out).toBe(`www.example. A: positive, NOERROR, 42 s
  zone ., stored 2026-11-23T10:00:00.000Z, 3 hits
  ;; QUERY, NOERROR
  www.example. 42 IN A 192.0.2.1
`);
  });

  it('ends with 1 when nothing is there, as JSON too', async () => {
    source.entriesNow = { entries: [], more: false };
    expect(await cache('get', 'www.example')).toMatchObject({
      code: 1,
      out: 'nothing is cached for www.example\n',
    });
    expect(await cache('get', 'www.example', '--json')).toMatchObject({
      code: 1,
      out: '{"entries":[],"more":false}\n',
    });
  });
});

describe('list', () => {
  it('is a table, and says when there is more', async () => {
    source.entriesNow = { entries: [ENTRY, { ...ENTRY, ttlSeconds: -90 }], more: true };
    const { code, out } = await cache('list', '--zone', '.', '--limit', '2');
    expect(code).toBe(0);
    expect(source.listed).toEqual([{ name: null, type: null, zone: '.', limit: 2 }]);
    expect(out).toBe(`NAME          TYPE  RCODE    TTL                   HITS  ZONE
www.example.  A     NOERROR  42 s                  3     .
www.example.  A     NOERROR  stale for 1 min 30 s  3     .
There are more: --limit N shows more than 2, up to 10000.
`);
  });

  it('is JSON with --json', async () => {
    expect(JSON.parse((await cache('list', '--json')).out)).toEqual({ entries: [ENTRY], more: false });
  });
});

describe('flush', () => {
  it('forgets a name, a zone, or everything', async () => {
    expect(await cache('flush', '--name', 'a.example')).toMatchObject({
      code: 0,
      out: 'removed 7 entries\n',
    });
    expect((await cache('flush', '--zone=corp.example', '--json')).out).toBe('{"flushed":7}\n');
    await cache('flush');
    expect(source.flushes).toEqual([
      { name: 'a.example', zone: null },
      { name: null, zone: 'corp.example' },
      { name: null, zone: null },
    ]);
  });
});

it.each([
  [[], 'what to do is missing'],
  [['lst'], '"lst" is not expected here; did you mean "list"?'],
  [['toString'], '"toString" is not expected here'],
  [['get'], 'get needs a name'],
  [['get', '--name', 'a'], 'get needs a name'],
  [['get', 'a', 'A', 'x'], '"x" is not expected here'],
  [['get', 'a', '--name', 'a'], 'without --name'],
  [['flush', 'a.example'], 'a name goes after --name'],
  [['flush', '--limit', '3'], 'flush takes no --limit'],
  [['list', '--limit', 'x'], 'limit is not a number'],
  [['flush', '--name', 'a..b'], 'name is not a domain name'],
  [['list', '--upstream', '192.0.2.1'], 'unknown flag --upstream'],
])('cache %j: bad usage, and nothing is forgotten', async (args, problem) => {
  const { code, err } = await cache(...args);
  expect(code).toBe(2);
  expect(err).toContain(problem);
  expect(err).toContain('cure: ');
  expect(source.flushes).toEqual([]);
});
