// Names that search lists make: the shorter name is asked for first, and an NXDOMAIN for it answers
// all names below it; whatever else comes, the whole name is asked for.
import { beforeEach, describe, expect, it } from 'vitest';
import { Counter } from '../../src/metrics/counters.ts';
import { FailureReason } from '../../src/upstream/exchange.ts';
import { EdeCode } from '../../src/wire/codes.ts';
import { nameToText, textToName } from '../../src/wire/text.ts';
import { readAnswer } from '../kit/dns-client.ts';
import { bytesOf, record, uint32 } from '../wire/build-message.ts';
import { FakeClient, FakeUpstream, PipelineFixture, type Sent } from './pipeline-fixture.ts';
import { testQuery } from './queries.ts';

const NXDOMAIN = 3;
const SOA = 6;

let upstream: FakeUpstream;
let f: PipelineFixture;

beforeEach(() => {
  upstream = new FakeUpstream(1);
  f = scene('on');
});

function scene(search: 'on' | 'report' | 'off', sharesWith?: PipelineFixture): PipelineFixture {
  const zoneParts = { nxdomainCut: search === 'on', search };
  return new PipelineFixture({
    maxInFlight: 1000,
    ...(sharesWith === undefined ? {} : { sharesWith }),
    zoneParts,
    zones: [
      ['.', [new FakeUpstream(9)]],
      ['cluster.local', [upstream]],
    ],
  });
}

const nameOf = ({ bytes }: Sent) => nameToText(bytes, 12).toLowerCase().replace(/\.$/, '');
/** A first NXDOMAIN is checked with fewer marks: messages in a row for one name are one here. */
const asked = () => upstream.sent.map(nameOf).filter((name, i, all) => name !== all[i - 1]);

/** The reply with an SOA of cluster.local; what a Kubernetes zone of CoreDNS says. */
function negative(rcode: number, ttlSeconds = 30) {
  return (message: Uint8Array) => {
    const rdata = bytesOf(
      textToName('ns.dns.cluster.local'),
      textToName('h.cluster.local'),
      uint32(1),
      uint32(7200),
      uint32(1800),
      uint32(86_400),
      uint32(ttlSeconds),
    );
    const whole = bytesOf(message, record(textToName('cluster.local'), SOA, ttlSeconds, rdata));
    whole[3] = rcode;
    whole[9] = 1;
    return whole;
  };
}

/** Answers all that wait, as a cluster does where `exist` says what there is. */
function serve(exist: readonly string[]): void {
  while (upstream.waiting.size > 0) {
    const sent = upstream.last();
    const name = nameOf(sent);
    if (exist.includes(name)) upstream.replyTo(sent);
    else upstream.replyTo(sent, negative(exist.some((one) => one.endsWith(`.${name}`)) ? 0 : NXDOMAIN));
  }
}

/** Asks, lets the cluster answer, and returns the RCODE and the number of answer records. */
function resolve(name: string, exist: readonly string[], options: Parameters<typeof testQuery>[1] = {}) {
  const client = new FakeClient();
  f.ask(testQuery(name, options).bytes, client);
  serve(exist);
  expect(client.answers).toHaveLength(1);
  const { rcode, answers } = readAnswer(Buffer.from(client.answers[0]!));
  return [rcode, answers.length];
}

const CLUSTER = ['web.default.svc.cluster.local', 'pod-0.db.default.svc.cluster.local'];

