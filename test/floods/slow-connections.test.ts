// Slow TCP clients: the longest messages one byte at a time, messages that never end, clients that
// never read. Other clients get answers, memory is bounded, and useless connections are closed in
// time.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { isRight } from '../hostile/attackers.ts';
import { type Script, trueAnswer, truthful, Upstream } from '../hostile/servers.ts';
import { TruthClient } from '../hostile/truth-client.ts';
import { askTcp, askUdp, framed, queryBytes, TcpClient } from '../kit/dns-client.ts';
import { startUnloop, type UnloopProcess } from '../kit/unloop-process.ts';

const TIMEOUT = { timeout: 120_000 };
const MAX_MESSAGE = 65_535;
/** A process's buffers and code, warmed up. */
const BREATH_MIB = 48;
const PADDING_OPTION = 12;
const REFUSED = 5;

async function start(script: Script, limits: object): Promise<{ unloop: UnloopProcess; upstream: Upstream }> {
  const upstream = await Upstream.start(script);
  onTestFinished(() => upstream.close());
  const unloop = await startUnloop({
    config: {
      workers: 1,
      upstreams: [`127.0.0.1:${upstream.port}`],
      limits,
      loop: { probe: { onStart: false, interval: '0s' } },
    },
  });
  return { unloop, upstream };
}

/** The most memory that a process has from now on, MiB, and what it has now. */
class Memory {
  readonly startMib: number;
  mostMib: number;
  readonly #pid: number;
  readonly #timer: NodeJS.Timeout;

