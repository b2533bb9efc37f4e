import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RandomPool } from '../../src/base/random.ts';
import { Counter, Counters, createCounterBlock } from '../../src/metrics/counters.ts';
import { FailureReason, type UpstreamQuery } from '../../src/upstream/exchange.ts';
import { openStreamExchange } from '../../src/upstream/open-exchange.ts';
import { PipelineDepth } from '../../src/upstream/pipeline-depth.ts';
import { createTcpConnector, createTlsConnector } from '../../src/upstream/stream-connector.ts';
import type { StreamExchange } from '../../src/upstream/stream-exchange.ts';
import { closeConnection, later, raw, resetConnection } from '../kit/actions.ts';
import { asQuery, withId, withOtherCase, withOtherName, withoutQuestion } from '../kit/altered-answers.ts';
import { answer } from '../kit/answers.ts';
import { createTestCertificate, type TestCertificate } from '../kit/certificates.ts';
import type { ReceivedQuery } from '../kit/received-query.ts';
import { type ScriptedUpstream, startScriptedUpstream } from '../kit/scripted-upstream.ts';
import { SkewedClock } from './skewed-clock.ts';
import { createQuery, RecordingOwner } from './test-queries.ts';

/** Draws these IDs first. */
class ScriptedRandom extends RandomPool {
  readonly #ids: number[];

  constructor(ids: number[]) {
    super();
    this.#ids = ids;
  }

  override uint16(): number {
    return this.#ids.shift() ?? super.uint16();
  }
}

let server: ScriptedUpstream;
let exchange: StreamExchange;
let owner: RecordingOwner;
let counters: Counters;
let clock: SkewedClock;

function open(options: { idleMs?: number; connectTimeoutMs?: number } = {}): void {
  const connector = createTcpConnector('127.0.0.1', server.port);
  exchange = openStreamExchange(connector, new RandomPool(), { clock, counters, ...options });
}

/** A server that is known to answer many queries at a time. */
function concurrent(): PipelineDepth {
  const depth = new PipelineDepth();
  depth.overtaken();
  return depth;
}

function openConcurrent(): void {
  const connector = createTcpConnector('127.0.0.1', server.port);
  exchange = openStreamExchange(connector, new RandomPool(), { clock, counters, depth: concurrent() });
}

/** Lets the event loop turn until a condition holds. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

/** Sends a query and waits until the server has it. */
async function sendOne(name: string): Promise<ReturnType<typeof createQuery>> {
  const query = createQuery(name, owner);
  const before = server.queries.length;
  exchange.send(query);
  await server.received(before + 1);
  return query;
}

beforeEach(async () => {
  server = await startScriptedUpstream((query) => answer(query));
  owner = new RecordingOwner();
  counters = new Counters(createCounterBlock());
  clock = new SkewedClock();
});

afterEach(async () => {
  await exchange.close(true);
  await server.close();
});

