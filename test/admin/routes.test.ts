// What each route answers, without a listener; http.test.ts asks them through one.
import { expect, it } from 'vitest';
import { ROUTES, type RouteContext } from '../../src/admin/routes.ts';
import { UnloopError } from '../../src/base/errors.ts';

const seen = (snapshot: object) => ({ snapshot: () => snapshot });

async function answer(path: string, source: object = {}, query = '') {
  const context = { source, query: new URLSearchParams(query), nowMs: 0 } as unknown as RouteContext;
  return ROUTES.get(path)!.answer(context);
}

it('shows private pages only with a token, and changes nothing by GET', () => {
  const facts = [...ROUTES].map(([path, { method, openness }]) => `${method} ${path} ${openness}`);
  expect(facts.sort()).toEqual([
    'GET / private',
    'GET /cache/entries private',
    'GET /config private',
    'GET /events private',
    'GET /health probe',
    'GET /loops private',
    'GET /metrics metrics',
    'GET /queries/failed private',
    'GET /queries/slow private',
    'GET /ready probe',
    'GET /serving probe',
    'GET /status private',
    'GET /top private',
    'GET /upstreams private',
    'POST /cache/flush private',
    'POST /explain private',
  ]);
});

it('is ready with 200, and else says why with 503', async () => {
  const ready = await answer('/ready', seen({ readiness: { ready: true, reason: '' } }));
  expect([ready.status, ready.body]).toEqual([200, '{"ready":true}\n']);
  const not = await answer('/ready', seen({ readiness: { ready: false, reason: 'no upstream' } }));
  expect([not.status, not.body]).toEqual([503, '{"ready":false,"reason":"no upstream"}\n']);
});

it('shows the public fields of upstreams and episodes, and no other', async () => {
  const upstreams = [{ slot: 3, address: '10.0.0.1', secret: 'x' }];
  expect((await answer('/upstreams', seen({ upstreams }))).body).toBe(
    '{"upstreams":[{"address":"10.0.0.1"}]}\n',
  );
  const loops = [{ upstream: '10.0.0.1', secret: 'x' }];
  expect((await answer('/loops', seen({ loops }))).body).toBe('{"episodes":[{"upstream":"10.0.0.1"}]}\n');
});

it('masks the configuration', async () => {
  expect((await answer('/config', seen({ config: { token: 'x' } }))).body).toBe('{"token":"***"}\n');
});

it('flushes what the query names, and refuses what it cannot read', async () => {
  const scopes: unknown[] = [];
  const flushCache = async (scope: unknown) => scopes.push(scope) + 6;
  expect((await answer('/cache/flush', { flushCache }, 'name=A.example')).body).toBe('{"flushed":7}\n');
  expect(scopes).toEqual([{ name: 'a.example', zone: null }]);
  const refused = await answer('/cache/flush', { flushCache }, 'nam=a');
  expect(refused.status).toBe(400);
  expect(scopes).toHaveLength(1);
});

it('lists what the query names, and refuses what it cannot read', async () => {
  const scopes: unknown[] = [];
  const listCache = async (scope: unknown) => ({ entries: [], more: scopes.push(scope) > 1 });
  expect((await answer('/cache/entries', { listCache }, 'name=A.example&type=AAAA')).body).toBe(
    '{"entries":[],"more":false}\n',
  );
  expect(scopes).toEqual([{ name: 'a.example', type: 'AAAA', zone: null, limit: 100 }]);
  expect((await answer('/cache/entries', { listCache }, 'nam=a')).status).toBe(400);
  expect(scopes).toHaveLength(1);
});

it('shows the top ten unless told otherwise, and refuses what it cannot read', async () => {
  const limits: number[] = [];
  const top = async (limit: number) => ({ names: [], seen: limits.push(limit) });
  expect((await answer('/top', { top })).body).toBe('{"names":[],"seen":1}\n');
  await answer('/top', { top }, 'limit=100');
  expect(limits).toEqual([10, 100]);
  for (const query of ['limit=0', 'limit=101', 'limit=x', 'limit=1&limit=2', 'names=1'])
    expect((await answer('/top', { top }, query)).status, query).toBe(400);
  expect(limits).toHaveLength(2);
});

it('answers 400 for a flush that cannot be, and passes any other error on', async () => {
  const failing = (error: Error) => ({ flushCache: () => Promise.reject(error) });
  const usage = new UnloopError('UNLOOP_USAGE', 'no such zone', 'Name another.');
  expect(await answer('/cache/flush', failing(usage))).toMatchObject({
    status: 400,
    body: '{"error":"no such zone","remedy":"Name another."}\n',
  });
  const other = new UnloopError('UNLOOP_LISTEN_FAILED', 'not open', 'Wait.');
  for (const error of [new Error('broken'), other])
    await expect(answer('/cache/flush', failing(error))).rejects.toBe(error);
});

it('lists the queries that were kept, up to a limit', async () => {
  const queries = async (limit: number) => [{ name: `at most ${limit}` }];
  const source = { slowQueries: queries, failedQueries: queries };
  expect((await answer('/queries/slow', source)).body).toBe('{"queries":[{"name":"at most 20"}]}\n');
  expect((await answer('/queries/failed', source, 'limit=64')).body).toContain('at most 64');
  const refused = await answer('/queries/failed', source, 'limit=65');
  expect([refused.status, refused.body]).toEqual([
    400,
    expect.stringContaining('GET /queries/failed?limit=N'),
  ]);
});
