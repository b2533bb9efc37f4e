import { execFileSync } from 'node:child_process';
import dgram from 'node:dgram';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Clock } from '../../src/base/clock.ts';
import { RandomPool } from '../../src/base/random.ts';
import { Counter, Counters, createCounterBlock } from '../../src/metrics/counters.ts';
import { FailureReason } from '../../src/upstream/exchange.ts';
import { UdpExchange } from '../../src/upstream/udp-exchange.ts';
import { fromOtherPort, later, send } from '../kit/actions.ts';
import {
  asQuery,
  cutTo,
  withFlags,
  withId,
  withOtherCase,
  withOtherName,
  withOtherType,
  withoutQuestion,
} from '../kit/altered-answers.ts';
import { answer } from '../kit/answers.ts';
import { type ScriptedUpstream, startScriptedUpstream } from '../kit/scripted-upstream.ts';
import { SkewedClock } from './skewed-clock.ts';
import { createQuery, RecordingOwner } from './test-queries.ts';

let server: ScriptedUpstream;
let exchange: UdpExchange;
let owner: RecordingOwner;
let counters: Counters;

async function open(options: { sockets?: number; clock?: Clock; port?: number } = {}): Promise<UdpExchange> {
  exchange = await UdpExchange.open({
    host: '127.0.0.1',
    port: server.port,
    random: new RandomPool(),
    clock: new Clock(),
    counters,
    ...options,
  });
  return exchange;
}

