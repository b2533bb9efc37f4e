// Replies that do not match a query in flight are dropped, and the right one is still accepted (RFC
// 5452).
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Action, fromOtherPort, later, send } from '../../kit/actions.ts';
import {
  asQuery,
  cutTo,
  withId,
  withOtherCase,
  withOtherName,
  withOtherType,
  withoutQuestion,
} from '../../kit/altered-answers.ts';
import { answer } from '../../kit/answers.ts';
import type { ReceivedQuery } from '../../kit/received-query.ts';
import { type Forwarder, SOCKETS, startForwarder } from './forwarder.ts';

const BAD = '203.0.113.66';
const bad = (query: ReceivedQuery) => answer(query, { address: BAD });

const FORGERIES: readonly { what: string; forge: (query: ReceivedQuery) => Action }[] = [
  { what: 'another ID', forge: (query) => withId(bad(query), query.id + 1) },
  { what: 'another name', forge: (query) => withOtherName(bad(query)) },
  { what: 'another type', forge: (query) => withOtherType(bad(query)) },
  { what: 'another port', forge: (query) => fromOtherPort(bad(query)) },
  { what: 'QR=0', forge: (query) => asQuery(bad(query)) },
  { what: 'no question', forge: (query) => withoutQuestion(bad(query)) },
  { what: 'a cut-off message', forge: (query) => cutTo(bad(query), 20) },
  { what: 'a header cut off', forge: (query) => cutTo(bad(query), 5) },
  { what: 'a record cut off', forge: (query) => cutTo(bad(query), bad(query).bytes.length - 20) },
  { what: 'garbage', forge: () => send(Buffer.alloc(200, 0xc0)) },
  { what: 'nothing at all', forge: () => send(Buffer.alloc(0)) },
  {
    what: 'counts that lie',
    forge: (query) => {
      const bytes = Buffer.from(bad(query).bytes);
      bytes.writeUInt16BE(0xffff, 6);
      return send(bytes);
    },
  },
  {
    what: 'a name that points at itself',
    forge: (query) => {
      const bytes = Buffer.from(bad(query).bytes);
      // The answer's owner name stands behind the question.
      const at = query.bytes.indexOf(0, 12) + 5;
      bytes.writeUInt16BE(0xc000 | at, at);
      return send(bytes);
    },
  },
];

describe.each(SOCKETS)('replies over the $socket', ({ native }) => {
  let f: Forwarder;
  beforeAll(async () => {
    f = await startForwarder({ native });
  });
  afterAll(() => f.close());

  it.each(FORGERIES)('with $what are ignored, and the good one is taken', async ({ what, forge }) => {
    const name = `${what.replace(/\W/g, '-')}.forged.example`;
    f.on(name, (query) => [forge(query), later(60, answer(query))]);
    const reply = await f.udp({ name });
    expect(reply.rcode).toBe(0);
    expect(reply.answers).toMatchObject([{ type: 'A', data: '192.0.2.1' }]);
    expect((await f.udp({ name })).answers).toMatchObject([{ data: '192.0.2.1' }]);
  });

  it('in another case than asked are not believed over UDP; the same over TCP is (0x20)', async () => {
    f.on('folded.long-enough-for-a-pattern.example', (query) =>
      query.transport === 'udp' ? withOtherCase(bad(query)) : answer(query),
    );
    const reply = await f.udp({ name: 'folded.long-enough-for-a-pattern.example' });
    expect(reply.answers).toMatchObject([{ data: '192.0.2.1' }]);
    expect(
      f.asked('folded.long-enough-for-a-pattern.example').some((query) => query.transport === 'tcp'),
    ).toBe(true);
  });

  it('that keep missing the question make it go over TCP, where nobody can guess (RFC 5452 §9)', async () => {
    f.on('missed.forged.example', (query) =>
      query.transport === 'udp' ? Array(5).fill(withOtherName(bad(query))) : answer(query),
    );
    const reply = await f.udp({ name: 'missed.forged.example' });
    expect(reply.answers).toMatchObject([{ data: '192.0.2.1' }]);
  });

  it('that guess IDs are counted, and never believed', async () => {
    const before = (await f.unloop.metrics()).value('unloop_upstream_mismatches_total');
    f.on('guessed.forged.example', (query) => [
      ...Array.from({ length: 50 }, (_, i) => withId(bad(query), query.id + 1 + i)),
      later(50, answer(query)),
    ]);
    const reply = await f.udp({ name: 'guessed.forged.example' });
    expect(reply.answers).toMatchObject([{ data: '192.0.2.1' }]);
    const after = (await f.unloop.metrics()).value('unloop_upstream_mismatches_total');
    expect(after - before).toBeGreaterThanOrEqual(50);
  });

  it('by the hundred are survived', async () => {
    f.on('fuzz.example', (query) => {
      const good = answer(query).bytes;
      const mutated = Array.from({ length: 200 }, (_, i) => {
        const bytes = Buffer.from(good);
        // Past the ID: sometimes these fit the question, and then any well-formed answer may be
        // taken.
        bytes[2 + ((i * 7) % (bytes.length - 2))] = (i * 37) & 255;
        return send(i % 3 === 0 ? bytes.subarray(0, (i * 5) % bytes.length) : bytes);
      });
      return [...mutated, later(50, answer(query))];
    });
    for (let round = 0; round < 5; round++) await f.udp({ name: 'fuzz.example', type: 'TXT' });
    expect(await f.udp({ name: 'alive.example' })).toMatchObject({ rcode: 0 });
    expect((await f.unloop.metrics()).value('unloop_worker_restarts_total')).toBe(0);
  });
});

describe('questions sent', () => {
  it('leave by many ports, with many IDs, in a case that is not the client’s (RFC 5452 §9)', async () => {
    const f = await startForwarder({ config: { cache: { maxEntries: 0 } } });
    for (let i = 0; i < 200; i++) await f.udp({ name: `unpredictable-name-${i}.example` });
    const sent = f.upstream.queries.filter((query) => /^unpredictable/i.test(query.name));
    expect(new Set(sent.map((query) => query.remotePort)).size).toBeGreaterThan(8);
    expect(new Set(sent.map((query) => query.id)).size).toBeGreaterThan(190);
    expect(sent.filter((query) => query.name !== query.name.toLowerCase()).length).toBeGreaterThan(190);
    await f.close();
  });
});
