// The demonstration's cast, all on loopback and all in this process: a real server, a stub that
// sends everything back, and a plain forwarder as DNS forwarders usually are. main.ts lets them
// play.
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';

/** A UDP server that runs; `packets` counts what it received. */
export interface Actor {
  readonly port: number;
  readonly packets: () => number;
  close(): Promise<void>;
}

async function open(onMessage: (message: Buffer, from: RemoteInfo, socket: Socket) => void): Promise<Actor> {
  const socket = createSocket('udp4');
  let packets = 0;
  socket.on('message', (message, from) => {
    packets++;
    onMessage(message, from, socket);
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  return {
    port: socket.address().port,
    packets: () => packets,
    close: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}

/** `A 192.0.2.1, TTL 60` for the name at 12. */
const ANSWER = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1]);

/** Answers every question with 192.0.2.1. */
export function openRealServer(): Promise<Actor> {
  return open((query, from, socket) => {
    let end = 12;
    while (query[end] !== 0) end += query[end]! + 1;
    const reply = Buffer.concat([query.subarray(0, end + 5), ANSWER]);
    reply.writeUInt16BE(0x8180, 2);
    reply.writeUInt16BE(1, 6);
    reply.writeUInt32BE(0, 8);
    socket.send(reply, from.port, from.address);
  });
}

export interface Reflector extends Actor {
  /** Says where everything goes. */
  reflectTo(port: number): void;
}

/**
 * What 127.0.0.53 is inside a pod: whatever is sent to it comes back to the sender's own DNS
 * server. It gives up after `limit` packets, so that the demonstration ends; a real one does not.
 */
export async function openReflector(limit: number): Promise<Reflector> {
  const pending = new Map<number, RemoteInfo & { id: number }>();
  let target = 0;
  let nextId = 0;
  let passed = 0;
  const actor = await open((message, from, socket) => {
    if ((message[2]! & 0x80) !== 0) {
      const asker = pending.get(message.readUInt16BE(0));
      if (asker === undefined) return;
      message.writeUInt16BE(asker.id, 0);
      socket.send(message, asker.port, asker.address);
      return;
    }
    if (passed >= limit || target === 0) return;
    passed++;
    nextId = (nextId + 1) & 0xffff;
    pending.set(nextId, { ...from, id: message.readUInt16BE(0) });
    message.writeUInt16BE(nextId, 0);
    socket.send(message, target, '127.0.0.1');
  });
  return {
    ...actor,
    packets: () => passed,
    reflectTo(port: number) {
      target = port;
    },
  };
}

/**
 * Sends every query to its upstream and every reply to whoever asked: no more, as most forwarders.
 */
export function openPlainForwarder(upstreamPort: number): Promise<Actor> {
  const pending = new Map<number, RemoteInfo & { id: number }>();
  let nextId = 0;
  return open((message, from, socket) => {
    const id = message.readUInt16BE(0);
    if ((message[2]! & 0x80) !== 0) {
      const asker = pending.get(id);
      if (asker === undefined) return;
      pending.delete(id);
      message.writeUInt16BE(asker.id, 0);
      socket.send(message, asker.port, asker.address);
      return;
    }
    nextId = (nextId + 1) & 0xffff;
    pending.set(nextId, { ...from, id });
    message.writeUInt16BE(nextId, 0);
    socket.send(message, upstreamPort, '127.0.0.1');
  });
}
