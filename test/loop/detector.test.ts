import { randomFillSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  Evidence,
  type LoopDetector,
  LoopFinding,
  LoopVerdict,
  MAX_FILLER_LENGTH,
  MAX_FORWARDED_TAGS,
  SUSPECT_LETTERS,
  TAG_LENGTH,
  TAG_OPTION,
} from '../../src/loop/detector.ts';
import { EPOCH_MS } from '../../src/loop/keys.ts';
import { makeProbeName, PROBE_QTYPE } from '../../src/loop/probe.ts';
import { SENT_WINDOW_MS } from '../../src/loop/sent-questions.ts';
import { OptionCode, Type } from '../../src/wire/codes.ts';
import { HEADER_LENGTH } from '../../src/wire/header.ts';
import { textToName } from '../../src/wire/text.ts';
import { rounds } from '../kit/rounds.ts';
import { HandClock, type Incoming, Node, nameOf, type Option, query, recase, tagOption } from './incoming.ts';

const ROUTE = 12;
const LONG = 'a-service-with-a-long-name.in-some-namespace.example.com';
const SHORT = 'www.example.com';

const findings = new WeakMap<LoopDetector, LoopFinding>();

/** What a detector found out about its last query. */
function findingOf(detector: LoopDetector): LoopFinding {
  let finding = findings.get(detector);
  if (finding === undefined) {
    finding = new LoopFinding();
    findings.set(detector, finding);
  }
  return finding;
}

/** What a verdict comes with. */
function judge(detector: LoopDetector, { bytes, q }: Incoming): Record<string, unknown> {
  const finding = findingOf(detector);
  const verdict = detector.check(bytes, q, finding);
  if (verdict === LoopVerdict.pass) return { verdict };
  const { evidence, routeSlot, certain } = finding;
  return { verdict, evidence, routeSlot, certain };
}

const PASS = { verdict: LoopVerdict.pass };
const proof = (evidence: Evidence): object => ({
  verdict: LoopVerdict.loop,
  evidence,
  routeSlot: ROUTE,
  certain: true,
});

/** What a box in between may do to a query. */
const withoutOptions = (sent: Incoming): Incoming => query(nameOf(sent), sent.q.qtype);
const scrambled = (sent: Incoming): Incoming =>
  query(
    recase(nameOf(sent), () => randomFillSync(new Uint8Array(1))[0]! > 127),
    sent.q.qtype,
  );

describe('an ordinary query', () => {
  it('passes, whatever was sent before', () => {
    const node = new Node();
    node.send(query(SHORT), ROUTE);
    expect(judge(node.detector, query(SHORT))).toEqual(PASS);
    expect(judge(node.detector, query('WWW.EXAMPLE.COM'))).toEqual(PASS);
    expect(judge(node.detector, query(SHORT, Type.HINFO))).toEqual(PASS);
    const cookie = { code: OptionCode.cookie, data: new Uint8Array(8) };
    expect(judge(node.detector, query(SHORT, Type.A, [cookie]))).toEqual(PASS);
  });

  it('passes when a client repeats it: only what we send carries evidence', () => {
    const node = new Node();
    const client = query('Www.ExAmple.coM');
    for (let i = 0; i < 5; i++) {
      node.send(client, ROUTE);
      expect(judge(node.detector, client)).toEqual(PASS);
    }
  });
});

