// One query explained: who is asked, who failed and how, and what the client gets.
import { beforeEach, describe, expect, it } from 'vitest';
import { ownersOf } from '../../src/config/local-owners.ts';
import { parseLocalRecord } from '../../src/config/local-record.ts';
import { LocalRecords } from '../../src/local/local-records.ts';
import { SpecialNames } from '../../src/local/special-names.ts';
import type { ExplainQuestion, Explanation } from '../../src/pipeline/explain.ts';
import { FailureReason } from '../../src/upstream/exchange.ts';
import { UpstreamState } from '../../src/upstream/shared-state.ts';
import { Rcode } from '../../src/wire/codes.ts';
import { bytesOf, record, uint32 } from '../wire/build-message.ts';
import { FakeUpstream, PipelineFixture } from './pipeline-fixture.ts';
import { testQuery } from './queries.ts';

let first: FakeUpstream;
let second: FakeUpstream;
let f: PipelineFixture;

beforeEach(() => {
  [first, second] = [new FakeUpstream(1), new FakeUpstream(2)];
  f = new PipelineFixture({ zones: [['.', [first, second]]] });
});

const QUESTION = { name: 'www.example', qtype: 1, client: '127.0.0.1', dryRun: false };

/** Explains a query; `meanwhile` is what its upstreams do. */
async function explain(asked: Partial<ExplainQuestion> = {}, meanwhile = () => {}): Promise<Explanation> {
  const explained = f.pipeline.explain({ ...QUESTION, ...asked });
  meanwhile();
  return explained;
}

describe('a query that is answered', () => {
  it('tells the upstream, what was sent, each attempt and the answer', async () => {
    const told = await explain({}, () => {
      while (first.waiting.size > 0) first.refuse(Rcode.SERVFAIL);
      f.clock.advance(5);
      second.reply();
    });
    expect(told).toMatchObject({
      name: 'www.example.',
      type: 'A',
      client: { address: '127.0.0.1', allowed: true },
      zone: '.',
      cache: { state: 'none', storedAt: null, upstream: null },
      upstreams: [
        {
          upstream: '192.0.2.1:53',
          condition: 'up',
          taken: true,
          reason: expect.stringMatching(/^asked: SERVFAIL/),
        },
        { upstream: '192.0.2.2:53', condition: 'up', taken: true, reason: 'asked: it answered' },
      ],
      sent: { tags: ['loop tag', 'letter case (0x20)'], edns: 'EDNS 0, 1232 bytes' },
      loop: '',
      reply: { rcode: 'NOERROR', ede: [], truncated: false },
    });
    expect(told.attempts.map(({ outcome }) => outcome).at(-1)).toBe('answered');
    expect(told.reply!.records).toHaveLength(1);
    expect(told.summary).toMatch(/^NOERROR in .* ms, from 192\.0\.2\.2:53\.$/);
  });

  it('by the cache tells since when, and from which server', async () => {
    await explain({}, () => first.reply());
    f.clock.advance(2000);
    const told = await explain();
    expect(told.cache).toMatchObject({ state: 'fresh', upstream: '192.0.2.1:53' });
    expect(told.cache.ttlSeconds).toBeGreaterThan(0);
    expect(told.cache.storedAt).toMatch(/^\d{4}-/);
    expect(told).toMatchObject({ attempts: [], sent: null });
    expect(told.summary).toMatch(/from the cache\.$/);
  });
});

describe('a query below a name that does not exist', () => {
  /** NXDOMAIN with an SOA of the root that is good for a minute. */
  const deny = (message: Uint8Array) => {
    const soa = record(Uint8Array.of(0), 6, 60, bytesOf(0, 0, new Uint8Array(16), uint32(60)));
    const whole = bytesOf(message, soa);
    whole[3] = Rcode.NXDOMAIN;
    whole[9] = 1;
    return whole;
  };

  it('is told by which denial it is answered', async () => {
    f = new PipelineFixture({
      zoneParts: { nxdomainCut: true },
      zones: [
        ['.', [second]],
        ['local', [first]],
      ],
    });
    await explain({ name: 'com.local' }, () => {
      while (first.waiting.size > 0) first.reply(deny);
    });
    const told = await explain({ name: 'www.com.local' });
    expect(told.cache).toMatchObject({ state: 'cut', below: 'com.local.', upstream: '192.0.2.1:53' });
    expect(told.reply).toMatchObject({ rcode: 'NXDOMAIN', ede: [{ code: 29 }] });
    expect(told.summary).toMatch(/from the cache: below NXDOMAIN of com\.local\.$/);
    const { summary } = await explain({ name: 'www.com.local', dryRun: true });
    expect(summary).toBe('The cache would answer NXDOMAIN: com.local. does not exist.');
  });
});

