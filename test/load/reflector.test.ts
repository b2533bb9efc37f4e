import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { Reflector } from '../../src/load/reflector.ts';
import { queryBytes, UdpClient } from '../kit/dns-client.ts';
import { DnsServer } from '../kit/dns-server.ts';

let reflector: Reflector;
beforeEach(async () => {
  reflector = await Reflector.start('127.0.0.1', 0);
  return () => reflector.close();
});

async function client(): Promise<UdpClient> {
  const opened = await UdpClient.open(reflector.port);
  onTestFinished(() => opened.close());
  return opened;
}

function query(id: number): Buffer {
  const bytes = queryBytes({ name: 'x.example', type: 'A' });
  bytes.writeUInt16BE(id, 0);
  return bytes;
}

it('sends queries back by UDP, and each reply to its client with the ID that it came with', async () => {
  const ids: number[] = [];
  const server = await DnsServer.open((message, reply) => {
    ids.push(message.readUInt16BE(0));
    message[2]! |= 0x80;
    reply.send(message);
  });
  onTestFinished(() => server.close());
  await reflector.reflectTo('127.0.0.1', server.port);
  const clients = [await client(), await client()];
  // Both use the same ID: the reflector has its own.
  for (const from of clients) {
    from.send(query(4711));
    const reply = await from.receive();
    expect(reply.readUInt16BE(0)).toBe(4711);
  }
  expect(new Set(ids).size).toBe(2);
  expect(reflector.received).toBe(2);
});

it('does not reflect what is no query', async () => {
  const seen: Buffer[] = [];
  const server = await DnsServer.open((message) => seen.push(message));
  onTestFinished(() => server.close());
  await reflector.reflectTo('127.0.0.1', server.port);
  const from = await client();
  const response = query(1);
  response[2]! |= 0x80;
  from.send(response);
  from.send(query(2).subarray(0, 11));
  from.send(query(3));
  while (seen.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  expect(seen).toHaveLength(1);
  expect(seen[0]!.subarray(2)).toEqual(query(3).subarray(2));
  expect(reflector.received).toBe(3);
});

it('only counts while it has no target', async () => {
  const from = await client();
  from.send(query(1));
  while (reflector.received === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  expect(from.waiting).toEqual([]);
});