describe('our tag', () => {
  it('is proof in every worker while the question is in flight', () => {
    const node = new Node();
    const sent = node.send(query(SHORT), ROUTE);
    expect(judge(node.detector, sent)).toEqual(proof(Evidence.edns));
    expect(judge(node.anotherWorker(), sent)).toEqual(proof(Evidence.edns));
  });

  it('is proof even with scrambled case and between other options', () => {
    const node = new Node();
    const sent = node.send(query('4.3.2.1.in-addr.arpa', Type.PTR), ROUTE);
    const tag = tagOption(node.detector.tagFor(ROUTE, 0));
    const around = [
      { code: OptionCode.cookie, data: new Uint8Array(8) },
      { code: OptionCode.padding, data: new Uint8Array(0) },
      tag,
      { code: OptionCode.padding, data: new Uint8Array(31) },
    ];
    expect(judge(node.detector, query(nameOf(scrambled(sent)), Type.PTR, around))).toEqual(
      proof(Evidence.edns),
    );
  });

  it('needs its code, length and version together: anything else is neither checked nor forwarded', () => {
    const node = new Node();
    node.send(query(SHORT), ROUTE);
    const { code, data } = tagOption(node.detector.tagFor(ROUTE, 0));
    const version = data.slice();
    version[0]!++;
    for (const option of [
      { code: code - 1, data },
      { code: code + 1, data },
      { code, data: data.slice(0, -1) },
      { code, data: new Uint8Array([...new Uint8Array(MAX_FILLER_LENGTH + 1), ...data]) },
      { code, data: new Uint8Array(0) },
      { code, data: version },
    ]) {
      expect(judge(node.detector, query(SHORT, Type.A, [option]))).toEqual(PASS);
      expect(findingOf(node.detector).forwardedCount).toBe(0);
    }
  });

  it('on another question is refused, but is no proof', () => {
    const node = new Node();
    const sent = node.send(query(SHORT), ROUTE);
    const copied = query('elsewhere.example.com', Type.A, [tagOption(node.detector.tagFor(ROUTE, 0))]);
    expect(sent.q.hasOpt).toBe(true);
    expect(judge(node.detector, copied)).toEqual({ ...proof(Evidence.edns), certain: false });
  });

  it('is no proof long after the question was sent, nor by another route', () => {
    const node = new Node();
    const sent = node.send(query(SHORT), ROUTE);
    const crossed = query(nameOf(sent), Type.A, [tagOption(node.detector.tagFor(ROUTE + 1, 0))]);
    expect(judge(node.detector, crossed)).toMatchObject({ routeSlot: ROUTE + 1, certain: false });
    node.clock.advance(SENT_WINDOW_MS + 1000);
    expect(judge(node.detector, sent)).toEqual({ ...proof(Evidence.edns), certain: false });
  });

  it('is proof across the change of epochs', () => {
    for (const clusterKey of ['', 'key']) {
      const clock = new HandClock();
      const node = new Node({ clusterKey, clock });
      const leftMs = EPOCH_MS - (node.detector.keys.timeMs(clock.nowMs) % EPOCH_MS);
      clock.advance(leftMs - 500);
      const sent = node.send(query(SHORT), ROUTE);
      clock.advance(1000);
      expect(judge(node.detector, sent)).toEqual(proof(Evidence.edns));
      expect(judge(node.anotherWorker(), sent)).toEqual(proof(Evidence.edns));
    }
  });

  it('is proof when the wall clock jumps in between', () => {
    const node = new Node({ clusterKey: 'key' });
    const sent = node.send(query(SHORT), ROUTE);
    node.wallShiftMs = -30 * EPOCH_MS;
    node.clock.advance(1100);
    expect(judge(node.detector, sent)).toEqual(proof(Evidence.edns));
  });

  it('is not read past the end of a cut-off option list', () => {
    const node = new Node();
    const sent = node.send(query(SHORT), ROUTE);
    sent.q.optionsLength -= 1;
    expect(judge(node.detector, sent).evidence).not.toBe(Evidence.edns);
  });
});

