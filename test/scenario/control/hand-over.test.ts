// One process replaces another on the same port, as in an update of a node: the new one starts, the
// old one stops, and clients notice nothing. The old sockets come first in the port's group: the
// old process answers until it leaves.
import { expect, it } from 'vitest';
import { supportsReusePort } from '../../../src/io/open-socket.ts';
import { later } from '../../kit/actions.ts';
import { answer } from '../../kit/answers.ts';
import { freePort } from '../../kit/free-port.ts';
import { startUnloop } from '../../kit/unloop-process.ts';
import { QUIET_LOOP, upstreamDoing } from './scene.ts';
import { startLoad } from './steady-load.ts';

const OLD = '192.0.2.1';
const NEW = '192.0.2.2';

it.runIf(supportsReusePort())('hands the port over under load without losing a query', async () => {
  const [before, after] = [
    await upstreamDoing((query) => later(50, answer(query, { address: OLD }))),
    await upstreamDoing((query) => later(50, answer(query, { address: NEW }))),
  ];
  const port = await freePort();
  const config = { listen: [`127.0.0.1:${port}`], workers: 2, loop: QUIET_LOOP };
  const first = await startUnloop({ config: { ...config, upstreams: [before.text] } });
  const load = startLoad(port);
  await load.seen(OLD, 100);
  const second = await startUnloop({ config: { ...config, upstreams: [after.text], takeOver: true } });
  await load.more(200);
  first.signal('SIGTERM');
  expect(await first.exited).toBe(0);
  await load.seen(NEW, 200);
  const { sent, lost, answers } = await load.stop();
  expect(lost).toEqual([]);
  expect(answers.get(OLD)! + answers.get(NEW)!).toBe(sent);
  expect(await second.stop()).toBe(0);
});
