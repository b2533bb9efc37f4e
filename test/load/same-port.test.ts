import { expect, it, onTestFinished } from 'vitest';
import { openDatagramSocket } from '../../src/io/open-socket.ts';
import { openSamePort } from '../../src/load/same-port.ts';
import { freePort } from '../kit/free-port.ts';

const HANDLER = { onBatch() {}, onError() {} };
const taken = () => Object.assign(new Error('taken'), { code: 'EADDRINUSE' });

it('tries other ports of the kernel’s choice while the one for UDP is taken for TCP', async () => {
  const tried: number[] = [];
  const [socket, listener] = await openSamePort('127.0.0.1', 0, HANDLER, async (port) => {
    if (tried.push(port) < 3) throw taken();
    return `listening on ${port}`;
  });
  onTestFinished(() => socket.close());
  expect(tried).toHaveLength(3);
  expect([socket.localPort, listener]).toEqual([tried[2], `listening on ${tried[2]}`]);
});

it('gives up after twenty ports, with the system’s error', async () => {
  let tries = 0;
  const open = openSamePort('127.0.0.1', 0, HANDLER, async () => {
    tries++;
    throw taken();
  });
  await expect(open).rejects.toMatchObject({ code: 'EADDRINUSE' });
  expect(tries).toBe(20);
});

it('tries a port that it was told only once, and leaves it free', async () => {
  const port = await freePort();
  let tries = 0;
  const open = openSamePort('127.0.0.1', port, HANDLER, async () => {
    tries++;
    throw taken();
  });
  await expect(open).rejects.toMatchObject({ code: 'EADDRINUSE' });
  expect(tries).toBe(1);
  const again = await openDatagramSocket({ address: '127.0.0.1', port }, HANDLER);
  await again.close();
});
