import { expect, it, onTestFinished } from 'vitest';
import { Responder } from '../../src/load/responder.ts';
import { queryBytes, TcpClient, UdpClient } from '../kit/dns-client.ts';

async function start(): Promise<Responder> {
  const responder = await Responder.start('127.0.0.1', 0);
  onTestFinished(() => responder.close());
  return responder;
}

it('answers a question for an address over TCP and UDP, at one port', async () => {
  const responder = await start();
  const question = queryBytes({ name: 'x.example', type: 'A' });
  const clients = [await TcpClient.connect(responder.port), await UdpClient.open(responder.port)];
  for (const client of clients) {
    onTestFinished(() => client.close());
    client.send(question);
    const reply = await client.receive();
    expect(reply.readUInt16BE(0)).toBe(question.readUInt16BE(0));
    expect([reply[2]! & 0x80, reply[3]! & 0x0f, reply[7]]).toEqual([0x80, 0, 1]);
    expect([...reply.subarray(-15, -11)]).toEqual([192, 0, 2, 1]);
  }
  expect(responder.answered).toBe(2);
});

it('answers other types without records, and no message that is not a query', async () => {
  const responder = await start();
  const client = await UdpClient.open(responder.port);
  onTestFinished(() => client.close());
  const asReply = queryBytes({ name: 'x.example', type: 'A' });
  asReply[2]! |= 0x80;
  for (const bad of [asReply, asReply.subarray(0, 11), asReply.subarray(0, 20)]) client.send(bad);
  client.send(queryBytes({ name: 'x.example', type: 'TXT' }));
  const reply = await client.receive();
  expect([reply[3]! & 0x0f, reply[7]]).toEqual([0, 0]);
  expect(responder.answered).toBe(1);
});
