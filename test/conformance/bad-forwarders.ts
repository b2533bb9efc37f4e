// Two forwarders that do everything wrong, to show that every requirement can fail. Both answer: a
// requirement that only wants some answer does not pass for a good one.
import dgram from 'node:dgram';
import { DnsServer, type Reply } from '../kit/dns-server.ts';
import { freePort } from '../kit/free-port.ts';
import { questionEnd } from '../kit/received-query.ts';
import type { Forwarder } from './forwarder.ts';
import type { Stage } from './stage.ts';

export interface BadForwarder extends Forwarder {
  stop(): void;
}

type Send = (answer: Buffer) => void;

const ADDRESS = '127.0.0.1';

/** Gives every message back as its own answer, and sends it on as well. */
export function startParrot(stage: Stage): Promise<BadForwarder> {
  const upstream = dgram.createSocket('udp4');
  const serve = (message: Buffer, send: Send) => {
    upstream.send(message, stage.servers.plain[0]!.port, ADDRESS);
    const answer = Buffer.from(message);
    if (answer.length > 2) answer[2]! |= 0x80;
    send(answer);
  };
  return listen('parrot', serve, () => upstream.close());
}

/**
 * Sends every message on five times, by one port and with IDs in a row, believes the first reply,
 * and keeps whatever it is forever, for all questions of the name, whatever their type and flags.
 * It answers from a port that nobody asked.
 */
export function startCareless(stage: Stage): Promise<BadForwarder> {
  const upstream = dgram.createSocket('udp4');
  const kept = new Map<string, Buffer>();
  const waiting = new Map<number, { message: Buffer; send: Send }>();
  let lastId = 0;
  const give = (answer: Buffer, message: Buffer, send: Send) => {
    const copy = Buffer.from(answer);
    message.copy(copy, 0, 0, 2);
    send(copy);
  };
  upstream.on('message', (answer) => {
    // Whoever asked last gets it: nothing is compared.
    const id = waiting.has(answer.readUInt16BE(0)) ? answer.readUInt16BE(0) : [...waiting.keys()].at(-1);
    const asked = id === undefined ? undefined : waiting.get(id);
    if (asked === undefined) return;
    waiting.delete(id!);
    kept.set(nameOf(asked.message), answer);
    give(answer, asked.message, asked.send);
  });
  const serve = (message: Buffer, send: Send) => {
    const found = message.length < 12 ? message : kept.get(nameOf(message));
    if (found !== undefined) {
      give(found, message, send);
      return;
    }
    for (let copies = 0; copies < 5; copies++) {
      lastId = (lastId + 1) & 0xffff;
      // Of what stands behind the question nothing goes on.
      const copy = Buffer.from(message.subarray(0, Math.max(12, questionEnd(message))));
      copy.writeUInt16BE(lastId, 0);
      copy.writeUInt16BE(0, 10);
      waiting.set(lastId, { message, send });
      upstream.send(copy, stage.servers.plain[0]!.port, ADDRESS);
    }
  };
  return listen('careless', serve, () => upstream.close(), upstream);
}

function nameOf(message: Buffer): string {
  return message.toString('latin1', 12, Math.max(12, questionEnd(message) - 4)).toLowerCase();
}

async function listen(
  name: string,
  serve: (message: Buffer, send: Send) => void,
  onStop: () => void,
  answering?: dgram.Socket,
): Promise<BadForwarder> {
  const onQuery = (message: Buffer, reply: Reply) => {
    const send = (answer: Buffer) => {
      if (answering === undefined || reply.socket !== null) reply.send(answer);
      else answering.send(answer, reply.remotePort, ADDRESS);
    };
    serve(message, send);
  };
  const server = await DnsServer.open(onQuery, { address: ADDRESS, port: await freePort() });
  return {
    name,
    address: ADDRESS,
    port: server.port,
    zones: ['plain', 'slow', 'hostile', 'silent', 'pair', 'tls', 'real'],
    stop: () => {
      void server.close();
      onStop();
    },
  };
}