describe('a name that a search list makes', () => {
  it('costs one question per domain and namespace, however many names there are', () => {
    for (let i = 0; i < 100; i++) {
      for (const domain of ['default.svc.cluster.local', 'svc.cluster.local', 'cluster.local']) {
        expect(resolve(`host${i}.example.com.${domain}`, CLUSTER)).toEqual([NXDOMAIN, 0]);
        expect(resolve(`host${i}.example.com.${domain}`, CLUSTER, { type: 28 })).toEqual([NXDOMAIN, 0]);
      }
    }
    expect(asked()).toEqual([
      'svc.cluster.local',
      'default.svc.cluster.local',
      'com.default.svc.cluster.local',
      'com.svc.cluster.local',
      'com.cluster.local',
    ]);
    expect(f.counters.values[Counter.searchShorter]).toBe(5);
    expect(f.counters.values[Counter.nxdomainCuts]).toBe(600);
  });

  it('has an answer with SOA, and with EDE 29', () => {
    resolve('a.com.cluster.local', CLUSTER);
    const client = new FakeClient();
    f.ask(testQuery('WWW.b.com.cluster.local', { udpSize: 1232 }).bytes, client);
    const answer = readAnswer(Buffer.from(client.answers[0]!));
    expect(answer).toMatchObject({ rcode: NXDOMAIN, ede: { code: EdeCode.synthesized } });
    expect(nameToText(client.answers[0]!, 12)).toBe('WWW.b.com.cluster.local.');
  });

  it('waits for the shorter name with all others below it', () => {
    const clients = Array.from({ length: 50 }, () => new FakeClient());
    for (const [i, client] of clients.entries()) f.ask(testQuery(`h${i}.com.cluster.local`).bytes, client);
    expect(asked()).toEqual(['com.cluster.local']);
    serve([]);
    expect(clients.map(({ rcodes }) => rcodes)).toEqual(clients.map(() => [NXDOMAIN]));
    expect(f.pipeline.flights.inUse).toBe(0);
  });

  it('is answered again as soon as the negative TTL of the shorter one is over', () => {
    expect(resolve('api.com.cluster.local', CLUSTER)).toEqual([NXDOMAIN, 0]);
    const now = [...CLUSTER, 'api.com.cluster.local'];
    f.pass(29_000);
    expect(resolve('api.com.cluster.local', now)).toEqual([NXDOMAIN, 0]);
    f.pass(1000);
    expect(resolve('api.com.cluster.local', now)).toEqual([0, 1]);
  });
});

describe('a name that exists', () => {
  it('is asked for whole where the shorter one is NODATA, and that is remembered', () => {
    expect(resolve('pod-0.db.default.svc.cluster.local', CLUSTER)).toEqual([0, 1]);
    expect(asked().slice(-2)).toEqual(['db.default.svc.cluster.local', 'pod-0.db.default.svc.cluster.local']);
    const before = asked().length;
    expect(resolve('pod-1.db.default.svc.cluster.local', CLUSTER)).toEqual([NXDOMAIN, 0]);
    expect(asked().slice(before)).toEqual(['pod-1.db.default.svc.cluster.local']);
  });

  it('makes the names above it known: they are not asked for', () => {
    resolve('pod-0.db.default.svc.cluster.local', CLUSTER);
    const before = asked().length;
    expect(resolve('web.default.svc.cluster.local', CLUSTER)).toEqual([0, 1]);
    expect(asked().slice(before)).toEqual(['web.default.svc.cluster.local']);
  });

  it('is not asked for by way of what the cache has', () => {
    const exist = [...CLUSTER, 'x.web.default.svc.cluster.local'];
    resolve('web.default.svc.cluster.local', exist);
    f.pass(31_000);
    const before = asked().length;
    resolve('x.web.default.svc.cluster.local', exist);
    // The A record has 60 s; what is remembered without the cache 30 s.
    expect(asked().slice(before)).not.toContain('web.default.svc.cluster.local');
  });

  it('below a wildcard is asked for whole', () => {
    f.ask(testQuery('a.b.cluster.local').bytes);
    upstream.reply();
    upstream.reply();
    expect(asked()).toEqual(['b.cluster.local', 'a.b.cluster.local']);
    expect(f.client.rcodes).toEqual([0]);
  });

  it('below "_tcp" is asked for whole', () => {
    expect(resolve('_http._tcp.cluster.local', ['_http._tcp.cluster.local'], { type: 16 })).toEqual([0, 1]);
    expect(asked()).toEqual(['_http._tcp.cluster.local']);
  });
});

