// A node's real servers change while queries are under way: unloop below discovery.root follows,
// and loses none. Needs root: the servers listen on port 53 of two addresses on an interface that
// this test makes.
import { execFileSync } from 'node:child_process';
import { rename, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeTree } from '../discovery/temp-tree.ts';
import { answer } from '../kit/answers.ts';
import { type ScriptedUpstream, startScriptedUpstream } from '../kit/scripted-upstream.ts';
import { startUnloop } from '../kit/unloop-process.ts';
import { startLoad } from '../scenario/control/steady-load.ts';

const INTERFACE = 'unl-follow0';
const PEER = 'unl-follow1';
const SERVERS = ['10.231.53.1', '10.231.53.2'] as const;
const REAL = '/run/systemd/resolve/resolv.conf';

const ip = (...args: string[]) => execFileSync('ip', args, { stdio: 'pipe' });
const upstreams: ScriptedUpstream[] = [];

beforeAll(async () => {
  ip('link', 'add', INTERFACE, 'type', 'veth', 'peer', 'name', PEER);
  ip('link', 'set', INTERFACE, 'up');
  for (const server of SERVERS) ip('address', 'add', `${server}/32`, 'dev', INTERFACE);
  for (const address of SERVERS)
    upstreams.push(await startScriptedUpstream((query) => answer(query, { address }), { address, port: 53 }));
});

afterAll(async () => {
  await Promise.all(upstreams.map((upstream) => upstream.close()));
  ip('link', 'delete', INTERFACE);
});

it('follows resolved’s file under load, again and again, without losing a query', async () => {
  const root = await makeTree({
    '/etc/resolv.conf': 'nameserver 127.0.0.53\noptions edns0 trust-ad\n',
    [REAL]: `nameserver ${SERVERS[0]}\n`,
  });
  const unloop = await startUnloop({ config: { discovery: { root }, workers: 2 } });
  const load = startLoad(unloop.port);
  await load.seen(SERVERS[0], 50);
  for (let change = 1; change <= 6; change++) {
    const server = SERVERS[change % 2]!;
    await writeFile(`${root}${REAL}.new`, `nameserver ${server}\n`);
    await rename(`${root}${REAL}.new`, root + REAL);
    // Half of what came so far, and more: the new one serves.
    await load.seen(server, 50 * (Math.floor((change + 2) / 2) + 1));
    await load.more(20);
  }
  // Written in place, and for a moment empty: the last good server goes on.
  await writeFile(root + REAL, '');
  await load.more(100);
  await writeFile(root + REAL, `nameserver ${SERVERS[1]}\n`);
  await load.more(100);
  const { sent, lost, answers } = await load.stop();
  expect(lost).toEqual([]);
  expect(answers.get(SERVERS[0])! + answers.get(SERVERS[1])!).toBe(sent);
});
