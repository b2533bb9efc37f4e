// Clients outside RFC 1918: who stands on one of our links is answered, whatever range the cluster
// took; who comes through a gateway is REFUSED, and a line of the log names him and the remedy.
// Needs root, for network namespaces.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startUnloopIn } from './support/contenders.ts';
import { Lab, NODE, POD, UPSTREAM } from './support/namespace.ts';

const REFUSED = 5;

let lab: Lab;
beforeAll(() => {
  lab = Lab.create();
});
afterAll(() => lab.close());

/** Asks from one of the node's addresses. */
async function askFrom(address: string): Promise<{ rcode: number; ede: number }> {
  lab.node.run('ip', ['addr', 'replace', `${address}/32`, 'dev', 'to-pod']);
  lab.node.run('ip', ['route', 'replace', `${POD}/32`, 'dev', 'to-pod', 'src', address]);
  const agent = await lab.node.agent();
  return agent.call('ask', { server: POD, name: 'www.outside.example' });
}

it('are answered when they are on a link, and named in the log when they are not', async () => {
  const upstream = await lab.upstream.agent();
  await upstream.call('serve', { address: UPSTREAM });
  lab.pod.run('ip', ['route', 'add', '11.0.0.0/8', 'dev', 'to-node']);
  const unloop = await startUnloopIn(lab, { upstreams: [UPSTREAM] });
  const { process } = unloop;

  for (const address of [NODE, '198.18.0.9', '240.1.2.3', '11.0.0.4'])
    expect(await askFrom(address), address).toMatchObject({ rcode: 0 });
  expect(process.log.filter(({ code }) => code === 'client-refused')).toEqual([]);

  // By the default route.
  expect(await askFrom('25.0.0.9')).toMatchObject({ rcode: REFUSED, ede: 18 });
  const line = await process.waitForLog(({ code }) => code === 'client-refused');
  expect(line).toMatchObject({
    level: 'warn',
    client: '25.0.0.9',
    remedy: expect.stringContaining('limits.allow'),
  });
  expect(await unloop.metric('unloop_dropped_total', 'not_allowed')).toBeGreaterThan(0);

  // A pod that starts later, with a route of its own: known once it was refused, and networks were
  // read again.
  lab.pod.run('ip', ['route', 'add', '26.1.2.3/32', 'dev', 'to-node']);
  await expect.poll(() => askFrom('26.1.2.3'), { timeout: 30_000 }).toMatchObject({ rcode: 0 });
  expect(await askFrom('26.1.2.4')).toMatchObject({ rcode: REFUSED });
});
