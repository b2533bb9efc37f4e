// `unloop top` against an admin listener with made-up counts.
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type AdminServer, startAdmin } from '../../src/admin/http.ts';
import { SampleAdmin } from '../admin/sample-admin.ts';
import { unloop } from './run-command.ts';

let source: SampleAdmin;
let server: AdminServer;
beforeEach(async () => {
  source = new SampleAdmin();
  source.topNow = {
    since: '2026-11-23T10:00:00.000Z',
    names: [
      { name: 'www.example.', queries: 12345 },
      { name: 'a\u001b.example.', queries: 7 },
    ],
    clients: [
      { client: '192.0.2.1', queries: 12352 },
      { client: '10.1.2.3', pod: 'shop/cart-1', queries: 9 },
    ],
    nxdomainClients: [],
    searchClients: [],
    searchDomains: [],
    failingNames: [{ name: 'bad.example.', upstream: '10.0.0.2:53', failures: 3 }],
  };
  server = await startAdmin({ listen: { host: '127.0.0.1', port: 0 }, token: '', report: () => {} }, source);
});
afterEach(async () => {
  await server.close();
});

const top = (...args: string[]) => unloop('top', ...args, '--admin', `127.0.0.1:${server.port}`);

it('shows each list, the most frequent first, without control characters', async () => {
  const { code, out } = await top();
  expect(code).toBe(0);
  expect(out).toContain('Names, by queries\n  12,345  www.example.\n  7       a');
  expect(out).not.toContain('\u001b');
  expect(out).toContain('Clients, by queries\n  12,352  192.0.2.1\n  9       10.1.2.3 (shop/cart-1)\n');
  expect(out).toContain('Clients, by NXDOMAIN\n  none\n');
  expect(out).toContain('Names, by failures of an upstream\n  3  bad.example.  10.0.0.2:53\n');
  expect(source.topLimits).toEqual([10]);
});

it('is JSON with --json, and as long as --limit says', async () => {
  expect(JSON.parse((await top('--json', '--limit', '3')).out)).toEqual(source.topNow);
  expect(source.topLimits).toEqual([3]);
});

it.each([
  [['--limit', '101'], 'limit is not a number from 1 to 100'],
  [['names'], '"names" is not expected here'],
])('refuses %j', async (args, problem) => {
  const { code, err } = await top(...args);
  expect(code).toBe(2);
  expect(err).toContain(problem);
});