describe('our case pattern', () => {
  it('is suspicion in every worker, for the route that the question was sent by, and never proof', () => {
    const node = new Node();
    for (const route of [ROUTE, 0]) {
      const clock = new HandClock();
      const one = new Node({ clock });
      const sent = withoutOptions(one.send(query(LONG), route));
      const suspicion = {
        verdict: LoopVerdict.suspect,
        evidence: Evidence.case,
        routeSlot: route,
        certain: false,
      };
      expect(judge(one.detector, sent)).toEqual(suspicion);
      expect(judge(one.anotherWorker(), sent)).toEqual(suspicion);
    }
    const sent = node.send(query(LONG), ROUTE);
    expect(judge(node.detector, query(nameOf(sent), Type.AAAA))).toEqual(PASS);
  });

  it(`says nothing with fewer than ${SUSPECT_LETTERS} letters; with as many a replica knows it, too`, () => {
    const clock = new HandClock();
    const [a, b] = [new Node({ clusterKey: 'key', clock }), new Node({ clusterKey: 'key', clock })];
    const verdicts = (letters: number): unknown[] => {
      const sent = withoutOptions(a.send(query(`${'x'.repeat(letters - 3)}.123.abc`), 0));
      return [a, b].map(({ detector }) => judge(detector, sent).verdict);
    };
    const { pass, suspect } = LoopVerdict;
    expect(verdicts(SUSPECT_LETTERS - 1)).toEqual([pass, pass]);
    expect(verdicts(SUSPECT_LETTERS)).toEqual([suspect, suspect]);
  });

  it('blames no route when the question was sent by two, or long ago', () => {
    const node = new Node();
    node.send(query(LONG), ROUTE + 1);
    const long = withoutOptions(node.send(query(LONG), ROUTE));
    expect(judge(node.detector, long)).toMatchObject({ verdict: LoopVerdict.suspect, routeSlot: -1 });
    node.clock.advance(SENT_WINDOW_MS + 1000);
    expect(judge(node.detector, long)).toMatchObject({ verdict: LoopVerdict.suspect, routeSlot: -1 });
  });

  it('can be switched off, and the tag is still proof', () => {
    const node = new Node();
    const sent = node.send(query(LONG), ROUTE, { cased: false });
    expect(nameOf(sent)).toEqual(textToName(LONG));
    expect(judge(node.detector, sent)).toEqual(proof(Evidence.edns));
  });

  it('matches random letter case as rarely as its letters say, over a million queries', () => {
    const node = new Node();
    const { detector } = node;
    const names = [LONG, 'abcdefghijklmnop', SHORT, 'tenletters'].map((text) => {
      node.send(query(text), ROUTE);
      const { bytes, q } = query(text);
      q.hasUpperCase = true;
      return { bytes, q, original: bytes.slice() };
    });
    const coins = new Uint32Array(2 * 65_536);
    let proofs = 0;
    let suspicions = 0;
    const queries = rounds(1_000_000);
    for (let i = 0; i < queries; i++) {
      const coin = (2 * i) % coins.length;
      if (coin === 0) randomFillSync(coins);
      const { bytes, q, original } = names[i & 3]!;
      for (let at = HEADER_LENGTH, letter = 0; at < HEADER_LENGTH + q.qnameLength; at++) {
        const byte = original[at]!;
        if (byte < 0x61 || byte > 0x7a) continue;
        bytes[at] = byte ^ (((coins[coin + (letter >> 5)]! >>> (letter & 31)) & 1) << 5);
        letter++;
      }
      const verdict = detector.check(bytes, q, findingOf(detector));
      if (verdict === LoopVerdict.loop) proofs++;
      else if (verdict === LoopVerdict.suspect) suspicions++;
    }
    expect(proofs).toBe(0);
    // A quarter of the names has 16 letters (chance 2⁻¹⁶), a quarter 44: four of a million are
    // expected, and 25 once in 10¹².
    expect(suspicions).toBeLessThan(25);
  }, 120_000);
});

describe('a probe', () => {
  const probe = (node: Node, suffix = '.'): Incoming =>
    query(
      makeProbeName(
        node.detector.keys,
        ROUTE,
        suffix === '.' ? Uint8Array.of(0) : textToName(suffix),
        99,
        node.clock.nowMs,
      )!,
      PROBE_QTYPE,
    );

  it('is proof in every worker, in whatever case it returns', () => {
    const node = new Node();
    for (const suffix of ['.', 'cluster.local']) {
      const sent = probe(node, suffix);
      expect(judge(node.detector, sent)).toEqual(proof(Evidence.probe));
      expect(judge(node.anotherWorker(), scrambled(sent))).toEqual(proof(Evidence.probe));
      expect(findingOf(node.detector).probeNonce).toBe(99);
      expect(findingOf(node.detector).wantsProof).toBe(false);
    }
  });

  it('of a replica is answered with proof, and blames none of our routes', () => {
    const clock = new HandClock();
    const [a, b] = [new Node({ clusterKey: 'key', clock }), new Node({ clusterKey: 'key', clock })];
    expect(judge(b.detector, probe(a))).toEqual({
      verdict: LoopVerdict.loop,
      evidence: Evidence.probe,
      routeSlot: -1,
      certain: false,
    });
    expect(findingOf(b.detector).wantsProof).toBe(true);
  });

  it('of another ring, or another key, passes like any name', () => {
    const clock = new HandClock();
    const inner = new Node({ clusterKey: 'key', ring: 'inner', clock });
    expect(judge(inner.detector, probe(new Node({ clusterKey: 'key', clock })))).toEqual(PASS);
    expect(judge(new Node({ clock }).detector, probe(new Node({ clock })))).toEqual(PASS);
  });
});

