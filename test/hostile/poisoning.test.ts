// Forged replies from the upstream's own address and port while a query is in flight, ten thousand
// at a time (POISON_FORGERIES, POISON_RESULT): no forged address reaches a client or the cache.
// Records for names that were not asked, or are another server's, are not believed.
import { writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { MAX_ATTEMPTS } from '../../src/pipeline/pending/timeline.ts';
import { Generator } from '../fuzz/generator.ts';
import { askTcp, askUdp, nameBytes, queryBytes, UdpClient } from '../kit/dns-client.ts';
import { questionEnd } from '../kit/received-query.ts';
import { startUnloop, type UnloopProcess } from '../kit/unloop-process.ts';
import { isRight } from './attackers.ts';
import { type Reply, type Script, trueAnswer, truthful, Upstream } from './servers.ts';

const FORGERIES = Number(process.env.POISON_FORGERIES ?? 30_000);
/** Forged replies before each true one. */
const PER_QUERY = 100;
/** Queries of one turn leave by one socket, whose receive buffer takes some 270 replies. */
const AT_A_TIME = 2;
/** A busy machine may stop either process for a while. */
const PATIENCE_MS = 60_000;
/** TEST-NET-3: no true answer has it. */
const FORGED_ADDRESS = [203, 0, 113, 66];

/** One worker, and no question of unloop's own at start. */
const ALONE = { workers: 1, loop: { probe: { onStart: false } } };

/** The ways of guessing wrong, and how many were sent of each. */
const KINDS = [
  'another ID',
  'another case',
  'another name',
  'another type',
  'another port of ours',
  'from another port',
  'no question',
  'QR not set',
] as const;
type Kind = (typeof KINDS)[number];

let upstreams: Upstream[] = [];
beforeEach(() => {
  upstreams = [];
});
afterEach(() => Promise.all(upstreams.map((upstream) => upstream.close())));

async function startUpstream(script: Script): Promise<Upstream> {
  const upstream = await Upstream.start(script);
  upstreams.push(upstream);
  return upstream;
}

/** A forger at the server's own address and port. */
class Forger {
  readonly sent = new Map<Kind, number>(KINDS.map((kind) => [kind, 0]));
  /** QNAMEs by UDP, and again by TCP after forged replies came. */
  readonly ports = new Set<number>();
  queriesUdp = 0;
  queriesTcp = 0;
  readonly #random = new Generator(7);

  readonly script: Script = (query, reply) => {
    const truth = trueAnswer(query);
    if (truth === null) return;
    if (reply.stream) {
      this.queriesTcp++;
      reply.say(truth);
      return;
    }
    this.queriesUdp++;
    this.ports.add(reply.port);
    for (let i = 0; i < PER_QUERY; i++) this.#forge(truth, reply);
    reply.say(truth);
  };

  get total(): number {
    let total = 0;
    for (const count of this.sent.values()) total += count;
    return total;
  }

  #forge(truth: Uint8Array, reply: Reply): void {
    // Mostly IDs: of the other kinds, few make unloop ask over TCP, where nobody can forge.
    const random = this.#random;
    const kind =
      random.below(PER_QUERY) > 3
        ? KINDS[random.below(100) < 80 ? 0 : 4 + random.below(2)]!
        : random.pick(KINDS);
    const forged = truth.slice();
    forged.set(FORGED_ADDRESS, forged.length - 4);
    const end = questionEnd(forged);
    let toPort = reply.port;
    switch (kind) {
      case 'another ID': {
        // Birthday: any other ID, any that may be in flight.
        const id = (((forged[0]! << 8) | forged[1]!) + 1 + random.below(65_535)) & 0xffff;
        forged[0] = id >>> 8;
        forged[1] = id;
        break;
      }
      case 'another case':
        // A question that was repeated without a case pattern, as this machine stalled: there is
        // nothing to guess.
        if (!/[A-Z]/.test(Buffer.from(forged.subarray(12, end - 4)).toString('latin1'))) return;
        for (let i = 12; i < end - 4; i++) {
          const folded = forged[i]! | 0x20;
          if (folded >= 0x61 && folded <= 0x7a) {
            forged[i]! ^= 0x20;
            break;
          }
        }
        break;
      case 'another name':
        forged[13] = 0x2d;
        break;
      case 'another type':
        forged[end - 3]! ^= 0x1d;
        break;
      case 'another port of ours': {
        const others = [...this.ports].filter((port) => port !== reply.port);
        if (others.length === 0) return;
        toPort = random.pick(others);
        break;
      }
      case 'from another port':
        break;
      case 'no question':
        forged.fill(0, 4, 6);
        break;
      case 'QR not set':
        forged[2]! &= 0x7f;
        break;
    }
    this.sent.set(kind, this.sent.get(kind)! + 1);
    reply.forge(forged, toPort, kind === 'from another port');
  }
}

