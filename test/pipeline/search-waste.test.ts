// What search lists cost, by client and search domain: counted where the zone says so.
import { beforeEach, expect, it } from 'vitest';
import { Counter } from '../../src/metrics/counters.ts';
import { bytesOf, header, question, record } from '../wire/build-message.ts';
import { FakeUpstream, PipelineFixture } from './pipeline-fixture.ts';
import { testQuery } from './queries.ts';

const NXDOMAIN = 3;

let upstream: FakeUpstream;
let f: PipelineFixture;

function scene(search: 'report' | 'off'): void {
  upstream = new FakeUpstream(1);
  f = new PipelineFixture({
    zoneParts: { search },
    zones: [
      ['.', [upstream]],
      ['cluster.local', [upstream]],
    ],
  });
}

beforeEach(() => scene('report'));

function denied(name: string, from = '10.1.2.3'): void {
  f.ask(testQuery(name).bytes, f.client, from);
  while (upstream.waiting.size > 0) upstream.refuse(NXDOMAIN);
}

function exists(name: string): void {
  f.ask(testQuery(name).bytes);
  upstream.reply();
}

const waste = () => f.counters.values[Counter.searchWaste];

it('is counted by client, and by the search domain that is known to exist', () => {
  exists('web.default.svc.cluster.local');
  denied('www.example.com.default.svc.cluster.local');
  denied('www.example.com.default.svc.cluster.local', '10.1.2.4');
  denied('www.example.com.svc.cluster.local');
  denied('www.example.com.cluster.local');
  expect(waste()).toBe(4);
  const { searchClients, searchDomains } = f.pipeline.reportTop();
  expect(searchClients).toEqual([
    { key: '10.1.2.3', slot: -1, count: 3 },
    { key: '10.1.2.4', slot: -1, count: 1 },
  ]);
  expect(searchDomains).toEqual([
    { key: 'default.svc.cluster.local.', slot: -1, count: 2 },
    { key: 'svc.cluster.local.', slot: -1, count: 1 },
    { key: 'cluster.local.', slot: -1, count: 1 },
  ]);
});

it('is counted when the cache answers, too', () => {
  const { counters } = f;
  denied('a.example.cluster.local');
  denied('a.example.cluster.local');
  expect(waste()).toBe(2);
  expect(counters.values[Counter.nxdomainCuts]).toBe(0);
});

it('is not a name of one label, no answer, and no name of another zone', () => {
  denied('tpyo.cluster.local');
  denied('www.example.com');
  exists('www.example.cluster.local');
  expect(waste()).toBe(0);
});

it('is not counted where the zone does not say so', () => {
  scene('off');
  denied('www.example.com.cluster.local');
  expect(waste()).toBe(0);
  expect(f.pipeline.reportTop().searchDomains).toEqual([]);
});

it('is not looked for in an answer that passes as it came', () => {
  const TSIG = 250;
  const signature = record(Uint8Array.of(0), TSIG, 0, new Uint8Array(40).fill(7), 255);
  f.ask(bytesOf(header(0x0100, 1, 0, 0, 1), question('a.example.cluster.local'), signature));
  upstream.refuse(NXDOMAIN);
  expect(f.client.rcodes).toEqual([NXDOMAIN]);
  expect(waste()).toBe(0);
});