  constructor(unloop: UnloopProcess) {
    this.#pid = unloop.child.pid;
    this.startMib = this.mostMib = this.#read();
    this.#timer = setInterval(() => this.#note(), 50);
    onTestFinished(() => clearInterval(this.#timer));
  }

  /** How much more it was at most, MiB. */
  stop(): number {
    this.#note();
    clearInterval(this.#timer);
    return this.mostMib - this.startMib;
  }

  #note(): void {
    this.mostMib = Math.max(this.mostMib, this.#read());
  }

  #read(): number {
    const status = readFileSync(`/proc/${this.#pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+)/.exec(status)![1]) / 1024;
  }
}

/** One option that fills the message (RFC 7830). */
function paddedQuery(name: string): Buffer {
  const room = MAX_MESSAGE - queryBytes({ name }).length - 4;
  return queryBytes({ name, options: [{ code: PADDING_OPTION, data: Buffer.alloc(room) }] });
}

/** As many options as there can be; the last one fills what is left. */
function manyOptionsQuery(name: string): Buffer {
  const room = MAX_MESSAGE - queryBytes({ name }).length;
  const options = Array.from({ length: Math.floor(room / 4) - 1 }, (_, i) => ({
    code: 65_001 + (i % 500),
    data: Buffer.alloc(0),
  }));
  const data = Buffer.alloc(room - 4 * (options.length + 1));
  return queryBytes({ name, options: [...options, { code: PADDING_OPTION, data }] });
}

/**
 * As many records behind the question as there can be: it is passed on as it is (RFC 5625 §4.5).
 */
function manyRecordsQuery(name: string): Buffer {
  const query = queryBytes({ name, edns: false });
  const room = MAX_MESSAGE - query.length;
  const count = Math.floor(room / 11);
  query.writeUInt16BE(count, 10);
  // Root, TYPE65280, CLASS IN, TTL 0, no RDATA; the last one is longer.
  const records = Buffer.alloc(room);
  for (let i = 0; i < count; i++) records.set([0, 0xff, 0, 0, 1], 11 * i);
  records.writeUInt16BE(room - 11 * count, 11 * count - 2);
  return Buffer.concat([query, records]);
}

/** A question with bytes behind it that nothing counts. */
function trailedQuery(name: string): Buffer {
  const query = queryBytes({ name, edns: false });
  return Buffer.concat([query, Buffer.alloc(MAX_MESSAGE - query.length, 0xa5)]);
}

it('65,535 bytes, one at a time, from four clients at once', TIMEOUT, async () => {
  const longest = [
    paddedQuery('padded.drip.example'),
    manyOptionsQuery('options.drip.example'),
    manyRecordsQuery('records.drip.example'),
    trailedQuery('trailed.drip.example'),
  ];
  for (const query of longest) expect(query.length).toBe(MAX_MESSAGE);
  const passedOn = new Map<number, Uint8Array>();
  const { unloop } = await start(
    (query, reply) => {
      const text = Buffer.from(query).toString('latin1', 12, 60).toLowerCase();
      const which = ['padded', 'options', 'records', 'trailed'].findIndex((word) => text.includes(word));
      if (which >= 0) passedOn.set(which, query);
      truthful(query, reply);
    },
    // A busy machine takes its time to write 262,148 bytes.
    { tcpIdle: '100s' },
  );
  const honest = await TruthClient.open(unloop.port, 'honest.example');
  const memory = new Memory(unloop);
  honest.start();
  const clients = await Promise.all(longest.map(() => TcpClient.connect(unloop.port)));
  onTestFinished(() => {
    for (const client of clients) client.close();
  });
  const streams = longest.map((query) => framed(query));
  const startMs = performance.now();
  for (let at = 0; at < MAX_MESSAGE + 2; at++) {
    for (const [i, client] of clients.entries()) client.write(streams[i]!.subarray(at, at + 1));
    await new Promise((resolve) => setImmediate(resolve));
  }
  for (const [i, client] of clients.entries()) {
    const query = longest[i]!;
    const answer = await client.receive(60_000);
    expect(answer.subarray(0, 2)).toEqual(query.subarray(0, 2));
    expect(isRight(answer, trueAnswer(query)!), `answer ${i}`).toBe(true);
  }
  const { asked, right, faults } = await honest.stop();
  const grownMib = memory.stop();
  console.log(
    `4 × 65,537 bytes in ${Math.round(performance.now() - startMs)} ms; ${right} of ${asked} others right; memory +${grownMib.toFixed(1)} MiB`,
  );
  expect(faults).toEqual([]);
  expect(asked).toBeGreaterThan(10);
  expect(grownMib).toBeLessThan(BREATH_MIB);
  // Options end at this leg, and bytes that are part of nothing; records go on, to the last byte.
  for (const i of [0, 1, 3]) expect(passedOn.get(i)!.length).toBeLessThan(200);
  expect(Buffer.from(passedOn.get(2)!.subarray(2))).toEqual(longest[2]!.subarray(2));
});

it(
  'messages that never end: closed in time, however much of them has come and goes on coming',
  TIMEOUT,
  async () => {
    const CONNECTIONS = 200;
    const COME = 60_000;
    const { unloop } = await start(truthful, { tcpIdle: '2s' });
    const memory = new Memory(unloop);
    const stream = framed(paddedQuery('never.drip.example'));
    const clients = await Promise.all(
      Array.from({ length: CONNECTIONS }, () => TcpClient.connect(unloop.port)),
    );
    onTestFinished(() => {
      for (const client of clients) client.close();
    });
    for (const client of clients) client.write(stream.subarray(0, COME));
    let open = CONNECTIONS;
    const closed = clients.map(async (client) => {
      await client.closed;
      open--;
    });
    // An byte now and then: at this rate the message would take nine minutes more.
    for (let at = COME; open > 0; at++) {
      expect(at).toBeLessThan(stream.length - 1);
      for (const client of clients) client.write(stream.subarray(at, at + 1));
      expect((await askUdp(unloop.port, { name: `beside${at}.example` })).rcode).toBe(0);
      await sleep(100);
    }
    await Promise.all(closed);
    const grownMib = memory.stop();
    console.log(`${CONNECTIONS} messages without an end: memory +${grownMib.toFixed(1)} MiB`);
    // A buffer is doubled as its message grows: for a moment there are two.
    expect(grownMib).toBeLessThan((CONNECTIONS * 2 * MAX_MESSAGE) / 2 ** 20 + BREATH_MIB);
    expect((await askTcp(unloop.port, { name: 'later.example' })).rcode).toBe(0);
    await unloop.waitForMetrics((metrics) => metrics.value('unloop_tcp_connections') <= 1);
  },
);

it(
  'the longest messages there are, all passed on whole, to a server that is silent: only so many are kept',
  TIMEOUT,
  async () => {
    const CONNECTIONS = 10;
    const QUERIES = 250;
    const { unloop } = await start((query, reply) => {
      if (!Buffer.from(query).toString('latin1').toLowerCase().includes('silent')) truthful(query, reply);
    }, {});
    const memory = new Memory(unloop);
    const clients = await Promise.all(
      Array.from({ length: CONNECTIONS }, () => TcpClient.connect(unloop.port)),
    );
    onTestFinished(() => {
      for (const client of clients) client.close();
    });
    // 160 MB of questions.
    const query = manyRecordsQuery('n0000.silent.example');
    for (const [c, client] of clients.entries()) {
      for (let i = 0; i < QUERIES; i++) {
        query.write(String(1000 + c * QUERIES + i), 14);
        client.send(query);
      }
    }
    for (let i = 0; i < 20; i++) {
      expect((await askUdp(unloop.port, { name: `beside${i}.example` })).rcode).toBe(0);
      await sleep(50);
    }
    const rcodes: Record<number, number> = {};
    for (const client of clients) {
      for (let i = 0; i < QUERIES; i++) {
        const rcode = (await client.receive(60_000))[3]! & 15;
        rcodes[rcode] = (rcodes[rcode] ?? 0) + 1;
      }
    }
    const grownMib = memory.stop();
    console.log(
      `${CONNECTIONS * QUERIES} of the longest messages: ${JSON.stringify(rcodes)}, memory +${grownMib.toFixed(1)} MiB`,
    );
    expect(rcodes[REFUSED]).toBeGreaterThan(0);
    // 16 MiB of them, and the buffers in which the others were put together.
    expect(grownMib).toBeLessThan(4 * BREATH_MIB);
  },
);

it(
  'clients that ask and never read: a little is kept for each, others are answered, and they are closed',
  TIMEOUT,
  async () => {
    const CONNECTIONS = 20;
    const QUERIES = 1800;
    const answers = 60;
    // 16 KB: 250 bytes of text in each of sixty records.
    const large = (query: Uint8Array): Uint8Array => {
      const truth = trueAnswer(query)!;
      const record = Buffer.concat([
        Buffer.from([0xc0, 12, 0, 16, 0, 1, 0, 0, 1, 44, 0, 251, 250]),
        Buffer.alloc(250, 0x78),
      ]);
      const question = truth.subarray(0, truth.length - 16);
      const message = Buffer.concat([question, ...Array.from({ length: answers }, () => record)]);
      message.writeUInt16BE(answers, 6);
      return message;
    };
    const { unloop } = await start(
      (query, reply) => {
        if (!Buffer.from(query).toString('latin1').toLowerCase().includes('large'))
          return truthful(query, reply);
        if (reply.stream) return reply.say(large(query));
        const cut = trueAnswer(query)!;
        cut[2]! |= 2;
        reply.say(cut);
      },
      { tcpIdle: '2s' },
    );
    const query = queryBytes({ name: 'large.example', type: 'TXT', edns: false });
    expect((await askTcp(unloop.port, query)).answers.length).toBe(answers);
    const memory = new Memory(unloop);
    const clients = await Promise.all(
      Array.from({ length: CONNECTIONS }, () => TcpClient.connect(unloop.port)),
    );
    onTestFinished(() => {
      for (const client of clients) client.close();
    });
    // In one read fit questions for 28 MB of answers; from all clients, for half a gigabyte.
    const stream = Buffer.concat(Array.from({ length: QUERIES }, () => framed(query)));
    for (const client of clients) {
      client.socket.pause();
      client.write(stream);
    }
    for (let i = 0; i < 20; i++) {
      expect((await askUdp(unloop.port, { name: `beside${i}.example` })).rcode).toBe(0);
      await sleep(50);
    }
    await unloop.waitForMetrics((metrics) => metrics.value('unloop_tcp_connections') === 0);
    const grownMib = memory.stop();
    const responses = (await unloop.metrics()).value('unloop_responses_total');
    console.log(
      `${CONNECTIONS} clients that never read: ${responses} answers made, memory +${grownMib.toFixed(1)} MiB`,
    );
    // The kernel's buffers take some megabytes of each; what was handed to them is garbage for a
    // while.
    expect(responses).toBeLessThan((CONNECTIONS * QUERIES) / 2);
    expect(grownMib).toBeLessThan(3 * BREATH_MIB);
  },
);