/** Lets the event loop turn until a condition holds. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

beforeEach(async () => {
  server = await startScriptedUpstream((query) => answer(query));
  owner = new RecordingOwner();
  counters = new Counters(createCounterBlock());
});

afterEach(async () => {
  await exchange?.close(true);
  await server.close();
});

describe('UdpExchange', () => {
  it('brings back the matching reply', async () => {
    await open();
    const query = createQuery('wWw.ExAmPlE', owner);
    exchange.send(query);
    const outcome = await owner.outcome(0);
    expect(outcome.kind).toBe('reply');
    expect(outcome.query).toBe(query);
    expect(query.exchange).toBeNull();
    expect(query.id).toBe(-1);
    expect(exchange.inFlight).toBe(0);
    expect(server.queries[0]).toMatchObject({ name: 'wWw.ExAmPlE', type: 'A' });
  });

  it('works over IPv6', async () => {
    await server.close();
    server = await startScriptedUpstream((query) => answer(query), { address: '::1' });
    exchange = await UdpExchange.open({
      host: '::1',
      port: server.port,
      random: new RandomPool(),
      clock: new Clock(),
      counters,
    });
    exchange.send(createQuery('six.example', owner));
    expect((await owner.outcome(0)).kind).toBe('reply');
  });

  it('gives every query in flight its own random ID', async () => {
    server.script = () => undefined;
    await open();
    const queries = Array.from({ length: 500 }, (_, i) => createQuery(`n${i}.example`, owner));
    for (const query of queries) exchange.send(query);
    const ids = queries.map((query) => query.id);
    expect(new Set(ids).size).toBe(500);
    expect(exchange.inFlight).toBe(500);
    // All of 500 in one quarter, or in order, has a chance of less than 10^-200.
    expect(new Set(ids.map((id) => id >> 14)).size).toBe(4);
    expect(ids).not.toEqual([...ids].sort((a, b) => a - b));
    for (const query of queries) exchange.cancel(query);
    expect(exchange.inFlight).toBe(0);
  });

  it('sends one turn from one port, and different turns from many ports', async () => {
    await open({ sockets: 8 });
    await until(() => exchange.localPorts().length === 8);
    for (let turn = 0; turn < 60; turn++) {
      exchange.send(createQuery(`a${turn}.example`, owner));
      exchange.send(createQuery(`b${turn}.example`, owner));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await owner.told(120);
    const portOf = new Map(server.queries.map((query) => [query.name, query.remotePort]));
    for (let turn = 0; turn < 60; turn++) {
      expect(portOf.get(`a${turn}.example`)).toBe(portOf.get(`b${turn}.example`));
    }
    expect(new Set(portOf.values()).size).toBeGreaterThan(3);
    for (const port of portOf.values()) expect(exchange.localPorts()).toContain(port);
  });

  describe('accepts no forgery', () => {
    const forgeries: [string, (query: Parameters<typeof answer>[0]) => ReturnType<typeof answer>][] = [
      ['another ID', (query) => withId(answer(query), query.id + 1)],
      ['another name', (query) => withOtherName(answer(query))],
      ['another type', (query) => withOtherType(answer(query))],
      ['another port', (query) => fromOtherPort(answer(query))],
      ['QR=0', (query) => asQuery(answer(query))],
      ['another opcode', (query) => withFlags(answer(query), (flags) => flags | 0x2000)],
      ['no question', (query) => withoutQuestion(answer(query))],
      ['another case', (query) => withOtherCase(answer(query))],
      ['a cut question', (query) => cutTo(answer(query), 15)],
      ['too few bytes', (query) => cutTo(answer(query), 5)],
      [
        'QDCOUNT 2',
        (query) => {
          const bytes = Buffer.from(answer(query).bytes);
          bytes[5] = 2;
          return send(bytes);
        },
      ],
    ];
    it.each(forgeries)('with %s, and takes the good reply after it', async (_, forge) => {
      server.script = (query) => [forge(query), later(30, answer(query, { address: '192.0.2.99' }))];
      await open();
      exchange.send(createQuery('forged.example', owner));
      await until(() => owner.replies > 0);
      const reply = owner.outcomes.find((outcome) => outcome.kind === 'reply');
      expect(reply?.kind === 'reply' && reply.bytes.subarray(-4)).toEqual(Buffer.from([192, 0, 2, 99]));
      expect(owner.replies).toBe(1);
    });

    it('by the right ID on another socket of its own', async () => {
      await open({ sockets: 2 });
      await until(() => exchange.localPorts().length === 2);
      const ports = exchange.localPorts();
      server.script = () => undefined;
      exchange.send(createQuery('victim.example', owner));
      await server.received(1);
      const victim = server.queries[0]!;
      const otherPort = ports.find((port) => port !== victim.remotePort);
      // Answers to a second query go to the wrong one of the two ports: it carries the first one's
      // ID and question.
      const forged = answer(victim).bytes;
      server.script = (query) => (query.remotePort === otherPort ? send(forged) : undefined);
      const others = [];
      while (server.queries.every((query) => query.remotePort !== otherPort)) {
        const other = createQuery('other.example', owner);
        others.push(other);
        exchange.send(other);
        await server.received(others.length + 1);
      }
      await until(() => counters.values[Counter.upstreamMismatches]! > 0);
      expect(owner.outcomes).toEqual([]);
    });
  });

  it('counts what does not match', async () => {
    server.script = (query) => [
      withId(answer(query), query.id + 1),
      withOtherName(answer(query)),
      withOtherCase(answer(query)),
      later(20, answer(query)),
    ];
    await open();
    exchange.send(createQuery('counted.example', owner));
    await until(() => owner.replies > 0);
    expect(counters.values[Counter.upstreamMismatches]).toBe(2);
    expect(counters.values[Counter.upstreamCaseMismatches]).toBe(1);
  });

  it('accepts any case when the query says so', async () => {
    server.script = (query) => withOtherCase(answer(query));
    await open();
    exchange.send(createQuery('folded.example', owner, { matchCase: false }));
    expect((await owner.outcome(0)).kind).toBe('reply');
  });

  it('tells the owner once after three wrong questions, and keeps waiting', async () => {
    const wrong = (query: Parameters<typeof answer>[0]) => withOtherName(answer(query));
    server.script = (query) => [...Array.from({ length: 6 }, () => wrong(query)), later(30, answer(query))];
    await open();
    const query = createQuery('attacked.example', owner);
    exchange.send(query);
    await until(() => owner.replies > 0);
    expect(owner.outcomes.map((outcome) => outcome.kind)).toEqual(['suspicious', 'reply']);
  });

  it('does not tell the owner of two wrong questions', async () => {
    server.script = (query) => [
      withOtherName(answer(query)),
      withOtherName(answer(query)),
      later(30, answer(query)),
    ];
    await open();
    exchange.send(createQuery('stray.example', owner));
    expect((await owner.outcome(0)).kind).toBe('reply');
  });

  it.each([
    ['IDs', (query: Parameters<typeof answer>[0]) => withId(answer(query), query.id + 1)],
    ['directions', (query: Parameters<typeof answer>[0]) => asQuery(answer(query))],
  ])('tells the owner once after three replies with wrong %s to its question', async (_, wrong) => {
    server.script = (query) => [...Array.from({ length: 6 }, () => wrong(query)), later(30, answer(query))];
    await open();
    const query = createQuery('guessed.example', owner);
    exchange.send(query);
    await until(() => owner.replies > 0);
    expect(owner.outcomes.map((outcome) => outcome.kind)).toEqual(['suspicious', 'reply']);
    expect(query.missed).toBe(true);
  });

  it('is not suspicious of replies that come twice, or to other questions', async () => {
    server.script = (query) => [answer(query), answer(query), answer(query), answer(query)];
    await open({ sockets: 1 });
    exchange.send(createQuery('twice.example', owner));
    await owner.told(1);
    server.script = (query) => later(50, answer(query));
    const query = createQuery('meanwhile.example', owner);
    exchange.send(query);
    const first = server.queries.find(({ name }) => name === 'twice.example')!;
    for (let i = 0; i < 6; i++) server.act(first, answer(first));
    await owner.told(2);
    expect(owner.outcomes.map((outcome) => outcome.kind)).toEqual(['reply', 'reply']);
    expect(query.missed).toBe(false);
  });

  it.each([
    ['a wrong case', withOtherCase],
    ['no question', withoutQuestion],
  ])('tells the owner at once of %s', async (_, change) => {
    server.script = (query) => change(answer(query));
    await open();
    exchange.send(createQuery('case.example', owner));
    expect((await owner.outcome(0)).kind).toBe('suspicious');
    expect(exchange.inFlight).toBe(1);
  });

  it('keeps waiting after a reply that its owner refused', async () => {
    server.script = (query) => [
      answer(query, { address: '192.0.2.1' }),
      later(20, answer(query, { address: '192.0.2.2' })),
    ];
    owner.takes = (bytes) => bytes.at(-1) === 2;
    await open();
    exchange.send(createQuery('refused.example', owner));
    const outcome = await owner.outcome(0);
    expect(outcome.kind === 'reply' && outcome.bytes.at(-1)).toBe(2);
    expect(exchange.inFlight).toBe(0);
  });

  it('lets an owner send its query again from within onReply', async () => {
    await open();
    const query = createQuery('again.example', owner);
    let again = 3;
    owner.takes = () => {
      if (again-- > 0) exchange.send(query);
      return true;
    };
    exchange.send(query);
    await owner.told(4);
    expect(server.queries.length).toBe(4);
    expect(exchange.inFlight).toBe(0);
  });

  it('lets an owner cancel and reuse its query from within onReply', async () => {
    await open();
    const query = createQuery('reused.example', owner);
    owner.takes = () => {
      exchange.cancel(query);
      return true;
    };
    exchange.send(query);
    await owner.told(1);
    expect(exchange.inFlight).toBe(0);
    expect(query.exchange).toBeNull();
  });

  it('calls no owner after cancel', async () => {
    server.script = (query) => later(10, answer(query));
    await open();
    const canceled = createQuery('canceled.example', owner);
    exchange.send(canceled);
    await server.received(1);
    exchange.cancel(canceled);
    exchange.cancel(canceled);
    server.script = (query) => later(30, answer(query));
    const next = createQuery('next.example', owner);
    exchange.send(next);
    expect((await owner.outcome(0)).query).toBe(next);
    expect(owner.outcomes.length).toBe(1);
    expect(counters.values[Counter.upstreamMismatches]).toBe(1); // the late reply found nobody
  });

  it('fails what is in flight when nobody listens, but never from within send()', async () => {
    await open();
    await server.close();
    let sending = false;
    let toldWhileSending = false;
    owner.onFailure = new Proxy(owner.onFailure, {
      apply(target, self, parameters: Parameters<typeof owner.onFailure>) {
        toldWhileSending ||= sending;
        target.apply(self, parameters);
      },
    });
    for (let i = 0; i < 100; i++) {
      sending = true;
      exchange.send(createQuery(`gone${i}.example`, owner));
      sending = false;
    }
    await owner.told(100);
    expect(toldWhileSending).toBe(false);
    expect(owner.outcomes.every((o) => o.kind === 'failure' && o.reason === FailureReason.unreachable)).toBe(
      true,
    );
    expect(exchange.lastError).toBe('ECONNREFUSED');
    expect(exchange.inFlight).toBe(0);
  });

  it('fails by overload when all its IDs are taken, after send() has returned', async () => {
    server.script = () => undefined;
    await open();
    const queries = Array.from({ length: 16_385 }, (_, i) => createQuery(`f${i}.example`, owner));
    for (const query of queries) exchange.send(query);
    expect(owner.outcomes).toEqual([]);
    expect(await owner.outcome(0)).toMatchObject({ kind: 'failure', reason: FailureReason.overload });
    for (const query of queries) exchange.cancel(query);
    expect(exchange.inFlight).toBe(0);
  });

  it('replaces its sockets over time without losing a query', async () => {
    const clock = new SkewedClock();
    await open({ sockets: 3, clock });
    await until(() => exchange.localPorts().length === 3);
    const first = exchange.localPorts();
    let sent = 0;
    for (
      let minute = 0;
      minute < 100 && exchange.localPorts().some((port) => first.includes(port));
      minute++
    ) {
      clock.skip(61_000);
      for (let i = 0; i < 10; i++) exchange.send(createQuery(`r${sent++}.example`, owner));
      await owner.told(sent);
    }
    expect(exchange.localPorts().some((port) => first.includes(port))).toBe(false);
    expect(owner.replies).toBe(sent);
  });

  it('keeps a replaced socket until its queries are answered', async () => {
    const clock = new SkewedClock();
    await open({ sockets: 1, clock });
    const [port] = exchange.localPorts();
    server.script = () => undefined;
    exchange.send(createQuery('early.example', owner));
    await server.received(1);
    clock.skip(61_000);
    exchange.send(createQuery('trigger.example', owner));
    await until(() => exchange.localPorts()[0] !== port);
    const early = server.queries[0]!;
    expect(exchange.inFlight).toBe(2);
    // The answer to the early query still finds it, by way of a third one's arrival.
    server.script = (query) => (query.name === 'third.example' ? answer(query) : undefined);
    exchange.send(createQuery('third.example', owner));
    expect((await owner.outcome(0)).kind).toBe('reply');
    expect(server.queries.at(-1)!.remotePort).not.toBe(early.remotePort);
    server.act(early, answer(early));
    expect((await owner.outcome(1)).kind).toBe('reply');
  });

  it('closes at once with force, and tells the owners', async () => {
    server.script = () => undefined;
    await open();
    exchange.send(createQuery('cut.example', owner));
    await server.received(1);
    await exchange.close(true);
    expect(owner.outcomes).toMatchObject([{ kind: 'failure', reason: FailureReason.closed }]);
    exchange.send(createQuery('late.example', owner));
    expect(await owner.outcome(1)).toMatchObject({ kind: 'failure', reason: FailureReason.closed });
    await exchange.close(true);
  });

  it('waits without force until nothing is in flight', async () => {
    server.script = (query) => later(30, answer(query));
    await open();
    exchange.send(createQuery('waited.example', owner));
    await exchange.close(false);
    expect(owner.outcomes).toMatchObject([{ kind: 'reply' }]);
  });

  it('has released its ports once it is closed', async () => {
    await open({ sockets: 4 });
    await until(() => exchange.localPorts().length === 4);
    const ports = exchange.localPorts();
    await exchange.close(false);
    for (const port of ports) {
      const socket = dgram.createSocket('udp4');
      await new Promise<void>((resolve, reject) => {
        socket.once('error', reject);
        socket.bind({ port, address: '127.0.0.1', exclusive: true }, resolve);
      });
      socket.close();
    }
  });

  it('replaces a socket when many stray replies come to it', async () => {
    // Few at a time: the kernel holds no more than some 250 datagrams for a socket.
    server.script = (query) => [
      ...Array.from({ length: 60 }, () => withId(answer(query), query.id + 1)),
      answer(query),
    ];
    await open({ sockets: 1 });
    const [port] = exchange.localPorts();
    let sent = 0;
    while (exchange.localPorts()[0] === port && sent < 20) {
      exchange.send(createQuery(`guessed${sent}.example`, owner));
      await owner.told(++sent);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(exchange.localPorts()[0]).not.toBe(port);
    // Not before 257 strays have come.
    expect(sent).toBeGreaterThan(4);
  });

  it('works again when the server is back', async () => {
    await open();
    const { port } = server;
    await server.close();
    exchange.send(createQuery('gone.example', owner));
    expect((await owner.outcome(0)).kind).toBe('failure');
    server = await startScriptedUpstream((query) => answer(query), { port });
    exchange.send(createQuery('back.example', owner));
    expect((await owner.outcome(1)).kind).toBe('reply');
  });

  it('counts datagrams that the receive buffer had no room for', async () => {
    await open();
    const [port] = exchange.localPorts();
    const serverPort = server.port;
    await server.close();
    // While this thread waits, its socket is given more than any receive buffer holds.
    execFileSync(process.execPath, [
      '-e',
      `const socket = require('node:dgram').createSocket('udp4');
       socket.bind(${serverPort}, '127.0.0.1', () => {
         let left = 4000;
         for (let i = 0; i < 4000; i++) socket.send(Buffer.alloc(1400), ${port}, '127.0.0.1', () => --left || socket.close());
       });`,
    ]);
    await until(() => {
      exchange.publishCounters();
      return counters.values[Counter.upstreamKernelDrops]! > 0;
    });
    const before = counters.values[Counter.upstreamKernelDrops]!;
    exchange.publishCounters();
    expect(counters.values[Counter.upstreamKernelDrops]).toBe(before);
    expect(counters.values[Counter.upstreamSendFailures]).toBe(0);
  });
});
