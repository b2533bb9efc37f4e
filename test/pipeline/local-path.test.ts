// What is answered before cache and upstreams, in which order.
import { describe, expect, it } from 'vitest';
import { ownersOf } from '../../src/config/local-owners.ts';
import { parseLocalRecord } from '../../src/config/local-record.ts';
import { AnyAnswer } from '../../src/local/any-answer.ts';
import { LocalRecords } from '../../src/local/local-records.ts';
import { SpecialNames } from '../../src/local/special-names.ts';
import { describeMessage } from '../../src/wire/describe.ts';
import { FakeUpstream, PipelineFixture } from './pipeline-fixture.ts';
import { testQuery } from './queries.ts';

const NXDOMAIN = 3;
const local = {
  identity: null,
  records: new LocalRecords(ownersOf([parseLocalRecord('kept.invalid A 10.0.0.9')]), 60),
  special: new SpecialNames(),
  any: null,
};

function fixture() {
  const [root, corp] = [new FakeUpstream(1), new FakeUpstream(2)] as const;
  const zones = [
    ['.', [root]],
    ['onion', [corp]],
  ] as const;
  const f = new PipelineFixture({ zones });
  f.configure({ local });
  return { f, root, corp };
}

it('answers special-use names, but not those of a configured zone', () => {
  const { f, root, corp } = fixture();
  f.ask(testQuery('x.invalid').bytes);
  expect(f.client.rcodes).toEqual([NXDOMAIN]);
  f.ask(testQuery('x.onion').bytes);
  expect([root.sent.length, corp.sent.length]).toEqual([0, 1]);
});

it('gives a configured record before anything else', () => {
  const { f, root } = fixture();
  f.ask(testQuery('kept.invalid').bytes);
  expect(f.client.rcodes).toEqual([0]);
  f.ask(testQuery('www.example').bytes);
  expect(root.sent).toHaveLength(1);
});

describe('a question of type ANY', () => {
  const ANY = 255;

  function answered(name: string, options: Parameters<typeof testQuery>[1] = {}) {
    const { f, root } = fixture();
    f.configure({ local: { ...local, any: new AnyAnswer() } });
    f.ask(testQuery(name, { type: ANY, ...options }).bytes);
    return { root, answers: f.client.answers.map((bytes) => describeMessage(bytes, bytes.length)) };
  }

  it('gets one small record that says so (RFC 8482 §4.2)', () => {
    const { root, answers } = answered('WWW.example');
    expect(root.sent).toHaveLength(0);
    expect(answers).toHaveLength(1);
    expect(answers[0]).toContain('WWW.example. 3600 IN HINFO "RFC8482" ""');
  });

  it('is forwarded with DO, and where nothing else is set', () => {
    expect(answered('www.example', { dnssecOk: true }).root.sent).toHaveLength(1);
    const { f, root } = fixture();
    f.ask(testQuery('www.example', { type: ANY }).bytes);
    expect(root.sent).toHaveLength(1);
  });

  it('of a record that is configured gets that record', () => {
    expect(answered('kept.invalid').answers[0]).toContain('10.0.0.9');
  });
});
