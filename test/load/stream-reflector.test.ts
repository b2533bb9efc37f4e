import { expect, it, onTestFinished } from 'vitest';
import { Reflector } from '../../src/load/reflector.ts';
import { TcpClient } from '../kit/dns-client.ts';
import { DnsServer } from '../kit/dns-server.ts';

/** `x.example A`, RD, with the ID in its first two bytes. */
function query(id: number): Buffer {
  const message = Buffer.from(
    '00000100000100000000000001780765 78616d706c650000010001'.replace(' ', ''),
    'hex',
  );
  message.writeUInt16BE(id, 0);
  return message;
}

/** A server that turns each query into its answer, and notes what came. */
async function startServer(): Promise<{ port: number; ids: number[] }> {
  const ids: number[] = [];
  const server = await DnsServer.open((message, reply) => {
    ids.push(message.readUInt16BE(0));
    message[2]! |= 0x80;
    reply.send(message);
  });
  onTestFinished(() => server.close());
  return { port: server.port, ids };
}

it('returns what comes by TCP, and each reply to its client', async () => {
  const reflector = await Reflector.start('127.0.0.1', 0);
  onTestFinished(() => reflector.close());
  const server = await startServer();
  await reflector.reflectTo('127.0.0.1', server.port);
  const client = await TcpClient.connect(reflector.port);
  for (const id of [7, 4711]) {
    client.send(query(id));
    const reply = await client.receive();
    expect(reply.readUInt16BE(0)).toBe(id);
    expect(reply[2]! & 0x80).toBe(0x80);
  }
  expect(server.ids).toEqual([7, 4711]);
  expect(reflector.received).toBe(2);
  client.close();
});

it('closes TCP connections while it has no target', async () => {
  const reflector = await Reflector.start('127.0.0.1', 0);
  onTestFinished(() => reflector.close());
  const client = await TcpClient.connect(reflector.port);
  await client.closed;
  expect(reflector.received).toBe(0);
});
