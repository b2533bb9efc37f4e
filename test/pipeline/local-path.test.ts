// What is answered before cache and upstreams, in which order.
import { expect, it } from 'vitest';
import { ownersOf } from '../../src/config/local-owners.ts';
import { parseLocalRecord } from '../../src/config/local-record.ts';
import { LocalRecords } from '../../src/local/local-records.ts';
import { SpecialNames } from '../../src/local/special-names.ts';
import { FakeUpstream, PipelineFixture } from './pipeline-fixture.ts';
import { testQuery } from './queries.ts';

const NXDOMAIN = 3;
const local = {
  identity: null,
  records: new LocalRecords(ownersOf([parseLocalRecord('kept.invalid A 10.0.0.9')]), 60),
  special: new SpecialNames(),
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
