// The slowest and the last failed queries of a pipeline.
import { describe, expect, it } from 'vitest';
import { KEPT, KeptQueries, type KeptReport } from '../../src/pipeline/kept-queries.ts';
import { FakeUpstream, PipelineFixture } from './pipeline-fixture.ts';
import { testQuery } from './queries.ts';

function fixture() {
  const upstream = new FakeUpstream(1);
  const f = new PipelineFixture({ zones: [['.', [upstream]]] });
  /** Asks, and answers after a while. */
  const take = (name: string, ms: number) => {
    f.ask(testQuery(name).bytes);
    f.jump(ms);
    upstream.reply();
  };
  /** Asks, and answers never. */
  const fail = (name: string) => {
    f.ask(testQuery(name).bytes);
    f.pass(2000);
  };
  const report = (): KeptReport => f.pipeline.reportKept();
  return { f, take, fail, report };
}

describe('the slowest queries', () => {
  it('come first, with whose answer it is and what became of each message', () => {
    const { take, report } = fixture();
    take('slow.example', 120);
    take('fast.example', 5);
    take('middle.example', 20);
    const { slow, failed } = report();
    expect(slow.map(({ name }) => name)).toEqual(['slow.example.', 'middle.example.', 'fast.example.']);
    expect(slow[0]).toMatchObject({ type: 'A', rcode: 'NOERROR', durationMs: 120, cache: 'none', zone: '.' });
    expect(slow[0]!.attempts).toMatchObject([{ outcome: 'answered', durationMs: 120 }]);
    expect(slow[0]!.upstream).toBe(slow[0]!.attempts[0]!.upstream);
    expect(failed).toEqual([]);
  });

  it('are one for all clients that waited for the same answer', () => {
    const { f, take, report } = fixture();
    for (let i = 0; i < 3; i++) f.ask(testQuery('shared.example').bytes);
    take('shared.example', 50);
    expect(f.client.answers).toHaveLength(4);
    expect(report().slow).toHaveLength(1);
  });

  it('are none that the cache answered', () => {
    const { f, take, report } = fixture();
    take('kept.example', 5);
    f.ask(testQuery('kept.example').bytes);
    expect(report().slow).toHaveLength(1);
  });

  it(`are at most ${KEPT}, a faster one makes room`, () => {
    const { f, take, report } = fixture();
    for (let i = 0; i < KEPT + 10; i++) {
      take(`n${i}.example`, 2 + i);
      f.pipeline.tick();
    }
    const { slow } = report();
    expect(slow).toHaveLength(KEPT);
    expect(slow.at(-1)!.name).toBe('n10.example.');
    take('fast.example', 1);
    expect(report().slow.at(-1)!.name).toBe('n10.example.');
  });

  it('are forgotten after the window that follows theirs', () => {
    const { f, take, report } = fixture();
    take('old.example', 50);
    f.jump(300_000);
    f.pipeline.tick();
    take('new.example', 5);
    expect(report().slow.map(({ name }) => name)).toEqual(['old.example.', 'new.example.']);
    f.jump(300_000);
    f.pipeline.tick();
    expect(report().slow.map(({ name }) => name)).toEqual(['new.example.']);
  });
});

describe('the failed queries', () => {
  it('come latest first, with the cause', () => {
    const { fail, take, report } = fixture();
    fail('a.example');
    take('fine.example', 5);
    fail('b.example');
    const { failed } = report();
    expect(failed.map(({ name }) => name)).toEqual(['b.example.', 'a.example.']);
    expect(failed[0]).toMatchObject({ rcode: 'SERVFAIL', upstream: null });
    expect(failed[0]!.attempts.map(({ outcome }) => outcome)).toContain('no answer');
  });

  it(`are the last ${KEPT}, and not more than fifty a second`, () => {
    const { f, fail, report } = fixture();
    for (let i = 0; i < KEPT + 3; i++) {
      fail(`n${i}.example`);
      f.pipeline.tick();
    }
    const names = report().failed.map(({ name }) => name);
    expect(names).toHaveLength(KEPT);
    expect([names[0], names.at(-1)]).toEqual([`n${KEPT + 2}.example.`, 'n3.example.']);
    for (let i = 0; i < 60; i++) fail(`more${i}.example`);
    const more = report().failed.filter(({ name }) => name.startsWith('more'));
    expect(more).toHaveLength(50);
  });
});

it('starts with nothing', () => {
  expect(new KeptQueries(new PipelineFixture().clock, 1).report()).toEqual({ slow: [], failed: [] });
});
