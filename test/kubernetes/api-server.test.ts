// One request to the API server.
import { expect, it } from 'vitest';
import { ApiServer, GoneError } from '../../src/kubernetes/api-server.ts';
import { WatchFailure } from '../../src/kubernetes/watch-failure.ts';
import { ScriptedApiServer } from '../kit/scripted-api-server.ts';

const LIST = '/api/v1/pods?limit=1';

async function open() {
  const api = await ScriptedApiServer.start();
  return { api, server: new ApiServer(api.folder, api.env), signal: new AbortController().signal };
}

it('sends the token that the file has now, and gives the body', async () => {
  const { api, server, signal } = await open();
  for (const token of ['token-1', 'token-2']) {
    api.rotateToken(token);
    const chunks: Buffer[] = [];
    for await (const chunk of await server.get(LIST, 10_000, signal)) chunks.push(chunk as Buffer);
    expect(JSON.parse(Buffer.concat(chunks).toString())).toMatchObject({ kind: 'PodList' });
  }
  expect(api.requests.map(({ token }) => token)).toEqual(['token-1', 'token-2']);
  server.close();
});

it('tells what is gone from what is refused', async () => {
  const { api, server, signal } = await open();
  api.faults.push(
    { kind: 'status', code: 410, message: 'expired' },
    { kind: 'status', code: 403, message: 'no' },
  );
  await expect(server.get(LIST, 10_000, signal)).rejects.toBeInstanceOf(GoneError);
  await expect(server.get(LIST, 10_000, signal)).rejects.toBeInstanceOf(WatchFailure);
  server.close();
});

it('gives up where nothing comes', async () => {
  const { api, server, signal } = await open();
  const body = server.get('/api/v1/pods?watch=1&resourceVersion=100', 50, signal);
  await expect(body.then((stream) => stream.toArray())).rejects.toThrow();
  await expect.poll(() => api.openWatches).toBe(0);
  server.close();
});
