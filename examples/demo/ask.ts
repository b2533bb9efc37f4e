// A client that asks a thousand different names and takes down what became of each. Called by
// main.ts.
import { createSocket } from 'node:dgram';

/** What the client saw. */
export interface Outcome {
  readonly asked: number;
  /** NOERROR with an address. */
  readonly answered: number;
  /** SERVFAIL, at least at once. */
  readonly refused: number;
  readonly silent: number;
  /** Of everything that came, ms. */
  readonly medianMs: number;
  readonly worstMs: number;
}

function writeQuery(id: number, name: string): Buffer {
  const labels = name.split('.').map((label) => Buffer.from([label.length, ...Buffer.from(label)]));
  const header = Buffer.from([id >> 8, id & 0xff, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  return Buffer.concat([header, ...labels, Buffer.from([0, 0, 1, 0, 1])]);
}

/**
 * Asks `count` names at 127.0.0.1:port, `pauseMs` for every ten, and waits patienceMs for the last.
 */
export async function ask(port: number, count: number, patienceMs: number): Promise<Outcome> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.connect(port, '127.0.0.1', resolve));
  const sentMs = new Map<number, number>();
  const latencies: number[] = [];
  let answered = 0;
  let refused = 0;
  // Nobody there any more: it counts as silence.
  socket.on('error', () => {});
  const finished = new Promise<void>((resolve) => {
    socket.on('message', (reply) => {
      const since = sentMs.get(reply.readUInt16BE(0));
      if (since === undefined) return;
      sentMs.delete(reply.readUInt16BE(0));
      latencies.push(performance.now() - since);
      if ((reply[3]! & 0x0f) === 0 && reply.readUInt16BE(6) > 0) answered++;
      else refused++;
      if (latencies.length === count) resolve();
    });
  });
  for (let id = 0; id < count; id++) {
    sentMs.set(id, performance.now());
    socket.send(writeQuery(id, `name-${id}.demo.example`));
    if (id % 10 === 9) await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await Promise.race([finished, new Promise((resolve) => setTimeout(resolve, patienceMs))]);
  socket.close();
  latencies.sort((a, b) => a - b);
  return {
    asked: count,
    answered,
    refused,
    silent: count - latencies.length,
    medianMs: latencies[latencies.length >> 1] ?? Number.NaN,
    worstMs: latencies.at(-1) ?? Number.NaN,
  };
}
