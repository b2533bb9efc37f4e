// Why the running unloop cannot be asked, and what to do about it.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it, onTestFinished } from 'vitest';
import { adminOf, adminUrl, askAdmin } from '../../src/cli/ask-admin.ts';

let server: Server | null = null;
afterEach(() => {
  server?.close();
  server = null;
});

/** An admin listener that answers so; resolves to the flags that find it. */
async function answering(status: number, body: string) {
  server = createServer((request, response) => {
    response.statusCode = status;
    response.end(body.replace('METHOD', `${request.method} ${request.url}`));
  });
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
  return flagsFor(`127.0.0.1:${(server!.address() as AddressInfo).port}`);
}

const flagsFor = (admin: string) => ({
  configPath: null,
  overrides: [{ flag: 'admin', texts: [admin] }] as const,
});

const STATUS = { command: 'status', method: 'GET', path: '/status' } as const;

it('resolves to what a 200 says', async () => {
  expect(
    await askAdmin(await answering(200, '{"asked":"METHOD"}'), {
      command: 'query',
      method: 'POST',
      path: '/x?name=a',
    }),
  ).toEqual({
    asked: 'POST /x?name=a',
  });
});

it.each([
  [
    403,
    '{"error":"not from there","remedy":"Go there."}',
    'UNLOOP_ADMIN_UNREACHABLE',
    'not from there',
    'Go there.',
  ],
  [401, '{"error":"a token is needed"}', 'UNLOOP_ADMIN_UNREACHABLE', 'a token is needed', 'admin.tokenFile'],
  [404, '{"error":"no such path"}', 'UNLOOP_ADMIN_UNREACHABLE', 'no such path', 'older than this program'],
  [400, '{"error":"no name","remedy":"Name one."}', 'UNLOOP_USAGE', 'no name', 'Name one.'],
  [400, '{"error":"no name","remedy":"GET /x?name=N."}', 'UNLOOP_USAGE', 'no name', '`unloop help status`'],
  [403, '{"error":"\\u001b[2J","remedy":"\\u009b"}', 'UNLOOP_ADMIN_UNREACHABLE', '403: ?[2J', '?'],
  [200, '<html>', 'UNLOOP_ADMIN_UNREACHABLE', 'it is not an answer of unloop', 'See what listens there.'],
])('says why for %i %s', async (status, body, code, message, remedy) => {
  const flags = await answering(status, body);
  await expect(askAdmin(flags, STATUS)).rejects.toMatchObject({
    code,
    message: expect.stringContaining(message),
    remedy: expect.stringContaining(remedy),
  });
});

it('says that nobody is there', async () => {
  const flags = await answering(200, '{}');
  await new Promise((resolve) => server!.close(resolve));
  await expect(askAdmin(flags, STATUS)).rejects.toMatchObject({
    code: 'UNLOOP_ADMIN_UNREACHABLE',
    message: expect.stringContaining('ECONNREFUSED'),
    remedy: expect.stringContaining('--config FILE'),
  });
});

it('asks where a pod listens that started although its file is faulty', () => {
  const folder = mkdtempSync(join(tmpdir(), 'unloop-ask-admin-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const configPath = join(folder, 'unloop.yaml');
  writeFileSync(configPath, 'cache: { maxEntries: many }\n');
  const flags = { configPath, overrides: [] };
  const environment = { UNLOOP_FALLBACK_CONFIG: 'admin: { listen: "192.0.2.1:9530" }\n' };
  expect(adminOf(flags, environment).listen).toMatchObject({ host: '192.0.2.1', port: 9530 });
  expect(() => adminOf(flags, {})).toThrow('maxEntries');
});

it.each([
  ['faulty', 'cache: { maxEntries: many }\n'],
  ['missing', null],
])('needs no configuration file where --admin names the listener: %s', (_case, text) => {
  const folder = mkdtempSync(join(tmpdir(), 'unloop-ask-admin-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const configPath = join(folder, 'unloop.yaml');
  if (text !== null) writeFileSync(configPath, text);
  const named = { ...flagsFor('192.0.2.1:9530'), configPath };
  expect(adminOf(named, {})).toEqual({ listen: { host: '192.0.2.1', port: 9530 }, token: '' });
  expect(() => adminOf(flagsFor('192.0.2.1'), {})).toThrow('admin');
});

it('has the token of the file where --admin names the listener and the file is good', () => {
  const folder = mkdtempSync(join(tmpdir(), 'unloop-ask-admin-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const configPath = join(folder, 'unloop.yaml');
  writeFileSync(configPath, 'admin: { token: sixteen-characters-and-more }\n');
  const named = { ...flagsFor('192.0.2.1:9530'), configPath };
  expect(adminOf(named, {}).token).toBe('sixteen-characters-and-more');
});

it('says that the listener is off, and asks a wildcard by loopback', () => {
  expect(() => adminOf(flagsFor('off'))).toThrow('the admin listener is off');
  expect(adminUrl({ host: '0.0.0.0', port: 9530 }, '/x')).toBe('http://127.0.0.1:9530/x');
  expect(adminUrl({ host: '::', port: 9530 }, '/x')).toBe('http://127.0.0.1:9530/x');
  expect(adminUrl({ host: '192.0.2.1', port: 9530 }, '/x')).toBe('http://192.0.2.1:9530/x');
});
