// Two forwarders that do everything wrong, to show that every requirement can fail. Both answer: a
// requirement that only wants some answer does not pass for a good one.
import dgram from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';
import { framed } from '../kit/dns-client.ts';
import { freePort } from '../kit/real-server.ts';
import { questionEnd } from '../kit/scripted-upstream.ts';
import type { Forwarder } from './forwarder.ts';
import type { Stage } from './stage.ts';

export interface BadForwarder extends Forwarder {
  stop(): void;
}

type Reply = (answer: Buffer) => void;

/** Gives every message back as its own answer, and sends it on as well. */
export function startParrot(stage: Stage): Promise<BadForwarder> {
  const upstream = dgram.createSocket('udp4');
  const serve = (message: Buffer, reply: Reply) => {
    upstream.send(message, stage.servers.plain[0]!.port, '127.0.0.1');
    const answer = Buffer.from(message);
    if (answer.length > 2) answer[2]! |= 0x80;
    reply(answer);
  };
  return listen('parrot', serve, () => upstream.close());
}

/**
 * Sends every message on five times, by one port and with IDs in a row, believes the first reply,
 * and keeps whatever it is for ever, for all questions of the name, whatever their type and flags.
 * It answers from a port that nobody asked.
 */
export function startCareless(stage: Stage): Promise<BadForwarder> {
  const upstream = dgram.createSocket('udp4');
  const kept = new Map<string, Buffer>();
  const waiting = new Map<number, { message: Buffer; reply: Reply }>();
  let lastId = 0;
  const give = (answer: Buffer, message: Buffer, reply: Reply) => {
    const copy = Buffer.from(answer);
    message.copy(copy, 0, 0, 2);
    reply(copy);
  };
  upstream.on('message', (answer) => {
    // Whoever asked last gets it: nothing is compared.
    const id = waiting.has(answer.readUInt16BE(0)) ? answer.readUInt16BE(0) : [...waiting.keys()].at(-1);
    const asked = id === undefined ? undefined : waiting.get(id);
    if (asked === undefined) return;
    waiting.delete(id!);
    kept.set(nameOf(asked.message), answer);
    give(answer, asked.message, asked.reply);
  });
  const serve = (message: Buffer, reply: Reply) => {
    const found = message.length < 12 ? message : kept.get(nameOf(message));
    if (found !== undefined) {
      give(found, message, reply);
      return;
    }
    for (let copies = 0; copies < 5; copies++) {
      lastId = (lastId + 1) & 0xffff;
      // Of what stands behind the question nothing goes on.
      const copy = Buffer.from(message.subarray(0, Math.max(12, questionEnd(message))));
      copy.writeUInt16BE(lastId, 0);
      copy.writeUInt16BE(0, 10);
      waiting.set(lastId, { message, reply });
      upstream.send(copy, stage.servers.plain[0]!.port, '127.0.0.1');
    }
  };
  return listen('careless', serve, () => upstream.close(), upstream);
}

function nameOf(message: Buffer): string {
  return message.toString('latin1', 12, Math.max(12, questionEnd(message) - 4)).toLowerCase();
}

async function listen(
  name: string,
  serve: (message: Buffer, reply: Reply) => void,
  onStop: () => void,
  answering?: dgram.Socket,
): Promise<BadForwarder> {
  const port = await freePort();
  const udp = dgram.createSocket('udp4');
  const connections = new Set<net.Socket>();
  udp.on('message', (message, from) =>
    serve(message, (answer) => (answering ?? udp).send(answer, from.port, from.address)),
  );
  const tcp = net.createServer((connection) => {
    connections.add(connection);
    connection.on('error', () => {});
    connection.on('close', () => connections.delete(connection));
    let rest = Buffer.alloc(0);
    connection.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
        const end = 2 + rest.readUInt16BE(0);
        serve(Buffer.from(rest.subarray(2, end)), (answer) => connection.write(framed(answer)));
        rest = rest.subarray(end);
      }
    });
  });
  udp.bind(port, '127.0.0.1');
  tcp.listen(port, '127.0.0.1');
  await Promise.all([once(udp, 'listening'), once(tcp, 'listening')]);
  return {
    name,
    address: '127.0.0.1',
    port,
    zones: ['plain', 'slow', 'hostile', 'silent', 'pair', 'tls', 'real'],
    stop: () => {
      udp.close();
      tcp.close();
      for (const connection of connections) connection.destroy();
      onStop();
    },
  };
}