describe('forged replies', () => {
  it(`${FORGERIES} of them are not believed`, async () => {
    const forger = new Forger();
    const upstream = await startUpstream(forger.script);
    // The upstream is in this process, which a busy machine may stop for a while: that shall not
    // take it out of use.
    const unloop = await startUnloop({
      config: {
        ...ALONE,
        upstreams: [`127.0.0.1:${upstream.port}`],
        forward: { healthCheck: { maxFails: 100 } },
      },
    });
    const queries = Math.ceil(FORGERIES / PER_QUERY);
    const client = await UdpClient.open(unloop.port);
    let asked = 0;
    let forged = 0;
    let failed = 0;
    const ask = async (round: string) => {
      for (let first = 0; first < queries; first += AT_A_TIME) {
        const batch = new Map<number, Buffer>();
        for (let i = first; i < Math.min(queries, first + AT_A_TIME); i++) {
          batch.set(
            i & 0xffff,
            queryBytes({ name: `host-${i}.poison.example`, id: i & 0xffff, edns: false }),
          );
        }
        for (const query of batch.values()) client.send(query);
        for (let left = batch.size; left > 0; left--) {
          const answer = await client.receive(PATIENCE_MS);
          asked++;
          const query = batch.get(answer.readUInt16BE(0));
          if (query === undefined || !isRight(answer, trueAnswer(query)!)) {
            if (isForged(answer)) forged++;
            else failed++;
            console.log(`${round}: ${answer.toString('hex')}`);
          }
        }
      }
    };
    await ask('in flight');
    const sentByThen = upstream.queries;
    // And what was kept is the truth: nobody is asked again.
    await ask('kept');
    const askedAgain = upstream.queries - sentByThen;
    client.close();
    const metrics = await unloop.metrics();
    const unmatched = metrics.value('unloop_upstream_mismatches_total', { kind: 'unmatched' });
    const otherCase = metrics.value('unloop_upstream_mismatches_total', { kind: 'case' });
    const result = {
      forged: Object.fromEntries(forger.sent),
      total: forger.total,
      seenByUnloop: { unmatched, otherCase },
      queries: { udp: forger.queriesUdp, tcp: forger.queriesTcp, ports: forger.ports.size },
      answers: asked,
      believed: forged,
      failed,
    };
    if (process.env.POISON_RESULT !== undefined) {
      writeFileSync(process.env.POISON_RESULT, `${JSON.stringify(result, null, 2)}\n`);
    }
    expect(forged).toBe(0);
    expect(failed).toBe(0);
    expect(forger.total).toBeGreaterThan(FORGERIES * 0.9);
    // They did arrive, and were told apart.
    expect(unmatched).toBeGreaterThan(forger.total / 4);
    expect(otherCase).toBeGreaterThan(0);
    expect(forger.queriesTcp).toBeGreaterThan(0);
    for (const kind of KINDS) expect(forger.sent.get(kind)).toBeGreaterThan(0);
    // But for messages that were repeated as the machine stalled, and came late.
    expect(askedAgain).toBeLessThanOrEqual(
      metrics.value('unloop_upstream_failures_total', { reason: 'timeout' }),
    );
    expect(await unloop.stop()).toBe(0);
  }, 1_800_000);
});

