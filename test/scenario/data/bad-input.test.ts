// Messages that no honest client sends: each gets the answer of its RFC or silence, and counts.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Answer,
  askUdp,
  framed,
  nameBytes,
  queryBytes,
  readAnswer,
  TcpClient,
  UdpClient,
} from '../../kit/dns-client.ts';
import { type Forwarder, SOCKETS, startForwarder } from './forwarder.ts';

/** A message with these header numbers and this rest. */
function message(
  flags: number,
  counts: readonly number[],
  ...rest: readonly (Uint8Array | readonly number[])[]
): Buffer {
  const header = Buffer.alloc(12);
  header.writeUInt16BE(0x4242, 0);
  header.writeUInt16BE(flags, 2);
  for (const [index, count] of counts.entries()) header.writeUInt16BE(count, 4 + 2 * index);
  return Buffer.concat([header, ...rest.map((part) => Buffer.from(part))]);
}

const RD = 0x0100;
/** QTYPE A, QCLASS IN. */
const A_IN = [0, 1, 0, 1];
const www = nameBytes('www.example');
/** The root, TYPE OPT, size 1232, RCODE 0, this version, flags 0, no options. */
const opt = (version = 0) => [0, 0, 41, 0x04, 0xd0, 0, version, 0, 0, 0, 0];
const label63 = [63, ...Array<number>(63).fill(0x61)];

interface Case {
  readonly what: string;
  readonly bytes: Buffer;
  /** Label of unloop_dropped_total. */
  readonly reason: string;
  /** The answer's rcode; null: silence. */
  readonly rcode: number | null;
  /** What else holds for the answer. */
  readonly more?: (reply: Answer) => void;
}