describe('StreamExchange over TCP', () => {
  it('brings back the matching reply and keeps the connection', async () => {
    open();
    for (let i = 0; i < 3; i++) {
      const query = createQuery(`n${i}.example`, owner);
      exchange.send(query);
      query.bytes.fill(0xff); // the owner may reuse its memory at once
      await owner.told(i + 1);
      expect(query).toMatchObject({ id: -1, exchange: null });
    }
    expect(owner.replies).toBe(3);
    expect(server.connectionsAccepted).toBe(1);
    expect(exchange.inFlight).toBe(0);
  });

  it('returns replies in whatever order they come', async () => {
    const held: ReceivedQuery[] = [];
    server.script = (query) => {
      held.push(query);
      return undefined;
    };
    openConcurrent();
    const queries = Array.from({ length: 20 }, (_, i) => createQuery(`n${i}.example`, owner));
    for (const query of queries) exchange.send(query);
    await server.received(20);
    expect(new Set(held.map((query) => query.id)).size).toBe(20);
    for (const query of held.toReversed()) server.act(query, answer(query));
    await owner.told(20);
    expect(owner.outcomes.map((outcome) => outcome.query)).toEqual(queries.toReversed());
    for (const outcome of owner.outcomes) expect(outcome.kind).toBe('reply');
    expect(server.connectionsAccepted).toBe(1);
  });

  it('accepts a reply that comes one byte at a time', async () => {
    server.script = (query) => {
      const { bytes } = answer(query);
      const framed = Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes]);
      return Array.from(framed, (byte, i) => ({ ...raw(Buffer.from([byte])), delayMs: i }));
    };
    open();
    exchange.send(createQuery('drip.example', owner));
    expect((await owner.outcome(0)).kind).toBe('reply');
  });

  it('accepts any case, and an error without a question, but no other question', async () => {
    server.script = (query) => {
      if (query.name === 'case.example') return withOtherCase(answer(query));
      if (query.name === 'bare.example') return withoutQuestion(answer(query, { rcode: 1, answers: [] }));
      return [
        withOtherName(answer(query)),
        asQuery(answer(query)),
        withId(answer(query), query.id + 1),
        withoutQuestion(answer(query)),
        answer(query, { address: '192.0.2.7' }),
      ];
    };
    open();
    for (const name of ['case', 'bare', 'other']) exchange.send(createQuery(`${name}.example`, owner));
    await owner.told(3);
    const [first, second, third] = owner.outcomes;
    expect([first?.kind, second?.kind, third?.kind]).toEqual(['reply', 'reply', 'reply']);
    expect(third?.kind === 'reply' && third.bytes.at(-1)).toBe(7);
    expect(counters.values[Counter.upstreamCaseMismatches]).toBe(1);
    expect(counters.values[Counter.upstreamMismatches]).toBe(4);
  });

  it('fails a query whose reply its owner refused', async () => {
    owner.takes = () => false;
    open();
    exchange.send(createQuery('refused.example', owner));
    expect(await owner.outcome(0)).toMatchObject({ kind: 'failure', reason: FailureReason.protocol });
    expect(exchange.inFlight).toBe(0);
  });

  it('repeats what a used connection left unanswered, each query on a connection of its own', async () => {
    open();
    exchange.send(createQuery('first.example', owner));
    await owner.told(1);
    server.script = (query) => (query.connection === 0 ? resetConnection() : answer(query));
    for (let i = 0; i < 5; i++) exchange.send(createQuery(`lost${i}.example`, owner));
    await owner.told(6);
    expect(owner.replies).toBe(6);
    const repeated = server.queries.filter(({ connection }) => connection > 0);
    expect(repeated.length).toBe(5);
  });

  it('does not send a query a fourth time', async () => {
    let seen = 0;
    open();
    exchange.send(createQuery('first.example', owner));
    await owner.told(1);
    server.script = (query) => {
      if (query.name !== 'poison.example') return answer(query);
      seen++;
      return closeConnection();
    };
    exchange.send(createQuery('poison.example', owner));
    expect(await owner.outcome(1)).toMatchObject({ kind: 'failure', reason: FailureReason.closed });
    expect(seen).toBe(3);
  });

  it.each([
    ['closes', closeConnection],
    ['breaks', resetConnection],
  ])('asks again what a server left unanswered that %s a fresh connection', async (_, end) => {
    server.script = (query) => (query.connection < 2 ? end() : answer(query));
    open();
    exchange.send(createQuery('fresh.example', owner));
    expect((await owner.outcome(0)).kind).toBe('reply');
    expect(server.queries.length).toBe(3);
  });

  it('does not repeat what a fresh connection answered with something other than DNS', async () => {
    server.script = () => raw(Buffer.alloc(2));
    open();
    exchange.send(createQuery('garbage.example', owner));
    expect(await owner.outcome(0)).toMatchObject({ kind: 'failure', reason: FailureReason.protocol });
    expect(server.queries.length).toBe(1);
  });

  it('opens another connection when the server has closed an idle one', async () => {
    open();
    exchange.send(createQuery('one.example', owner));
    await owner.told(1);
    server.dropConnections();
    await until(() => exchange.connections === 0);
    exchange.send(createQuery('two.example', owner));
    expect((await owner.outcome(1)).kind).toBe('reply');
  });

  it('fails as unreachable when nobody listens, after send() has returned, and soon tries again', async () => {
    const { port } = server;
    await server.close();
    open();
    exchange.send(createQuery('nobody.example', owner));
    expect(owner.outcomes).toEqual([]);
    expect(await owner.outcome(0)).toMatchObject({ kind: 'failure', reason: FailureReason.unreachable });
    expect(exchange.lastError).toContain('ECONNREFUSED');
    // Within the pause: at once, without an attempt.
    exchange.send(createQuery('pause.example', owner));
    expect(exchange.connections).toBe(0);
    expect(await owner.outcome(1)).toMatchObject({ kind: 'failure', reason: FailureReason.unreachable });
    server = await startScriptedUpstream((query) => answer(query), { port });
    clock.skip(60);
    exchange.send(createQuery('back.example', owner));
    expect((await owner.outcome(2)).kind).toBe('reply');
  });

  it('closes the connection to a server that sends garbage', async () => {
    server.script = () => raw(Buffer.from([0, 3, 1, 2, 3]));
    open();
    exchange.send(createQuery('garbage.example', owner));
    expect(await owner.outcome(0)).toMatchObject({ kind: 'failure', reason: FailureReason.protocol });
    await until(() => server.connectionsOpen === 0);
  });

  it('closes the connection to a server that answers what was not asked', async () => {
    server.script = (query) => Array.from({ length: 40 }, () => withOtherName(answer(query)));
    open();
    exchange.send(createQuery('strays.example', owner));
    expect(await owner.outcome(0)).toMatchObject({ kind: 'failure', reason: FailureReason.protocol });
    expect(counters.values[Counter.upstreamMismatches]).toBeLessThan(40);
  });

  it('calls no owner after cancel, and does not reuse a canceled ID until its reply has come', async () => {
    server.script = () => undefined;
    const connector = createTcpConnector('127.0.0.1', server.port);
    exchange = openStreamExchange(connector, new ScriptedRandom([7, 7, 8, 7]), {
      clock,
      counters,
      depth: concurrent(),
    });
    const canceled = await sendOne('canceled.example');
    exchange.cancel(canceled);
    exchange.cancel(canceled);
    expect(exchange.inFlight).toBe(0);
    await sendOne('next.example');
    expect(server.queries.map((query) => query.id)).toEqual([7, 8]);
    for (const query of server.queries) server.act(query, answer(query));
    await owner.told(1);
    expect(owner.outcomes).toMatchObject([{ kind: 'reply' }]);
    await sendOne('last.example');
    expect(server.queries[2]!.id).toBe(7);
    expect(owner.outcomes.length).toBe(1);
    expect(counters.values[Counter.upstreamMismatches]).toBe(0);
  });

  it('does not send what was canceled before the connection was open', async () => {
    open();
    const canceled = createQuery('canceled.example', owner);
    exchange.send(canceled);
    exchange.cancel(canceled);
    exchange.send(createQuery('kept.example', owner));
    await owner.told(1);
    expect(server.queries.map((query) => query.name)).toEqual(['kept.example']);
  });

  it('avoids a connection that has gone silent, and closes it in the end', async () => {
    open();
    exchange.send(createQuery('warm.example', owner));
    await owner.told(1);
    server.script = (query) => (query.connection === 0 ? undefined : answer(query));
    exchange.cancel(await sendOne('lost.example'));
    clock.skip(1100);
    exchange.send(createQuery('avoids.example', owner));
    expect(await owner.outcome(1)).toMatchObject({ kind: 'reply', query: { owner } });
    expect(server.connectionsOpen).toBe(2);
    clock.skip(2000);
    exchange.send(createQuery('gives-up.example', owner));
    await owner.told(3);
    await until(() => server.connectionsOpen === 1);
    expect(owner.replies).toBe(3);
  });

  it('takes its own standstill for no silence of the server', async () => {
    server.script = () => undefined;
    open();
    const query = await sendOne('held.example');
    // The answer is in the socket, and the tick is due before the event loop reads.
    server.act(server.queries[0]!, answer(server.queries[0]!));
    clock.skip(4000);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 150);
    expect(await owner.outcome(0)).toMatchObject({ kind: 'reply', query });
    expect(server.queries.length).toBe(1);
  });

  it('opens as many connections as there is demand for, and no more than 16', async () => {
    server.script = () => undefined;
    open();
    for (let i = 0; i < 1000; i++) exchange.send(createQuery(`many${i}.example`, owner));
    await until(() => server.connectionsAccepted === 16);
    expect(exchange.connections).toBe(16);
    expect(exchange.inFlight).toBe(1000);
  });

  it('replaces a silent connection for a query that its owner makes room for, and for no other', async () => {
    server.script = (query) => (/^modest/.test(query.name) ? answer(query) : undefined);
    clock.freeze();
    open();
    for (let i = 0; i < 30; i++) exchange.send(createQuery(`silent${i}.example`, owner));
    await server.received(16);
    exchange.send(createQuery('greedy.example', owner));
    const modest = createQuery('modest.example', owner);
    exchange.send(modest);
    const asked = new Set<UpstreamQuery>();
    owner.givesUpOthers = (query) => {
      asked.add(query);
      return query === modest;
    };
    clock.skip(300);
    await until(() => owner.replies === 1);
    expect(asked.size).toBeGreaterThan(1);
    expect(server.connectionsAccepted).toBe(17);
  });

  it('treats a server that overtakes a silent query three times as concurrent', async () => {
    server.script = (query) => (/^silent/.test(query.name) ? undefined : answer(query));
    open();
    exchange.send(createQuery('warm.example', owner));
    await owner.told(1);
    for (let i = 0; i < 16; i++) exchange.send(createQuery(`silent${i}.example`, owner));
    await server.received(17);
    // All connections are taken, and nobody makes room: they are tried behind silent ones.
    for (let i = 0; i < 3; i++) {
      clock.skip(200);
      exchange.send(createQuery(`tried${i}.example`, owner));
      clock.skip(110);
      await owner.told(i + 2);
    }
    for (let i = 0; i < 40; i++) exchange.send(createQuery(`many${i}.example`, owner));
    await owner.told(44);
    expect(owner.replies).toBe(44);
    expect(server.connectionsAccepted).toBeLessThanOrEqual(16);
  });

  it('gives a server that overtakes itself many queries per connection', async () => {
    server.script = () => undefined;
    openConcurrent();
    for (let i = 0; i < 64; i++) exchange.send(createQuery(`many${i}.example`, owner));
    await server.received(64);
    expect(server.connectionsAccepted).toBe(1);
  });

  it('fails by overload when too many wait', async () => {
    server.script = () => undefined;
    open();
    for (let i = 0; i < 1025; i++) exchange.send(createQuery(`n${i}.example`, owner));
    expect(await owner.outcome(0)).toMatchObject({ kind: 'failure', reason: FailureReason.overload });
    expect(exchange.inFlight).toBe(1024);
  });

  it('closes an idle connection', async () => {
    open({ idleMs: 30 });
    exchange.send(createQuery('idle.example', owner));
    await owner.told(1);
    await until(() => exchange.connections === 0);
    await until(() => server.connectionsOpen === 0);
  });

  it('closes at once with force, and tells the owners', async () => {
    server.script = () => undefined;
    open();
    await sendOne('cut.example');
    await exchange.close(true);
    expect(owner.outcomes).toMatchObject([{ kind: 'failure', reason: FailureReason.closed }]);
    exchange.send(createQuery('late.example', owner));
    expect(await owner.outcome(1)).toMatchObject({ kind: 'failure', reason: FailureReason.closed });
  });

  it('waits without force until nothing is in flight', async () => {
    server.script = (query) => later(30, answer(query));
    open();
    await sendOne('waited.example');
    await exchange.close(false);
    expect(owner.outcomes).toMatchObject([{ kind: 'reply' }]);
  });
});