describe('a query that fails', () => {
  it('names who is guilty and how; later the cache says so, with the code of the first failure', async () => {
    f.route([['.', [first]]]);
    const told = await explain({}, () => {
      for (let i = 0; i < 200; i++) f.pass(10);
    });
    expect(told.reply).toMatchObject({ rcode: 'SERVFAIL', ede: [{ code: 22 }] });
    expect(told.reply!.ede[0]!.text).toMatch(/^192\.0\.2\.1: no answer over UDP/);
    expect(told.summary).toContain('192.0.2.1: no answer over UDP');
    expect(told.upstreams[0]!.reason).toMatch(/^asked: no answer over UDP/);
    const again = await explain();
    expect(again.cache.state).toBe('failure');
    expect(again.reply!.ede).toEqual([
      { code: 13, text: '' },
      { code: 22, text: '' },
    ]);
  });

  it('as nobody could be connected to', async () => {
    f.route([['.', [first]]]);
    const told = await explain({}, () => {
      while (first.waiting.size > 0) first.fail(FailureReason.unreachable);
    });
    expect(told.reply!.ede[0]).toEqual({
      code: 23,
      text: expect.stringContaining('192.0.2.1: UDP unreachable'),
    });
  });

  it('as its route loops', async () => {
    f.route([['.', [first]]]);
    f.state.setQuarantined(1, true);
    const told = await explain();
    expect(told.loop).toBe('forwarding loop: 192.0.2.1:53 (.)');
    expect(told.upstreams[0]).toMatchObject({ condition: 'looping', taken: false });
    expect(told.summary).toContain('forwarding loop');
  });
});

describe('a dry run', () => {
  it('asks nobody, and says who would be asked', async () => {
    f.state.setState(1, UpstreamState.down);
    const told = await explain({ dryRun: true });
    expect(first.sent.length + second.sent.length).toBe(0);
    expect(told).toMatchObject({
      reply: null,
      attempts: [],
      upstreams: [
        { condition: 'down', taken: false, reason: 'skipped: it is down' },
        { condition: 'up', taken: true, reason: 'would be asked first, by the policy of its zone' },
      ],
      summary: '192.0.2.2:53 would be asked first.',
    });
  });

  it('says who would be asked to refresh expired data', async () => {
    await explain({}, () => first.reply());
    f.pass(400_000);
    const told = await explain({ dryRun: true });
    expect(told.cache.state).toBe('stale');
    expect(told.summary).toBe('192.0.2.1:53 would be asked first.');
  });

  it('takes no turn of roundRobin', async () => {
    f = new PipelineFixture({ zones: [['.', [first, second]]], policy: 'roundRobin' });
    for (let i = 0; i < 3; i++)
      expect((await explain({ dryRun: true })).summary).toBe('192.0.2.1:53 would be asked first.');
    f.ask(testQuery('a.example').bytes);
    expect((await explain({ dryRun: true })).summary).toBe('192.0.2.2:53 would be asked first.');
    f.ask(testQuery('b.example').bytes);
    expect([first.sent.length, second.sent.length]).toEqual([1, 1]);
  });

  it('says so if the name is answered here', async () => {
    const records = new LocalRecords(ownersOf([parseLocalRecord('db.internal A 10.0.0.9')]), 60);
    f.configure({ local: { identity: null, records, special: new SpecialNames(), any: null } });
    for (const name of ['db.internal', 'x.invalid']) {
      const told = await explain({ name, dryRun: true });
      expect(told.local).toBe(true);
      expect(told.upstreams.map(({ taken }) => taken)).toEqual([false, false]);
      expect(told.summary).toMatch(/^It would be answered here/);
    }
    f.state.setQuarantined(1, true);
    expect((await explain({ name: 'db.internal' })).summary).toMatch(/answered here\.$/);
  });
});

it('refuses a text that is not a name', async () => {
  await expect(explain({ name: `${'a'.repeat(64)}.example` })).rejects.toThrow(RangeError);
});

it('rejects if its answer cannot be read: the query path goes on', async () => {
  const broken = explain({}, () => {
    Object.defineProperty(first, 'text', {
      get: () => {
        throw new Error('a defect');
      },
    });
    first.reply();
  });
  await expect(broken).rejects.toThrow('a defect');
});
