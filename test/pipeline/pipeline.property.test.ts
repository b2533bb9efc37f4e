// Whatever clients, upstreams and the main thread do, in any order: each query is answered exactly
// once, and in the end nothing is kept of it.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { FailureReason, type UpstreamQuery } from '../../src/upstream/exchange.ts';
import { UpstreamState } from '../../src/upstream/shared-state.ts';
import { bytesOf, header, question, record } from '../wire/build-message.ts';
import { FakeClient, FakeUpstream, PipelineFixture, type Sent, withRecord } from './pipeline-fixture.ts';
import { testQuery } from './queries.ts';

const TSIG = 250;
const ANY_CLASS = 255;
const CLIENTS = ['10.0.0.1', '10.0.0.2', '10.0.0.3'];

type Reply = (message: Uint8Array) => Uint8Array;

const withRcode =
  (rcode: number): Reply =>
  (message) => {
    message[3] = rcode;
    return message;
  };

const truncated = (reply: Reply): Reply => {
  return (message) => {
    message[2]! |= 0x02;
    return reply(message);
  };
};

const REPLIES: readonly Reply[] = [
  withRecord,
  ...[0, 1, 2, 3, 4, 5].map(withRcode),
  truncated(withRecord),
  truncated(withRcode(2)),
  // Records that are not there.
  (message) => {
    message[7] = 5;
    return message;
  },
];

const FAILURES = [FailureReason.unreachable, FailureReason.closed, FailureReason.overload];
const STATES = [UpstreamState.up, UpstreamState.suspect, UpstreamState.down];

function signed(qname: string): Uint8Array {
  const tsig = record(Uint8Array.of(0), TSIG, 0, new Uint8Array(40), ANY_CLASS);
  return bytesOf(header(0x0100, 1, 0, 0, 1), question(qname), tsig);
}

/** unloop with little room, before three upstreams in two zones. */
class World {
  readonly upstreams = [new FakeUpstream(1), new FakeUpstream(2, 'tcp'), new FakeUpstream(3)] as const;
  readonly zones = [
    ['.', [this.upstreams[0], this.upstreams[1]]],
    ['corp.example', [this.upstreams[2], this.upstreams[0]]],
  ] as const;
  readonly f = new PipelineFixture({ maxInFlight: 5, zones: this.zones });
  readonly clients = CLIENTS.map((_, i) => new FakeClient(i === 2));
  handled = 0;

  ask(n: number): void {
    const name = ['a.example', 'b.example', 'a.corp.example', 'b.corp.example'][n & 3]!;
    const bytes = n % 7 === 0 ? signed(name) : testQuery(name, { type: n % 5 === 0 ? 28 : 1 }).bytes;
    const client = (n >> 2) % CLIENTS.length;
    if (this.f.ask(bytes, this.clients[client], CLIENTS[client])) this.handled++;
  }

  reply(n: number): void {
    const found = this.#pick(n);
    if (found === null) return;
    const { upstream, sent, query } = found;
    if (upstream.replyTo(sent, REPLIES[n % REPLIES.length])) return;
    // No better one comes.
    query.owner!.onFailure(query, FailureReason.protocol);
  }

  fail(n: number): void {
    const found = this.#pick(n);
    if (found === null) return;
    const { upstream, query } = found;
    upstream.cancel(query);
    query.owner!.onFailure(query, FAILURES[n % FAILURES.length]!);
  }

  suspect(n: number): void {
    const found = this.#pick(n);
    if (found === null) return;
    const { query } = found;
    query.missed = true;
    query.miscased = n % 2 === 0 && query.matchCase;
    query.owner!.onSuspicious!(query);
  }

  makeRoom(n: number): void {
    const found = this.#pick(n);
    if (found !== null) found.query.owner!.makeRoom!(found.query);
  }

  setState(n: number): void {
    this.f.state.setState(this.upstreams[n % 3]!.slot, STATES[n % STATES.length]!);
  }

  quarantine(n: number): void {
    const routeSlot = [1, 2, 13, 11][n & 3]!;
    const isLooping = n % 3 > 0;
    this.f.state.setQuarantined(routeSlot, isLooping);
    if (isLooping) this.f.pipeline.leaveRoute(routeSlot);
  }

  pass(n: number): void {
    this.f.pass(10 + (n % 40) * 10);
  }

  /** A query whose reply is owed, and who owes it. */
  #pick(n: number): { upstream: FakeUpstream; sent: Sent; query: UpstreamQuery } | null {
    const owed = this.upstreams.flatMap((upstream) =>
      [...upstream.waiting].map((query) => ({
        upstream,
        query,
        sent: upstream.sent.findLast((sent) => sent.query === query)!,
      })),
    );
    return owed[n % owed.length] ?? null;
  }
}

const events = fc.array(
  fc.tuple(
    fc.oneof(
      { weight: 4, arbitrary: fc.constant('ask' as const) },
      { weight: 3, arbitrary: fc.constant('reply' as const) },
      {
        weight: 3,
        arbitrary: fc.constantFrom('fail', 'suspect', 'makeRoom', 'setState', 'quarantine', 'pass'),
      },
    ),
    fc.nat(1000),
  ),
  { minLength: 10, maxLength: 120 },
);

it('each query is answered once, and nothing is left', () => {
  fc.assert(
    fc.property(events, fc.boolean(), (steps, closes) => {
      const world = new World();
      const { f, upstreams, clients } = world;
      const before = f.zones.zones;
      for (const [event, n] of steps) {
        world[event](n);
        // New zones for the same upstreams: what is under way keeps its own.
        if (n === 1000) f.route(world.zones);
      }
      if (closes) f.pipeline.close();
      f.pass(6000);
      const answers = clients.reduce((sum, client) => sum + client.answers.length, 0);
      expect(answers).toBe(world.handled);
      expect(f.pipeline.waiting).toBe(0);
      const { inUse, awaitingLateReply, opaqueBytes } = f.pipeline.flights;
      expect([inUse, awaitingLateReply, opaqueBytes, f.wheel.armed]).toEqual([0, 0, 0, 0]);
      expect(upstreams.map(({ inFlight }) => inFlight)).toEqual([0, 0, 0]);
      for (const { load } of [...before, ...f.zones.zones]) {
        expect([load.flights, load.waiters, load.clients.findSurplus(0)]).toEqual([0, 0, null]);
      }
    }),
    { numRuns: 100 },
  );
  // A hundred worlds: much work for a busy machine.
}, 120_000);