describe('replicas with one cluster key', () => {
  const clock = new HandClock();
  const [a, b] = [new Node({ clusterKey: 'key', clock }), new Node({ clusterKey: 'key', clock })];

  it('refuse each other’s queries by tag', () => {
    const refused = { verdict: LoopVerdict.loop, routeSlot: -1, certain: false };
    expect(judge(b.detector, a.send(query(SHORT), ROUTE))).toEqual({ ...refused, evidence: Evidence.edns });
  });

  it('suspect each other’s queries by case, and let short ones pass', () => {
    expect(judge(b.detector, withoutOptions(a.send(query('another.example.com'), ROUTE)))).toEqual({
      verdict: LoopVerdict.suspect,
      evidence: Evidence.case,
      routeSlot: -1,
      certain: false,
    });
    expect(judge(b.detector, withoutOptions(a.send(query('short.example'), ROUTE)))).toEqual(PASS);
  });

  it('tell their own queries from those of the other', () => {
    expect(judge(a.detector, a.send(query(SHORT), ROUTE))).toEqual(proof(Evidence.edns));
  });

  it('agree when their clocks are half an hour apart', () => {
    const late = new Node({ clusterKey: 'key', clock });
    late.wallShiftMs = 31 * 60_000;
    late.clock.advance(1100);
    expect(judge(late.detector, a.send(query(SHORT), ROUTE))).toMatchObject({ verdict: LoopVerdict.loop });
  });

  it('recognize each other’s case when their clocks are four minutes apart', () => {
    const late = new Node({ clusterKey: 'key', clock });
    late.wallShiftMs = 4 * 60_000;
    late.clock.advance(1100);
    expect(judge(late.detector, withoutOptions(a.send(query(LONG), ROUTE)))).toMatchObject({
      verdict: LoopVerdict.suspect,
    });
  });
});