const CASES: readonly Case[] = [
  { what: 'one byte', bytes: Buffer.from([1]), reason: 'too_short', rcode: null },
  {
    what: 'eleven bytes',
    bytes: message(RD, [1, 0, 0, 0]).subarray(0, 11),
    reason: 'too_short',
    rcode: null,
  },
  {
    what: 'a response (RFC 1035 §7.3)',
    bytes: message(0x8180, [1, 0, 0, 0], www, A_IN),
    reason: 'response',
    rcode: null,
  },
  {
    what: 'a response with an unknown opcode',
    bytes: message(0xf800, [0, 0, 0, 0]),
    reason: 'response',
    rcode: null,
  },
  { what: 'QDCOUNT 0 (RFC 9619 §4)', bytes: message(RD, [0, 0, 0, 0]), reason: 'question_count', rcode: 1 },
  {
    what: 'QDCOUNT 2 (RFC 9619 §4)',
    bytes: message(RD, [2, 0, 0, 0], www, A_IN, www, A_IN),
    reason: 'question_count',
    rcode: 1,
  },
  {
    what: 'QDCOUNT 65535',
    bytes: message(RD, [65535, 65535, 65535, 65535]),
    reason: 'question_count',
    rcode: 1,
  },
  ...[1, 2, 4, 5, 6, 15].map((opcode) => ({
    what: `opcode ${opcode} (RFC 8906 §7)`,
    bytes: message(RD | (opcode << 11), [1, 0, 0, 0], www, A_IN),
    reason: 'opcode',
    rcode: 4,
    more: (reply: Answer) => expect(reply.opcode).toBe(opcode),
  })),
  {
    what: 'a name that points at itself',
    bytes: message(RD, [1, 0, 0, 0], [0xc0, 12], A_IN),
    reason: 'bad_question',
    rcode: 1,
  },
  {
    what: 'a name that points forward',
    bytes: message(RD, [1, 0, 0, 0], [0xc0, 14, 0], A_IN),
    reason: 'bad_question',
    rcode: 1,
  },
  {
    what: 'a label of an unknown kind',
    bytes: message(RD, [1, 0, 0, 0], [0x41, 0x61, 0], A_IN),
    reason: 'bad_question',
    rcode: 1,
  },
  {
    what: 'a name over 255 bytes (RFC 1035 §2.3.4)',
    bytes: message(RD, [1, 0, 0, 0], label63, label63, label63, label63, [0], A_IN),
    reason: 'bad_question',
    rcode: 1,
  },
  {
    what: 'a name cut off',
    bytes: message(RD, [1, 0, 0, 0], [20, 0x61, 0x62]),
    reason: 'bad_question',
    rcode: 1,
  },
  {
    what: 'a question cut off after the name',
    bytes: message(RD, [1, 0, 0, 0], www, [0, 1]),
    reason: 'bad_question',
    rcode: 1,
  },
  {
    what: 'a header alone that promises a question',
    bytes: message(RD, [1, 0, 0, 0]),
    reason: 'bad_question',
    rcode: 1,
  },
  {
    what: 'a record that is not there',
    bytes: message(RD, [1, 0, 0, 1], www, A_IN),
    reason: 'bad_record',
    rcode: 1,
  },
  {
    what: 'a record cut off',
    bytes: message(RD, [1, 1, 0, 0], www, A_IN, [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 99, 1]),
    reason: 'bad_record',
    rcode: 1,
  },
  {
    what: 'counts that lie',
    bytes: message(RD, [1, 65535, 65535, 65535], www, A_IN, opt()),
    reason: 'bad_record',
    rcode: 1,
  },
  {
    what: 'a record’s name that points at itself',
    bytes: message(RD, [1, 0, 0, 1], www, A_IN, [0xc0, 29, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0]),
    reason: 'bad_record',
    rcode: 1,
  },
  {
    what: 'OPT twice (RFC 6891 §6.1.1)',
    bytes: message(RD, [1, 0, 0, 2], www, A_IN, opt(), opt()),
    reason: 'bad_opt',
    rcode: 1,
  },
  {
    what: 'OPT with a name',
    bytes: message(RD, [1, 0, 0, 1], www, A_IN, [1, 0x61], opt()),
    reason: 'bad_opt',
    rcode: 1,
  },
  {
    what: 'OPT in the answer section',
    bytes: message(RD, [1, 1, 0, 0], www, A_IN, opt()),
    reason: 'bad_opt',
    rcode: 1,
  },
  {
    what: 'EDNS version 1 (RFC 6891 §6.1.3)',
    bytes: message(RD, [1, 0, 0, 1], www, A_IN, opt(1)),
    reason: 'bad_version',
    rcode: 16,
    more: (reply) => expect(reply.opt).not.toBeNull(),
  },
  { what: 'AXFR', bytes: message(RD, [1, 0, 0, 0], www, [0, 252, 0, 1]), reason: 'bad_type', rcode: 4 },
  { what: 'IXFR', bytes: message(RD, [1, 0, 0, 0], www, [0, 251, 0, 1]), reason: 'bad_type', rcode: 4 },
];

