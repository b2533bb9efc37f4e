// What the guard makes of queries that are ours or look odd: shed, answered with proof, or probed.
import { describe, expect, it } from 'vitest';
import { createKeyMaterial, KeyRing } from '../../src/loop/keys.ts';
import { hasProbeProof, makeProbeName } from '../../src/loop/probe.ts';
import { REPETITION_LIMIT } from '../../src/loop/sightings.ts';
import { writeQuestion } from '../../src/wire/build-query.ts';
import { textToName } from '../../src/wire/text.ts';
import { bytesOf, opt, uint16 } from '../wire/build-message.ts';
import { FakeUpstream, PipelineFixture } from './pipeline-fixture.ts';
import { testQuery } from './queries.ts';

const HINFO = 13;
const SERVFAIL = 2;

/** SERVFAIL to the question in `message`, with this EDE. */
function servfailWith(message: Uint8Array, code: number, text: string): Uint8Array {
  message[3] = SERVFAIL;
  message[11] = 1;
  const said = new TextEncoder().encode(text);
  const ede = bytesOf(uint16(15), uint16(2 + said.length), uint16(code), said);
  return bytesOf(message, opt(1232, { options: ede }));
}

describe('a query that we sent', () => {
  it('is answered at once, and the flight that sent it fails with the loop as its reason', () => {
    const upstream = new FakeUpstream(1);
    const f = new PipelineFixture({ zones: [['.', [upstream]]] });
    f.ask(testQuery('www.example', { udpSize: 1232 }).bytes);
    f.ask(upstream.last().bytes, undefined, '192.0.2.1');
    expect(f.client.rcodes).toEqual([SERVFAIL, SERVFAIL]);
    for (const answer of f.client.answers) {
      // EDE 14, "forwarding loop: …"
      expect(
        Buffer.from(answer).includes(Buffer.from('\0\x0eforwarding loop: 192.0.2.1:53 (.)', 'latin1')),
      ).toBe(true);
    }
    expect(f.sighted).toMatchObject([{ route: 1, certain: true, count: 1 }]);
    expect(upstream.sent).toHaveLength(1);
  });
});

describe('SERVFAIL by a route that was just found to loop', () => {
  it('counts as the loop that another worker found, and is not stored for the name', () => {
    const upstream = new FakeUpstream(1);
    const f = new PipelineFixture({ zones: [['.', [upstream]]] });
    f.ask(testQuery('www.example', { udpSize: 1232 }).bytes);
    f.state.setQuarantined(1, true);
    upstream.refuse(SERVFAIL);
    const text = '\0\x0eforwarding loop: 192.0.2.1:53 (.)';
    expect(Buffer.from(f.client.answers[0]!).includes(Buffer.from(text, 'latin1'))).toBe(true);
    f.state.setQuarantined(1, false);
    f.ask(testQuery('www.example').bytes);
    expect(upstream.sent).toHaveLength(2);
  });
});

describe("another replica's probe", () => {
  it('is answered with proof that it reached its ring', () => {
    const f = new PipelineFixture({ keys: createKeyMaterial('shared secret', 'default') });
    const replica = new KeyRing(createKeyMaterial('shared secret', 'default'), 0);
    const name = makeProbeName(replica, 3, textToName('.'), 77, 0)!;
    const probe = new Uint8Array(300);
    const length = writeQuestion(probe, name, HINFO, 1, 0x0100);
    f.ask(probe.slice(0, length));
    const [answer] = f.client.answers;
    expect(f.client.rcodes).toEqual([0]);
    expect(hasProbeProof(replica, name, answer!, answer!.length)).toBe(true);
    const otherRing = new KeyRing(createKeyMaterial('other secret', 'default'), 0);
    expect(hasProbeProof(otherRing, name, answer!, answer!.length)).toBe(false);
  });
});

