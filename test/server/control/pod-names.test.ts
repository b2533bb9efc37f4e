// The names of pods, as the settings have them followed.
import { expect, it, onTestFinished } from 'vitest';
import type { Log } from '../../../src/base/log.ts';
import { PodNames } from '../../../src/server/control/pod-names.ts';
import { ScriptedApiServer } from '../../kit/scripted-api-server.ts';

async function scene() {
  const api = await ScriptedApiServer.start();
  const lines: [message: string, fields: object][] = [];
  const say = (fields: object, message: string) => lines.push([message, fields]);
  const pods = new PodNames({ info: say, warn: say } as unknown as Log, api.env);
  onTestFinished(() => pods.close());
  return { api, lines, pods, settings: { pods: true, node: '', serviceAccount: api.folder } };
}

it('are found by the address of a client, as each place writes it', async () => {
  const { api, pods, settings } = await scene();
  api.put('shop', 'cart', { ips: ['10.1.2.3', '2001:db8::3'] });
  await pods.follow(settings);
  await expect.poll(() => pods.counts).toMatchObject({ known: 1, failures: 0, lastOkMs: expect.any(Number) });
  for (const client of [
    '10.1.2.3',
    '10.1.2.3:4000',
    '2001:db8::3',
    '[2001:db8::3]:4000',
    '[::ffff:10.1.2.3]:53',
  ])
    expect({ client, pod: pods.podOf(client) }).toEqual({ client, pod: 'shop/cart' });
  for (const client of ['10.1.2.4', 'nobody', '']) expect(pods.podOf(client)).toBeNull();
  expect(pods.named([{ client: '10.1.2.3' }, { client: '10.1.2.4' }])).toEqual([
    { client: '10.1.2.3', pod: 'shop/cart' },
    { client: '10.1.2.4' },
  ]);
});

it('are followed only while the settings say so', async () => {
  const { api, pods, settings } = await scene();
  await pods.follow({ ...settings, pods: false });
  expect([pods.counts, pods.podOf('10.1.2.3')]).toEqual([null, null]);
  await pods.follow(settings);
  await expect.poll(() => api.openWatches).toBe(1);
  // What stays goes on as it was.
  await pods.follow({ ...settings });
  await pods.follow({ ...settings, node: 'node-7' });
  await expect.poll(() => api.requests.at(-1)!.query.get('fieldSelector')).toBe('spec.nodeName=node-7');
  expect(api.lists).toBe(2);
  await pods.follow({ ...settings, pods: false });
  await expect.poll(() => api.openWatches).toBe(0);
  expect(pods.counts).toBeNull();
});

it('say in one line why there are none and how to get them, and in one that there are again', async () => {
  const { api, lines, pods, settings } = await scene();
  api.faults.push({ kind: 'status', code: 403, message: 'pods is forbidden' });
  await pods.follow(settings);
  await expect.poll(() => lines.length).toBe(2);
  expect(lines).toEqual([
    [
      'pods cannot be read: clients are shown by address, DNS goes on',
      {
        code: 'pods-unknown',
        reason: 'the service account may not read pods (403: pods is forbidden)',
        remedy: expect.stringContaining('ClusterRole'),
      },
    ],
    ['pods can be read again', {}],
  ]);
});
