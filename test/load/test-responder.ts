// A DNS server on loopback for the load tool's tests: answers, drops, delays or refuses as the test
// says, query by query.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { onTestFinished } from 'vitest';
import { FrameReader } from '../../src/io/tcp-framing.ts';

/**
 * What to do with the query of this index: an RCODE and a delay, or null to drop it. `times`
 * answers, default 1.
 */
export type Behaviour = (
  index: number,
  query: Buffer,
) => { rcode?: number; delayMs?: number; times?: number } | null;

export interface TestResponder {
  readonly port: number;
  /** Every query so far. */
  readonly queries: Buffer[];
}

const answerNow: Behaviour = () => ({});

function reply(query: Buffer, rcode: number): Buffer {
  const bytes = Buffer.from(query);
  bytes[2] = 0x81;
  bytes[3] = 0x80 | rcode;
  return bytes;
}

function serve(queries: Buffer[], behaviour: Behaviour, query: Buffer, send: (bytes: Buffer) => void): void {
  const what = behaviour(queries.push(query) - 1, query);
  if (what === null) return;
  const answer = () => {
    for (let i = 0; i < (what.times ?? 1); i++) send(reply(query, what.rcode ?? 0));
  };
  if (what.delayMs === undefined) answer();
  else setTimeout(answer, what.delayMs);
}

/** Over UDP; closes at the end of the test. */
export async function startUdpResponder(behaviour: Behaviour = answerNow): Promise<TestResponder> {
  const queries: Buffer[] = [];
  let open = true;
  const socket = createSocket({ type: 'udp4', recvBufferSize: 1024 * 1024 });
  socket.on('message', (query, peer) => {
    serve(queries, behaviour, query, (bytes) => {
      if (open) socket.send(bytes, peer.port, peer.address);
    });
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  onTestFinished(() => {
    open = false;
    socket.close();
  });
  return { port: socket.address().port, queries };
}

/** Over TCP, or TLS with a certificate. `onConnection` may break connections. */
export async function startStreamResponder(
  behaviour: Behaviour = answerNow,
  certificate?: { key: string; cert: string },
  onConnection: (socket: Socket, index: number) => void = () => {},
): Promise<TestResponder> {
  const queries: Buffer[] = [];
  const sockets: Socket[] = [];
  const accept = (socket: Socket) => {
    const index = sockets.push(socket) - 1;
    socket.on('error', () => {});
    const reader = new FrameReader({
      onMessage: (bytes, length) =>
        serve(queries, behaviour, Buffer.from(bytes.subarray(0, length)), (answer) => {
          const header = Buffer.alloc(2);
          header.writeUInt16BE(answer.length);
          socket.write(Buffer.concat([header, answer]));
        }),
      onFramingError: () => socket.destroy(),
    });
    socket.on('data', (chunk) => reader.push(chunk as Buffer));
    onConnection(socket, index);
  };
  const server = certificate === undefined ? createServer(accept) : createTlsServer(certificate, accept);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as { port: number }).port, queries };
}