describe('StreamExchange over TLS', () => {
  let certificate: TestCertificate;

  function openTls(options: { serverName?: string; ca?: string } = {}): void {
    const connector = createTlsConnector({
      host: '127.0.0.1',
      port: server.tlsPort,
      serverName: 'dns.test',
      protocols: ['dot'],
      ca: certificate.cert,
      ...options,
    });
    exchange = openStreamExchange(connector, new RandomPool(), { clock, counters });
  }

  beforeAll(async () => {
    certificate = await createTestCertificate(['dns.test'], ['127.0.0.1']);
  });

  beforeEach(async () => {
    await server.close();
    server = await startScriptedUpstream((query) => answer(query), { certificate });
  });

  it.each(['dns.test', '', '127.0.0.1'])('asks a server that proves to be "%s"', async (serverName) => {
    openTls({ serverName });
    exchange.send(createQuery('private.example', owner));
    expect((await owner.outcome(0)).kind).toBe('reply');
    expect(server.queries[0]?.transport).toBe('tls');
  });

  it('asks nothing of a server with another name', async () => {
    openTls({ serverName: 'other.test' });
    exchange.send(createQuery('private.example', owner));
    expect(await owner.outcome(0)).toMatchObject({ kind: 'failure', reason: FailureReason.tls });
    expect(exchange.lastError).toContain('other.test');
    expect(server.queries).toEqual([]);
  });

  it('asks nothing of a server with an untrusted certificate', async () => {
    openTls({ ca: (await createTestCertificate(['dns.test'])).cert });
    exchange.send(createQuery('private.example', owner));
    expect(await owner.outcome(0)).toMatchObject({ kind: 'failure', reason: FailureReason.tls });
    expect(exchange.lastError).not.toBe('');
    expect(server.queries).toEqual([]);
  });

  it('fails by TLS when the server does not speak it', async () => {
    const connector = createTlsConnector({
      host: '127.0.0.1',
      port: server.port,
      serverName: 'dns.test',
      protocols: ['dot'],
    });
    server.script = () => raw(Buffer.from('this is no TLS'));
    exchange = openStreamExchange(connector, new RandomPool(), { clock, counters, connectTimeoutMs: 300 });
    // A ClientHello begins with 0x16 0x03, which a DNS server takes for a length and waits for the
    // rest.
    exchange.send(createQuery('private.example', owner));
    const outcome = await owner.outcome(0);
    expect(outcome.kind).toBe('failure');
    expect(server.queries).toEqual([]);
  });

  it('resumes its session on the next connection', async () => {
    openTls();
    exchange.send(createQuery('one.example', owner));
    await owner.told(1);
    server.dropConnections();
    await until(() => exchange.connections === 0);
    exchange.send(createQuery('two.example', owner));
    expect((await owner.outcome(1)).kind).toBe('reply');
    expect(server.sessionsResumed).toBe(1);
  });

  it('repeats what a used connection left unanswered, each query on a connection of its own', async () => {
    openTls();
    exchange.send(createQuery('first.example', owner));
    await owner.told(1);
    server.script = (query) => (query.connection === 0 ? resetConnection() : answer(query));
    exchange.send(createQuery('lost.example', owner));
    expect((await owner.outcome(1)).kind).toBe('reply');
  });

  it('pads queries that have an OPT record to blocks of 128 bytes', async () => {
    openTls();
    for (const name of ['short.example', `${'long-label.'.repeat(12)}example`]) {
      const query = createQuery(name, owner);
      const opt = Buffer.from([0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0]);
      query.bytes = Buffer.concat([query.bytes, opt]);
      query.bytes[11] = 1; // ARCOUNT
      query.length = query.bytes.length;
      exchange.send(query);
    }
    await owner.told(2);
    expect(server.queries.map((query) => query.bytes.length)).toEqual([128, 256]);
    expect(server.queries.every((query) => query.hasOpt)).toBe(true);
  });
});
