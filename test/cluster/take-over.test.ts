// One process replaces another on the same addresses, as in a rolling update of a DaemonSet:
// clients get answers all the time, and the admin address passes on when the first process exits.
import { createSocket } from 'node:dgram';
import { expect, it } from 'vitest';
import { DnsServer } from '../kit/dns-server.ts';
import { spawnUnloop, startUnloop } from '../kit/unloop-process.ts';

/** A query for a name of its own: 1.example, 2.example … */
function query(number: number): Buffer {
  const label = String(number);
  return Buffer.concat([
    Buffer.from([number >> 8, number & 0xff, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0]),
    Buffer.from(`${String.fromCharCode(label.length)}${label}\x07example\x00`, 'latin1'),
    Buffer.from([0, 1, 0, 1]),
  ]);
}

it('lets the next process start on the same addresses, and loses no query when the first one ends', async () => {
  // Whatever is asked gets an answer at once: REFUSED by the upstream, an echo with QR set.
  const upstream = await DnsServer.open((message, reply) => {
    message[2] = message[2]! | 0x80;
    reply.send(message);
  });
  const upstreams = [upstream.text];

  const first = await startUnloop({ config: { upstreams, takeOver: true, workers: 1 } });
  const listen = [`127.0.0.1:${first.port}`];
  const admin = { listen: `127.0.0.1:${first.adminPort}` };
  const settings = { upstreams, listen, admin, workers: 1 };

  // Without being told to, it refuses: two by mistake would share the queries.
  const refused = spawnUnloop({ config: settings });
  expect(await refused.exited).toBe(1);
  expect(refused.stderr).toContain('EADDRINUSE');

  const next = spawnUnloop({ config: { ...settings, takeOver: true } });
  await next.waitForLog((line) => line.msg === 'unloop is ready');

  // A socket of its own for each query, so that the kernel spreads them over both processes.
  const answered = new Set<number>();
  let asked = 0;
  const clients: ReturnType<typeof createSocket>[] = [];
  const ask = () => {
    const client = createSocket('udp4');
    clients.push(client);
    // Ports are used again: what comes from others was meant for whoever had this one before.
    client.on('message', (message, { port }) => {
      if (port === first.port) answered.add(message.readUInt16BE(0));
    });
    client.send(query(++asked), first.port, '127.0.0.1');
  };
  const sending = setInterval(ask, 2);
  await expect.poll(() => answered.size, { timeout: 40_000 }).toBeGreaterThan(50);
  expect(await first.stop()).toBe(0);
  const atEnd = asked;
  await expect.poll(() => asked, { timeout: 40_000 }).toBeGreaterThan(atEnd + 50);
  clearInterval(sending);
  await expect.poll(() => answered.size, { timeout: 40_000 }).toBe(asked);

  await next.waitForLog((line) => line.msg === 'the admin listener is open');
  const health = await fetch(`http://127.0.0.1:${first.adminPort}/health`);
  expect(health.status).toBe(200);
  for (const client of clients) client.close();
  await upstream.close();
  expect(await next.stop()).toBe(0);
});
