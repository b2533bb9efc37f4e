// `unloop health` tells a supervisor by its exit code whether the admin listener answers.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it, vi } from 'vitest';
import { dispatch } from '../../src/cli/dispatch.ts';

let server: Server | null = null;
afterEach(() => {
  vi.restoreAllMocks();
  server?.close();
  server = null;
});

/** An admin listener that is alive and not ready, on every address. */
async function startServer(): Promise<number> {
  server = createServer((request, response) => {
    response.statusCode = request.url === '/health' ? 200 : 503;
    response.end(`answer to ${request.url}\n`);
  });
  await new Promise<void>((resolve) => server!.listen(0, '0.0.0.0', resolve));
  return (server.address() as AddressInfo).port;
}

async function health(...args: string[]): Promise<{ code: number; said: string }> {
  let said = '';
  for (const stream of [process.stdout, process.stderr])
    vi.spyOn(stream, 'write').mockImplementation((text) => {
      said += text;
      return true;
    });
  const code = await dispatch(['health', ...args]);
  return { code, said };
}

it('ends with 0 when it is alive, wherever it listens', async () => {
  const port = await startServer();
  expect(await health('--admin', `127.0.0.1:${port}`)).toEqual({
    code: 0,
    said: `http://127.0.0.1:${port}/health: answer to /health\n`,
  });
  expect((await health('--admin', `0.0.0.0:${port}`)).code).toBe(0);
});

it('exits with 1 when the server is not ready, and says why', async () => {
  const port = await startServer();
  expect(await health('--ready', '--admin', `127.0.0.1:${port}`)).toEqual({
    code: 1,
    said: `http://127.0.0.1:${port}/ready: answer to /ready\n`,
  });
});

it('exits with 1 without an answer', async () => {
  const port = await startServer();
  await new Promise((resolve) => server!.close(resolve));
  const { code, said } = await health('--admin', `127.0.0.1:${port}`);
  expect(code).toBe(1);
  expect(said).toContain(`http://127.0.0.1:${port}/health: connect ECONNREFUSED`);
});

it('ends with 2 when there is nothing to ask', async () => {
  const { code, said } = await health('--admin', 'off');
  expect(code).toBe(2);
  expect(said).toContain('the admin listener is off');
});
