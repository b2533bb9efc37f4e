// Which reply an exchange believes: the one from the server asked, with the ID, the question and
// its very letters. Sixteen queries wait; the input says to which of them the reply poses as an
// answer, and how it is spoilt.

import { ManualClock } from '../../../src/base/clock.ts';
import { RandomPool } from '../../../src/base/random.ts';
import type { DatagramSocket } from '../../../src/io/datagram-socket.ts';
import { openDatagramSocket } from '../../../src/io/open-socket.ts';
import { Counters, createCounterBlock } from '../../../src/metrics/counters.ts';
import { type ReplyOwner, UpstreamQuery } from '../../../src/upstream/exchange.ts';
import { UdpChannel } from '../../../src/upstream/udp-channel.ts';
import { UdpExchange } from '../../../src/upstream/udp-exchange.ts';
import { textToName } from '../../../src/wire/text.ts';
import { check, type FuzzTarget } from '../target.ts';

const QUERIES = 16;

class Owner implements ReplyOwner {
  believed: UpstreamQuery | null = null;
  onReply(query: UpstreamQuery): boolean {
    this.believed = query;
    return true;
  }
  onFailure(): void {}
}

const owner = new Owner();
const queries: UpstreamQuery[] = [];
const random = new RandomPool();
const clock = new ManualClock();
let exchange: UdpExchange;
let sink: DatagramSocket;
/** Channels like those of the exchange: it goes by their index. */
let channels: UdpChannel[] = [];

export const matching: FuzzTarget = {
  name: 'matching',
  maxLength: 300,
  async prepare() {
    // Queries really leave; nobody answers them but this target.
    sink = await openDatagramSocket({ address: '127.0.0.1', port: 0 }, { onBatch() {}, onError() {} });
    const counters = new Counters(createCounterBlock());
    exchange = await UdpExchange.open({
      host: '127.0.0.1',
      port: sink.localPort,
      random,
      clock,
      counters,
      sockets: 1,
    });
    channels = [0, 1].map((index) => new UdpChannel(exchange, index, clock.nowMs, random));
    queries.length = 0;
    for (let i = 0; i < QUERIES; i++) queries.push(createQuery(i));
    for (const query of queries) exchange.send(query);
  },
  run(input) {
    if (input.length < 3) return -1;
    const query = queries[input[0]! & (QUERIES - 1)]!;
    const how = input[1]!;
    const { questionEnd, bytes, id } = query;
    // The rest of the input is laid over a sound reply, or stands for itself.
    const length = (how & 1) !== 0 ? input.length - 2 : Math.max(questionEnd, input.length - 2);
    const reply = new Uint8Array(length);
    if ((how & 1) === 0) {
      reply.set(bytes.subarray(0, questionEnd));
      reply[2]! |= 0x80;
      for (let i = 2; i < input.length; i++) reply[i - 2]! ^= input[i]!;
    } else {
      reply.set(input.subarray(2));
    }
    if ((how & 2) === 0 && length >= 2) {
      reply[0] = id >>> 8;
      reply[1] = id;
    }
    const channel = channels[(how & 4) !== 0 ? 1 : 0]!;
    const claimed = queries.find((waiting) => length >= 2 && waiting.id === ((reply[0]! << 8) | reply[1]!));
    const mayBelieve =
      claimed !== undefined && channel.index === claimed.channel && isAnswerTo(claimed, reply, length);

    owner.believed = null;
    exchange.receive(channel, reply, length);
    check((owner.believed === null) === !mayBelieve, 'a reply was believed, or not, against the rules');
    check(owner.believed === null || owner.believed === claimed, 'the reply was given to another query');
    if (owner.believed === null) {
      check(claimed === undefined || claimed.id >= 0, 'a forged reply took a query away');
      return (how & 7) | (claimed === undefined ? 0 : 8);
    }
    exchange.send(owner.believed);
    return 16 | (how & 7);
  },
  async finish() {
    await exchange.close(true);
    await sink.close();
  },
};

/** RFC 5452 §9.1, in the plainest way. */
function isAnswerTo(query: UpstreamQuery, reply: Uint8Array, length: number): boolean {
  if (length < query.questionEnd || (reply[2]! & 0xf8) !== 0x80) return false;
  if (reply[4] !== 0 || reply[5] !== 1) return false;
  const nameEnd = query.questionEnd - 4;
  for (let i = 12; i < query.questionEnd; i++) {
    const [sent, came] = [query.bytes[i]!, reply[i]!];
    if (sent === came) continue;
    if (query.matchCase || i >= nameEnd) return false;
    const [a, b] = [String.fromCharCode(sent).toLowerCase(), String.fromCharCode(came).toLowerCase()];
    if (a !== b || sent >= 128 || came >= 128) return false;
  }
  return true;
}

function createQuery(i: number): UpstreamQuery {
  const wireName = textToName(['Www.ExaMple', 'wWw.eXample', 'a', '.', 'X--9.\\000@`{.oRg'][i % 5]!);
  const query = new UpstreamQuery();
  const bytes = new Uint8Array(16 + wireName.length);
  bytes[2] = 1;
  bytes[5] = 1;
  bytes.set(wireName, 12);
  bytes.set([0, i + 1, 0, 1], 12 + wireName.length);
  query.bytes = bytes;
  query.length = bytes.length;
  query.questionEnd = bytes.length;
  query.matchCase = i % 3 !== 0;
  query.owner = owner;
  return query;
}
