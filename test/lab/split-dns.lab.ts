// Today's systemd-resolved with a *.dns-delegate file: unloop, which goes past it, sends the names
// of the delegate to the same server. Needs root.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startUnloopIn, writeResolvConf } from './support/contenders.ts';
import { Lab, POD, UPSTREAM } from './support/namespace.ts';
import { startResolved } from './support/resolved.ts';

const DELEGATED = '10.91.1.3';
let lab: Lab;
beforeAll(() => {
  lab = Lab.create();
  lab.addAddress(lab.upstream, DELEGATED);
});
afterAll(async () => {
  await lab.stopAll();
  await lab.close();
});

it('a delegate of systemd becomes a zone, and one that comes later too', async () => {
  const [pod, node, upstream] = await Promise.all([lab.pod.agent(), lab.node.agent(), lab.upstream.agent()]);
  await upstream.call('serve', { address: UPSTREAM });
  await upstream.call('serve', { address: DELEGATED });
  const delegated = async () => (await upstream.call('counts', { address: DELEGATED })).queries;
  /** Asks 40 names under a domain; how many questions the delegate's server got meanwhile. */
  const ask = async (agent: typeof pod, server: string, domain: string) => {
    const before = await delegated();
    const figures = await agent.call('load', { server, name: `n*.${domain}`, count: 40, rate: 100 });
    expect(figures.rcodes).toEqual({ 0: 40 });
    return (await delegated()) - before;
  };

  const resolved = await startResolved(lab.node, [UPSTREAM]);
  const folder = join(resolved.root, 'run/systemd/dns-delegate.d');
  mkdirSync(folder, { recursive: true });
  const delegate = (domain: string) =>
    writeFileSync(
      join(folder, `${domain}.dns-delegate`),
      `[Delegate]\nDNS=${DELEGATED}\nDomains=${domain}\n`,
    );
  delegate('corp.example');
  await resolved.restart([UPSTREAM]);
  // resolved itself does so.
  expect(await ask(node, '127.0.0.53', 'corp.example')).toBeGreaterThanOrEqual(40);
  expect(await ask(node, '127.0.0.53', 'outside.example')).toBe(0);

  const discovery = { resolvConf: writeResolvConf(['127.0.0.53']), root: resolved.root };
  await startUnloopIn(lab, {}, { discovery });
  expect(await ask(pod, POD, 'a.corp.example')).toBeGreaterThanOrEqual(40);
  expect(await ask(pod, POD, 'a.outside.example')).toBeLessThan(20);

  delegate('later.example');
  for (let round = 0; (await ask(pod, POD, `r${round}.later.example`)) < 40; round++);
});
