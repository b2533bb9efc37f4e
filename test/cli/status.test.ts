// `unloop status` against an admin listener with made-up facts.
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, onTestFinished } from 'vitest';
import { type AdminServer, startAdmin } from '../../src/admin/http.ts';
import { EPISODE, SampleAdmin, UPSTREAM } from '../admin/sample-admin.ts';
import { scratchDirectory } from '../kit/scratch-directory.ts';
import { unloop } from './run-command.ts';

let source: SampleAdmin;
let server: AdminServer;
beforeEach(async () => {
  source = new SampleAdmin();
  server = await startAdmin({ listen: { host: '127.0.0.1', port: 0 }, token: '', report: () => {} }, source);
});
afterEach(async () => {
  await server.close();
});

const status = (...args: string[]) => unloop('status', '--admin', `127.0.0.1:${server.port}`, ...args);

it('ends with 0 when all is well', async () => {
  const { code, out } = await status();
  expect(code).toBe(0);
  expect(out).toMatch(/^Healthy: /);
});

it('ends with 1 when names still resolve, and tells of the loop and its cure', async () => {
  source.upstreamList = [UPSTREAM, { ...UPSTREAM, address: EPISODE.upstream, state: 'quarantined' }];
  source.episodes = [EPISODE];
  const { code, out } = await status();
  expect(code).toBe(1);
  expect(out).toMatch(/^Loop contained: /);
  expect(out).toContain(`cure: ${EPISODE.cure}`);
  expect(out).toContain(EPISODE.path.join(' -> '));
});

it('ends with 3 when names do not resolve, and names the upstream and the cause', async () => {
  source.upstreamList = [{ ...UPSTREAM, state: 'down', lastError: 'network unreachable' }];
  const { code, out } = await status();
  expect(code).toBe(3);
  expect(out).toMatch(/10\.0\.0\.2:53 +down .*3 timeout/);
  expect(out).toContain('last error: network unreachable');
});

it('prints one object with --json, whatever the state', async () => {
  source.upstreamList = [];
  const { code, out } = await status('--json');
  expect(code).toBe(3);
  expect(JSON.parse(out)).toMatchObject({
    verdict: { level: 'bad', headline: 'No upstream' },
    upstreams: [],
  });
});

it('ends with 2 when it cannot tell', async () => {
  await server.close();
  const { code, out, err } = await status();
  expect([code, out]).toEqual([2, '']);
  expect(err).toMatch(/nothing answers at .*cure: Start unloop/s);
});

it('ends with 2 for a flag that it does not take', async () => {
  const { code, err } = await status('--upstream', '192.0.2.1');
  expect(code).toBe(2);
  expect(err).toContain('unknown flag --upstream');
});

it('warns that pods are refused while the detour leads them here, and not for ever', async () => {
  const path = join(scratchDirectory(), 'detour');
  const detour = createServer((socket) => socket.end(`on 10.96.0.10 169.254.20.11 ${Date.now()}\n`));
  await new Promise<void>((resolve) => detour.listen(path, resolve));
  process.env.UNLOOP_DETOUR = path;
  onTestFinished(() => {
    delete process.env.UNLOOP_DETOUR;
    detour.close();
  });
  expect((await status()).out).not.toContain('REFUSED');
  source.refusedNow = { client: '2001:db8::7', at: new Date().toISOString() };
  const { out } = await status();
  expect(out).toContain(
    '  warning: 2001:db8::7 was REFUSED: pods of its network that are led here have no DNS\n',
  );
  expect(out).toContain('cure: add their network to limits.allow (in the chart: podNetworks)');
  source.refusedNow = { client: '2001:db8::7', at: new Date(Date.now() - 3_600_000).toISOString() };
  expect((await status()).out).not.toContain('REFUSED');
});