describe('a probe is sent', () => {
  const fixture = () => {
    const upstreams = [new FakeUpstream(1), new FakeUpstream(2)] as const;
    return { upstreams, f: new PipelineFixture({ zones: [['.', upstreams]] }) };
  };
  const ask = (f: PipelineFixture, from: string) => f.ask(testQuery('www.example').bytes, undefined, from);

  it('when an upstream asks us what we are asking it', () => {
    const { f } = fixture();
    ask(f, '127.0.0.1');
    ask(f, '192.0.2.1');
    expect(f.suspected).toEqual([1]);
  });

  it('but not when an upstream asks what we ask another one, or a client asks again', () => {
    const { f } = fixture();
    ask(f, '127.0.0.1');
    ask(f, '192.0.2.2');
    for (let i = 0; i < 5; i++) ask(f, '127.0.0.1');
    expect(f.suspected).toEqual([]);
  });

  it('once a second when one client repeats a question without end', () => {
    const { f } = fixture();
    for (let i = 0; i <= REPETITION_LIMIT; i++) ask(f, '127.0.0.1');
    expect(f.suspected).toEqual([]);
    for (let i = 0; i < 500; i++) ask(f, '127.0.0.1');
    expect(f.suspected).toEqual([1]);
  });

  it('when a question comes again while it is in flight, whatever its flags, if the budget allows it', () => {
    const again = [
      testQuery('www.example'),
      testQuery('www.example', { flags: 0x0110 }),
      testQuery('www.example', { udpSize: 1232, dnssecOk: true }),
    ];
    for (const { bytes } of again) {
      const { f } = fixture();
      ask(f, '127.0.0.1');
      f.ask(bytes, undefined, '198.51.100.7');
      expect(f.weaklySuspected).toEqual([1]);
      expect(f.suspected).toEqual([]);
    }
  });

  it('and in any case when its upstream has answered nobody a moment later', () => {
    const { f } = fixture();
    ask(f, '127.0.0.1');
    ask(f, '198.51.100.7');
    f.pass(50);
    expect(f.suspected).toEqual([1]);
  });

  it('but not when it was answered meanwhile, or was another question', () => {
    const { upstreams, f } = fixture();
    ask(f, '127.0.0.1');
    upstreams[0].reply();
    f.ask(testQuery('www.example', { flags: 0x0110 }).bytes, undefined, '198.51.100.7');
    f.ask(testQuery('www.example', { type: 28 }).bytes, undefined, '198.51.100.7');
    f.ask(testQuery('ww2.example').bytes, undefined, '198.51.100.7');
    f.pass(50);
    expect(f.weaklySuspected).toEqual([]);
    expect(f.suspected).toEqual([]);
  });

  it('when another worker has the question in flight', () => {
    const { f } = fixture();
    const other = new PipelineFixture({ zones: [['.', [new FakeUpstream(1)]]], sharesWith: f });
    ask(f, '127.0.0.1');
    ask(other, '198.51.100.7');
    expect([f.weaklySuspected, other.weaklySuspected]).toEqual([[], [1]]);
    other.pass(50);
    expect(other.suspected).toEqual([1]);
  });

  it('but not for the second attempt of a flight', () => {
    const { f } = fixture();
    ask(f, '127.0.0.1');
    f.pass(1500);
    expect(f.weaklySuspected).toEqual([]);
    expect(f.suspected).toEqual([]);
  });

  it('when an upstream reports a loop in our own words', () => {
    const { upstreams, f } = fixture();
    ask(f, '127.0.0.1');
    upstreams[0].reply((message) => servfailWith(message, 14, 'forwarding loop: 10.0.0.2:53 (.)'));
    expect(f.suspected).toEqual([1]);
  });

  it('but not when it gives another reason or uses other words', () => {
    const { upstreams, f } = fixture();
    ask(f, '127.0.0.1');
    upstreams[0].reply((message) => servfailWith(message, 14, 'starting'));
    upstreams[1].reply((message) => servfailWith(message, 22, 'forwarding loop: 10.0.0.2:53 (.)'));
    expect(f.suspected).toEqual([]);
  });
});