describe('a birthday needs many queries for one name in flight', () => {
  const CLIENTS = 400;

  it('coalesced: however many ask, in whatever spelling, one flight', async () => {
    const waiting: (() => void)[] = [];
    const upstream = await startUpstream((query, reply) => {
      const truth = trueAnswer(query)!;
      // A server that is slow is asked a question of unloop's own, too.
      const isBirthday = query.subarray(13, 21).toString().toLowerCase() === 'birthday';
      if (isBirthday) waiting.push(() => reply.say(truth));
      else reply.say(truth);
    });
    const unloop = await startUnloop({
      // A busy machine may take long to show the metrics that the answer waits for.
      config: { ...ALONE, upstreams: [`127.0.0.1:${upstream.port}`], forward: { deadline: '15s' } },
    });
    const client = await UdpClient.open(unloop.port);
    const coalesced = (count: number) =>
      unloop.waitForMetrics((metrics) => metrics.value('unloop_coalesced_total') >= count);
    for (let i = 0; i < CLIENTS; i++) {
      client.send(
        queryBytes({ name: i % 2 === 0 ? 'BirthDay.example' : 'birthday.Example', id: i, edns: i % 3 === 0 }),
      );
      // A socket's receive buffer has room for some 270 such datagrams.
      if (i % 100 === 99) await coalesced(i);
    }
    const overTcp = askTcp(unloop.port, { name: 'birthday.example' });
    await coalesced(CLIENTS);
    // However many clients: one flight, and its attempts.
    expect(waiting.length).toBeLessThanOrEqual(MAX_ATTEMPTS);
    waiting[0]!();
    for (let i = 0; i < CLIENTS; i++) expect((await client.receive()).readUInt16BE(6)).toBe(1);
    expect((await overTcp).rcode).toBe(0);
    client.close();
  });

  it('signed ones, which are not coalesced: eight at most', async () => {
    let asked = 0;
    const upstream = await startUpstream(() => asked++);
    const unloop = await startUnloop({
      config: { ...ALONE, upstreams: [`127.0.0.1:${upstream.port}`] },
    });
    const client = await UdpClient.open(unloop.port);
    for (let i = 0; i < 100; i++) client.send(signedQuery(i));
    // 92 are sent to TCP at once: TC, and no records.
    for (let i = 0; i < 92; i++) {
      const reply = await client.receive();
      expect([reply[2]! & 2, reply[3]! & 15, reply.readUInt16BE(6)]).toEqual([2, 0, 0]);
    }
    // The upstream of this test may read its socket after the client has read all of these.
    await vi.waitFor(() => expect(asked).toBeGreaterThan(0), { timeout: 30_000 });
    expect(asked).toBeLessThanOrEqual(8);
    client.close();
  });
});

describe('names outside the question', () => {
  it('never enter the cache', async () => {
    const asked: string[] = [];
    const upstream = await startUpstream((query, reply) => {
      const truth = trueAnswer(query)!;
      const name = query.subarray(12, query.length).toString();
      asked.push(name);
      const victim = nameBytes('victim.example');
      const record = Uint8Array.of(...victim, 0, 1, 0, 1, 0, 0, 0x0e, 0x10, 0, 4, ...FORGED_ADDRESS);
      const nsRecord = Uint8Array.of(
        ...nameBytes('example'),
        0,
        2,
        0,
        1,
        0,
        0,
        0x0e,
        0x10,
        0,
        victim.length,
        ...victim,
      );
      // The truth, and besides it, in each section, what nobody asked.
      const message = Uint8Array.of(...truth, ...record, ...nsRecord, ...record);
      message.set([0, 1, 0, 2, 0, 1, 0, 1], 4);
      reply.say(
        Buffer.from(query.subarray(12)).toString('latin1').toLowerCase().includes('victim') ? truth : message,
      );
    });
    const unloop = await startUnloop({ config: { ...ALONE, upstreams: [`127.0.0.1:${upstream.port}`] } });
    for (let i = 0; i < 5; i++) await askUdp(unloop.port, { name: `lure${i}.example` });
    for (const type of ['A', 'AAAA', 'NS']) {
      const timesAsked = () => asked.filter((name) => name.toLowerCase().includes('victim')).length;
      const before = timesAsked();
      const query = queryBytes({ name: 'victim.example', type });
      const answer = await askUdp(unloop.port, query);
      // Once, and again where the machine stalls.
      expect(timesAsked(), type).toBeGreaterThan(before);
      expect(answer.bytes.includes(Buffer.from(FORGED_ADDRESS))).toBe(false);
    }
    const before = asked.length;
    await askUdp(unloop.port, { name: 'example', type: 'NS' });
    expect(asked.length).toBeGreaterThan(before);
  });
});