describe('tiers', () => {
  const clock = new HandClock();
  const carriedOf = ({ detector }: Node, { bytes }: Incoming): Option[] =>
    Array.from({ length: findingOf(detector).forwardedCount }, (_, i) => {
      const offset = findingOf(detector).forwardedOffsets[i]!;
      return { code: TAG_OPTION, data: bytes.slice(offset, offset + TAG_LENGTH) };
    });

  /** The tier takes the query in and sends it on. */
  function pass(node: Node, sent: Incoming): Incoming {
    expect(judge(node.detector, sent)).toEqual(PASS);
    const carried = carriedOf(node, sent);
    return node.send(sent, ROUTE, { hops: findingOf(node.detector).hops, carried });
  }

  it('of different rings with one key count as hops', () => {
    const nodes = ['a', 'b', 'c'].map((ring) => new Node({ clusterKey: 'key', ring, clock }));
    let sent = nodes[0]!.send(query(SHORT), ROUTE);
    for (const [i, node] of nodes.slice(1).entries()) {
      sent = pass(node, sent);
      expect(findingOf(node.detector).hops).toBe(i + 1);
    }
  });

  it('forward tags, so that the first tier recognizes its query after a round through others', () => {
    for (const key of ['key', '']) {
      const nodes = ['a', 'b', 'c'].map((ring) => new Node({ clusterKey: key, ring, clock }));
      const [a, b, c] = nodes as [Node, Node, Node];
      const round = pass(c, pass(b, a.send(query(SHORT), ROUTE)));
      expect(judge(a.detector, round)).toEqual(proof(Evidence.edns));
    }
  });

  it('forget the hops of one query before they check the next', () => {
    const [a, b] = [
      new Node({ clusterKey: 'key', ring: 'a', clock }),
      new Node({ clusterKey: 'key', ring: 'b', clock }),
    ];
    judge(b.detector, a.send(query(SHORT), ROUTE, { hops: 3 }));
    expect([findingOf(b.detector).hops, findingOf(b.detector).forwardedCount]).toEqual([4, 1]);
    judge(b.detector, query(SHORT));
    expect([findingOf(b.detector).hops, findingOf(b.detector).forwardedCount]).toEqual([0, 0]);
  });

  it('end a query that passed more than maxHops of them', () => {
    const sender = new Node({ clusterKey: 'key', ring: 'a', clock });
    const receiver = new Node({ clusterKey: 'key', ring: 'b', maxHops: 3, clock });
    expect(judge(receiver.detector, sender.send(query(SHORT), ROUTE, { hops: 2 }))).toEqual(PASS);
    expect(judge(receiver.detector, sender.send(query(SHORT), ROUTE, { hops: 3 }))).toEqual({
      verdict: LoopVerdict.tooManyHops,
      evidence: Evidence.hops,
      routeSlot: -1,
      certain: false,
    });
  });

  it('forward the first tags of others, and their number counts against no query', () => {
    const node = new Node({ clock });
    const tags = Array.from({ length: 12 }, () => tagOption(new Node({ clock }).detector.tagFor(1, 0)));
    const received = query(SHORT, Type.A, tags);
    expect(judge(node.detector, received)).toEqual(PASS);
    expect(carriedOf(node, received).map(({ data }) => [...data])).toEqual(
      tags.slice(0, MAX_FORWARDED_TAGS).map(({ data }) => [...data]),
    );
  });

  it('find their own tag behind any number of others', () => {
    const node = new Node({ clock });
    const sent = node.send(query(SHORT), ROUTE);
    const own = tagOption(node.detector.tagFor(ROUTE, 0));
    const others = Array.from({ length: 20 }, () => tagOption(new Node({ clock }).detector.tagFor(1, 0)));
    expect(judge(node.detector, query(nameOf(sent), Type.A, [...others, own]))).toEqual(proof(Evidence.edns));
  });
});

describe('hostile queries', () => {
  it('never make the detector throw or read past the message', () => {
    const node = new Node({ clusterKey: 'key' });
    const { bytes: sound, q } = node.send(query(LONG), ROUTE);
    const noise = randomFillSync(new Uint8Array(4 * rounds(20_000, 8000)));
    // What follows the message in its buffer must make no difference.
    const slots = [0x00, 0xff].map((fill) => new Uint8Array(sound.length + 64).fill(fill));
    const verdicts = new Set<unknown>();
    for (let i = 0; i < noise.length; i += 4) {
      // Options only: everything before is the parser's to judge.
      const seen = slots.map((slot) => {
        slot.set(sound);
        for (let change = 0; change < 2; change++) {
          slot[q.optionsOffset + (noise[i + change]! % q.optionsLength)] = noise[i + 2 + change]!;
        }
        return judge(node.detector, { bytes: slot, q });
      });
      expect(seen[0]).toEqual(seen[1]);
      verdicts.add(seen[0]!.evidence);
    }
    // Some changes hit the hop count only, most the rest; then the case pattern speaks.
    expect(verdicts).toEqual(new Set([Evidence.edns, Evidence.case]));
  });
});

describe('a storm of returned queries', () => {
  it('is recognized by its tags to the last packet, but only the first of a batch are compared with what was sent', () => {
    const node = new Node();
    const sent = node.send(query(SHORT), ROUTE);
    const verdicts = Array.from({ length: 64 }, () => judge(node.detector, sent));
    expect(verdicts.every(({ verdict }) => verdict === LoopVerdict.loop)).toBe(true);
    expect(verdicts.map(({ certain }) => certain)).toEqual(verdicts.map((_, i) => i < 8));
    node.clock.nowMs += 1;
    expect(judge(node.detector, sent)).toEqual(proof(Evidence.edns));
  });
});