describe('the whole name is asked for', () => {
  it.each([2, 5])('where the shorter one fails: RCODE %i', (rcode) => {
    f.ask(testQuery('a.com.cluster.local').bytes);
    for (let i = 0; i < 5 && asked().at(-1) === 'com.cluster.local'; i++) upstream.refuse(rcode);
    expect(asked().at(-1)).toBe('a.com.cluster.local');
    upstream.reply();
    expect(f.client.rcodes).toEqual([0]);
  });

  it('where nothing can be sent', () => {
    f.ask(testQuery('a.com.cluster.local').bytes);
    for (let i = 0; i < 5 && asked().at(-1) === 'com.cluster.local'; i++)
      upstream.fail(FailureReason.unreachable);
    expect(asked().at(-1)).toBe('a.com.cluster.local');
  });

  it('where the shorter one takes longer than 250 ms; its late answer is taken all the same', () => {
    f.ask(testQuery('a.com.cluster.local').bytes);
    const shorter = upstream.last();
    f.pass(240);
    expect(asked()).not.toContain('a.com.cluster.local');
    f.pass(20);
    expect(asked().at(-1)).toBe('a.com.cluster.local');
    upstream.reply();
    expect(f.client.rcodes).toEqual([0]);
    expect(upstream.waiting.has(shorter.query)).toBe(true);
    upstream.replyTo(shorter, negative(NXDOMAIN));
    serve([]);
    expect(resolve('b.com.cluster.local', [])).toEqual([NXDOMAIN, 0]);
  });

  it('by clients with DO, and of another class or in another zone', () => {
    f.ask(testQuery('a.com.cluster.local', { dnssecOk: true }).bytes);
    expect(asked()).toEqual(['a.com.cluster.local']);
    f.ask(testQuery('a.com.example').bytes);
    expect(asked()).toEqual(['a.com.cluster.local']);
  });

  it('where the shorter answer may not be kept', () => {
    f.ask(testQuery('a.com.cluster.local').bytes);
    while (asked().at(-1) === 'com.cluster.local') upstream.reply(negative(NXDOMAIN, 0));
    expect(asked()).toEqual(['com.cluster.local', 'a.com.cluster.local']);
  });

  it('by a client that waits until its deadline and no longer', () => {
    f.ask(testQuery('a.com.cluster.local').bytes);
    f.pass(1800);
    expect(f.client.rcodes).toEqual([2]);
    f.pass(5000);
    expect(f.pipeline.flights.inUse).toBe(0);
  });
});

describe('a question that another worker has sent already makes its route suspect', () => {
  const ROUTE = 11;
  let other: PipelineFixture;

  beforeEach(() => {
    other = scene('on', f);
  });

  it('if it is that for the shorter name', () => {
    f.ask(testQuery('a.com.cluster.local').bytes);
    other.ask(testQuery('b.com.cluster.local').bytes);
    expect([f.weaklySuspected, other.weaklySuspected]).toEqual([[], [ROUTE]]);
  });

  it('if it has waited for the shorter name', () => {
    f.ask(testQuery('a.com.cluster.local').bytes);
    f.pass(250);
    other.ask(testQuery('a.com.cluster.local').bytes);
    other.pass(250);
    expect([f.weaklySuspected, other.weaklySuspected]).toEqual([[], [ROUTE, ROUTE]]);
  });
});

describe('other modes', () => {
  it.each(['report', 'off'] as const)('%s asks for nothing by itself', (mode) => {
    f = scene(mode);
    resolve('a.com.cluster.local', CLUSTER);
    resolve('b.com.cluster.local', CLUSTER);
    expect(asked()).toEqual(['a.com.cluster.local', 'b.com.cluster.local']);
  });
});