describe('zones', () => {
  const forgedAnswer: Script = (query, reply) => {
    const truth = trueAnswer(query)!;
    truth.set(FORGED_ADDRESS, truth.length - 4);
    reply.say(truth);
  };

  it("do not believe each other's upstreams", async () => {
    const corporate = nameBytes('host.corp.example');
    // The public server answers its own names with an alias into the company's zone, and an address
    // there.
    const outside = await startUpstream((query, reply) => {
      const end = questionEnd(query);
      const message = Uint8Array.of(
        ...query.subarray(0, end),
        ...[0xc0, 12, 0, 5, 0, 1, 0, 0, 0x0e, 0x10, 0, corporate.length, ...corporate],
        ...[...corporate, 0, 1, 0, 1, 0, 0, 0x0e, 0x10, 0, 4, ...FORGED_ADDRESS],
      );
      message.set([0x81, 0x80, 0, 1, 0, 2, 0, 0, 0, 0], 2);
      reply.say(message);
    });
    const inside = await startUpstream(truthful);
    const unloop = await startUnloop({
      config: {
        ...ALONE,
        upstreams: [`127.0.0.1:${outside.port}`],
        zones: { 'corp.example': { upstreams: [`127.0.0.1:${inside.port}`] } },
      },
    });
    await askUdp(unloop.port, { name: 'www.example' });
    expect(outside.queries).toBeGreaterThan(0);
    const query = queryBytes({ name: 'host.corp.example' });
    const answer = await askUdp(unloop.port, query);
    expect(isRight(answer.bytes, trueAnswer(query)!)).toBe(true);
    expect(inside.queries).toBeGreaterThan(0);
  });

  it('forget what they were told when their servers change', async () => {
    const before = await startUpstream(forgedAnswer);
    const after = await startUpstream(truthful);
    const config = (port: number) => ({
      listen: ['127.0.0.1:0'],
      admin: { listen: '127.0.0.1:0' },
      ...ALONE,
      upstreams: [`127.0.0.1:${before.port}`],
      zones: { 'corp.example': { upstreams: [`127.0.0.1:${port}`] } },
    });
    const unloop = await startUnloop({ config: config(before.port) });
    const query = queryBytes({ name: 'host.corp.example' });
    expect(isForged((await askUdp(unloop.port, query)).bytes)).toBe(true);
    await changeZone(unloop, config(after.port));
    const answer = await askUdp(unloop.port, query);
    expect(isRight(answer.bytes, trueAnswer(query)!)).toBe(true);
    // The default zone still has its servers, and what they said.
    await askUdp(unloop.port, { name: 'other.example' });
    const { queries } = before;
    await changeZone(unloop, config(before.port));
    expect(isForged((await askUdp(unloop.port, { name: 'other.example' })).bytes)).toBe(true);
    expect(before.queries).toBe(queries);
  });
});

function isForged(answer: Buffer): boolean {
  return answer.includes(Buffer.from(FORGED_ADDRESS));
}

async function changeZone(unloop: UnloopProcess, config: object): Promise<void> {
  const reloads = async () => (await unloop.metrics()).value('unloop_reloads_total', { result: 'ok' });
  const before = await reloads();
  unloop.writeConfig(config);
  unloop.signal('SIGHUP');
  await unloop.waitForMetrics((metrics) => metrics.value('unloop_reloads_total', { result: 'ok' }) > before);
}

/** A query with a TSIG record, none like the other. */
function signedQuery(i: number): Buffer {
  const query = queryBytes({ name: 'signed.example', id: i, edns: false });
  query.writeUInt16BE(1, 10);
  const tsig = Buffer.from([3, 0x6b, 0x65, 0x79, 0, 0, 250, 0, 255, 0, 0, 0, 0, 0, 2, i >> 8, i & 255]);
  return Buffer.concat([query, tsig]);
}