describe.each(SOCKETS)('bad messages over the $socket', ({ native }) => {
  let f: Forwarder;
  beforeAll(async () => {
    f = await startForwarder({ native });
  });
  afterAll(() => f.close());

  const droppedFor = async (reason: string) =>
    (await f.unloop.metrics()).value('unloop_dropped_total', { reason });

  /**
   * Sends bytes, then a good query. Their answers come in any order over UDP; of silence another
   * good answer is the proof.
   */
  async function askBoth(
    transport: 'UDP' | 'TCP',
    bytes: Buffer,
    isAnswered: boolean,
  ): Promise<{ bad: Answer | null; good: Answer }> {
    await f.udp({ name: 'known.example' });
    const probe = queryBytes({ name: 'known.example', id: 0x1111 });
    const client = transport === 'UDP' ? await UdpClient.open(f.port) : await TcpClient.connect(f.port);
    try {
      client.send(bytes);
      client.send(probe);
      const first = readAnswer(await client.receive());
      if (!isAnswered) client.send(queryBytes({ name: 'known.example', id: 0x1112 }));
      const second = readAnswer(await client.receive());
      const [bad, good] = second.id === 0x1111 ? [first, second] : [second, first];
      return { bad: bad.id === 0x1112 ? null : bad, good };
    } finally {
      client.close();
    }
  }

  describe.each(['UDP', 'TCP'] as const)('%s', (transport) => {
    it.each(CASES)('$what', async ({ bytes, reason, rcode, more }) => {
      // A length below a header's is a framing error on a stream: its own test is below.
      if (transport === 'TCP' && bytes.length < 12) return;
      const before = await droppedFor(reason);
      const askedBefore = f.asked('www.example').length;
      const { bad, good } = await askBoth(transport, bytes, rcode !== null);
      expect(good).toMatchObject({ rcode: 0 });
      if (rcode === null) {
        expect(bad).toBeNull();
      } else {
        expect(bad).toMatchObject({ id: 0x4242, isResponse: true, rcode, answers: [] });
        // No larger than the query, an OPT record aside: nothing is amplified.
        expect(bad!.bytes.length).toBeLessThanOrEqual(Math.max(bytes.length, 12) + 11);
        more?.(bad!);
      }
      expect((await droppedFor(reason)) - before).toBe(1);
      expect(f.asked('www.example')).toHaveLength(askedBefore);
    });
  });

  it('an empty datagram is dropped', async () => {
    const before = await droppedFor('too_short');
    const client = await UdpClient.open(f.port);
    client.send(Buffer.alloc(0));
    client.send(queryBytes({ name: 'known.example', id: 7 }));
    expect((await client.receive()).readUInt16BE(0)).toBe(7);
    client.close();
    expect((await droppedFor('too_short')) - before).toBe(1);
  });

  it.each([0, 1, 11])('a TCP length of %i ends the connection (RFC 1035 §4.2.2)', async (length) => {
    const before = await droppedFor('tcp_framing');
    const client = await TcpClient.connect(f.port);
    client.write(framed(Buffer.alloc(length)));
    await client.closed;
    client.close();
    expect((await droppedFor('tcp_framing')) - before).toBe(1);
  });

  it('a TCP length that promises more than comes is answered by nothing', async () => {
    const client = await TcpClient.connect(f.port);
    const query = framed(queryBytes({ name: 'known.example' }));
    query.writeUInt16BE(60_000, 0);
    client.write(query);
    client.end();
    await client.closed;
    await expect(client.receive()).rejects.toThrow('ended');
    client.close();
  });

  it('bytes behind the message are neither an error nor passed on', async () => {
    const trailing = Buffer.concat([queryBytes({ name: 'trailing.example' }), Buffer.from('smuggled')]);
    expect(await askUdp(f.port, trailing)).toMatchObject({ rcode: 0 });
    expect(f.asked('trailing.example')[0]!.bytes.includes('smuggled')).toBe(false);
  });

  it('a datagram larger than any query is counted, and does no harm', async () => {
    const client = await UdpClient.open(f.port);
    client.send(Buffer.concat([queryBytes({ name: 'large.example' }), Buffer.alloc(9000)]));
    client.send(queryBytes({ name: 'known.example', id: 9 }));
    let id = -1;
    while (id !== 9) id = (await client.receive()).readUInt16BE(0);
    client.close();
  });

  it('thousands of mutated queries leave it answering', async () => {
    const client = await UdpClient.open(f.port);
    const stream = await TcpClient.connect(f.port);
    const base = queryBytes({ name: 'fuzz.example', options: [{ code: 10, data: Buffer.alloc(8) }] });
    let state = 12345;
    const random = (below: number) => {
      state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
      return (state >> 8) % below;
    };
    for (let i = 0; i < 4000; i++) {
      const bytes = Buffer.from(base);
      for (let n = random(4); n >= 0; n--) bytes[random(bytes.length)] = random(256);
      const cut = random(4) === 0 ? bytes.subarray(0, random(bytes.length)) : bytes;
      client.send(cut);
      if (i % 4 === 0 && cut.length >= 12) stream.send(cut);
      if (i % 200 === 0) await f.udp({ name: 'known.example' });
    }
    client.close();
    stream.close();
    expect(await f.udp({ name: 'known.example' })).toMatchObject({ rcode: 0 });
    expect(await f.tcp({ name: 'known.example' })).toMatchObject({ rcode: 0 });
    const metrics = await f.unloop.metrics();
    expect(metrics.value('unloop_worker_restarts_total')).toBe(0);
    expect(metrics.value('unloop_dropped_total', { reason: 'internal_error' })).toBe(0);
  });
});
