import { createHmac } from 'node:crypto';
import { decode } from 'dns-packet';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_ROUTES } from '../../src/base/slots.ts';
import { createKeyMaterial, EPOCH_MS, KeyRing, type LoopKeyMaterial } from '../../src/loop/keys.ts';
import {
  hasProbeProof,
  makeProbeName,
  PROBE_LIFETIME_MS,
  PROBE_QTYPE,
  ProbeReader,
  ProbeVerdict,
  ReadProbe,
  writeProbeProof,
} from '../../src/loop/probe.ts';
import { Type } from '../../src/wire/codes.ts';
import { HEADER_LENGTH } from '../../src/wire/header.ts';
import { nameToText, textToName } from '../../src/wire/text.ts';
import { query, recase } from './incoming.ts';

const ROOT = Uint8Array.of(0);
const WALL_MS = 473_000 * EPOCH_MS + EPOCH_MS / 2;
const NOW_MS = 3 * EPOCH_MS + EPOCH_MS / 2;

function ringOf(material: LoopKeyMaterial, wallMs = WALL_MS, nowMs = NOW_MS): KeyRing {
  return new KeyRing(material, nowMs, () => wallMs);
}

function judge(
  keys: KeyRing,
  name: Uint8Array,
  qtype: number = PROBE_QTYPE,
  nowMs = NOW_MS,
): ReadProbe & { verdict: ProbeVerdict } {
  const { bytes, q } = query(name, qtype);
  const said = new ReadProbe();
  return { verdict: new ProbeReader(keys, nowMs).read(bytes, q, nowMs, said), ...said };
}

describe('probe', () => {
  const material = createKeyMaterial('', 'default');
  const keys = ringOf(material);

  it('is a name of two labels under the root, recognized with its route and nonce', () => {
    const name = makeProbeName(keys, 345, ROOT, 0xdeadbeef, NOW_MS)!;
    expect(nameToText(name, 0)).toMatch(/^[a-z2-7]{20}\.[a-z2-7]{20}\.?$/);
    const seen = judge(ringOf(structuredClone(material)), name);
    expect(seen.verdict).toBe(ProbeVerdict.own);
    expect(seen.routeSlot).toBe(345);
    expect(seen.nonce).toBe(0xdeadbeef);
  });

  it('stands under the suffix of its zone', () => {
    const name = makeProbeName(keys, 1, textToName('cluster.local'), 7, NOW_MS)!;
    expect(nameToText(name, 0)).toMatch(/^[a-z2-7]{20}\.[a-z2-7]{20}\.cluster\.local\.?$/);
    expect(judge(keys, name).verdict).toBe(ProbeVerdict.own);
  });

  it('is written and proven as in other versions', () => {
    const shared = createKeyMaterial('key', 'edge');
    const ring = ringOf(shared);
    const name = makeProbeName(ring, 345, ROOT, 0xdeadbeef, NOW_MS)!;
    // RFC 4648 base32, 40 digits are 25 bytes: read here by arithmetic, not as src/ does.
    const digits = nameToText(name, 0).replaceAll('.', '');
    let number = 0n;
    for (const digit of digits)
      number = number * 32n + BigInt('abcdefghijklmnopqrstuvwxyz234567'.indexOf(digit));
    const payload = Buffer.from(number.toString(16).padStart(50, '0'), 'hex');
    expect(payload.readUInt32BE(0)).toBe(0xdeadbeef);
    expect(payload.readUInt32BE(4)).toBe(shared.instance);
    expect(payload.readUInt16BE(8)).toBe(345);
    expect(payload.readUInt32BE(10)).toBe(WALL_MS / 1000);
    const { probeKey } = ring.current;
    const mac = createHmac('sha256', probeKey).update(payload.subarray(0, 14)).digest();
    expect(payload.subarray(14)).toEqual(mac.subarray(0, 11));

    const { bytes, q } = query(name, PROBE_QTYPE);
    const out = new Uint8Array(512);
    const proof = createHmac('sha256', probeKey).update('came to its ring').update(payload).digest('hex');
    const length = writeProbeProof(ringOf(createKeyMaterial('key', 'edge')), bytes, q, out);
    expect(Buffer.from(out.subarray(length - 40, length)).toString('latin1')).toBe(
      `\x06unloop\x20${proof.slice(0, 32)}`,
    );
  });

  it('names an existing route', () => {
    const last = makeProbeName(keys, MAX_ROUTES - 1, ROOT, 7, NOW_MS)!;
    expect(judge(keys, last).verdict).toBe(ProbeVerdict.own);
    const beyond = makeProbeName(keys, MAX_ROUTES, ROOT, 7, NOW_MS)!;
    expect(judge(keys, beyond).verdict).toBe(ProbeVerdict.none);
  });

  it('needs both labels whole, and the suffix after them', () => {
    const name = makeProbeName(keys, 1, ROOT, 7, NOW_MS)!;
    const longer = (label: number): Uint8Array => {
      const labels = [name.slice(1, 21), name.slice(22, 42)];
      labels[label] = Uint8Array.from([...labels[label]!, 0x61]);
      return Uint8Array.from([...labels.flatMap((bytes) => [bytes.length, ...bytes]), 0]);
    };
    expect(judge(keys, longer(0)).verdict).toBe(ProbeVerdict.none);
    expect(judge(keys, longer(1)).verdict).toBe(ProbeVerdict.none);
    const under = Uint8Array.from([...name.slice(0, 42), ...textToName('a.b')]);
    expect(judge(keys, under).verdict).toBe(ProbeVerdict.own);
  });

  it('is not made where the suffix leaves no room', () => {
    const long = (length: number): Uint8Array =>
      textToName(`${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(length)}`);
    expect(makeProbeName(keys, 1, long(19), 7, NOW_MS)!.length).toBe(255);
    expect(makeProbeName(keys, 1, long(20), 7, NOW_MS)).toBeNull();
  });

  it('is recognized in any letter case', () => {
    fc.assert(
      fc.property(
        fc.nat(1023),
        fc.nat(),
        fc.infiniteStream(fc.boolean()),
        fc.constantFrom(ROOT, textToName('corp.example.com')),
        (route, nonce, cases, suffix) => {
          const name = makeProbeName(keys, route, suffix, nonce, NOW_MS)!;
          const seen = judge(
            keys,
            recase(name, () => cases.next().value === true),
          );
          expect([seen.verdict, seen.routeSlot, seen.nonce]).toEqual([ProbeVerdict.own, route, nonce]);
        },
      ),
    );
  });

  it('is not recognized with any letter or digit changed', () => {
    const name = makeProbeName(keys, 1, ROOT, 7, NOW_MS)!;
    for (let at = 0; at < name.length - 1; at++) {
      if (at % 21 === 0) continue;
      const other = name.slice();
      other[at] = other[at] === 0x62 ? 0x63 : 0x62;
      expect(judge(keys, other).verdict).toBe(ProbeVerdict.none);
    }
  });

  it('is not recognized with another type, or without its second label', () => {
    const name = makeProbeName(keys, 1, ROOT, 7, NOW_MS)!;
    expect(judge(keys, name, Type.TXT).verdict).toBe(ProbeVerdict.none);
    expect(judge(keys, Uint8Array.from([...name.slice(0, 21), 0])).verdict).toBe(ProbeVerdict.none);
    expect(judge(keys, textToName('example.com')).verdict).toBe(ProbeVerdict.none);
    expect(judge(keys, ROOT).verdict).toBe(ProbeVerdict.none);
  });

  it('expires', () => {
    const name = makeProbeName(keys, 1, ROOT, 7, NOW_MS)!;
    const later = (ms: number): ProbeVerdict =>
      judge(ringOf(material, WALL_MS, NOW_MS + ms), name, PROBE_QTYPE, NOW_MS + ms).verdict;
    expect(later(PROBE_LIFETIME_MS - 1000)).toBe(ProbeVerdict.own);
    expect(later(PROBE_LIFETIME_MS)).toBe(ProbeVerdict.own);
    expect(later(PROBE_LIFETIME_MS + 1)).toBe(ProbeVerdict.none);
    expect(later(PROBE_LIFETIME_MS + 1000)).toBe(ProbeVerdict.none);
  });

  it('survives the change of epochs', () => {
    const changeMs = 4 * EPOCH_MS;
    for (const sentMs of [changeMs - 2000, changeMs - 1, changeMs, changeMs + 1]) {
      const name = makeProbeName(ringOf(material, WALL_MS, changeMs - 900), 1, ROOT, 7, sentMs)!;
      expect(judge(ringOf(material, WALL_MS, sentMs + 3000), name, PROBE_QTYPE, sentMs + 3000).verdict).toBe(
        ProbeVerdict.own,
      );
    }
  });

  it('is not recognized, and has no proof, when the keys of its epoch are gone', () => {
    const sentMs = 4 * EPOCH_MS - 5000;
    const name = makeProbeName(ringOf(material, WALL_MS, sentMs), 1, ROOT, 7, sentMs)!;
    const lateMs = sentMs + 20_000;
    expect(judge(ringOf(material, WALL_MS, lateMs), name, PROBE_QTYPE, lateMs).verdict).toBe(
      ProbeVerdict.none,
    );
    const { bytes, q } = query(name, PROBE_QTYPE);
    const late = ringOf(material, WALL_MS, 9 * EPOCH_MS);
    expect(writeProbeProof(late, bytes, q, new Uint8Array(512))).toBe(0);
    expect(hasProbeProof(late, name, new Uint8Array(512), 512)).toBe(false);
  });

  it('of another process is not recognized without the same cluster key', () => {
    const name = makeProbeName(ringOf(createKeyMaterial('', 'default')), 1, ROOT, 7, NOW_MS)!;
    expect(judge(keys, name).verdict).toBe(ProbeVerdict.none);
    const keyed = makeProbeName(ringOf(createKeyMaterial('key', 'default')), 1, ROOT, 7, NOW_MS)!;
    expect(judge(ringOf(createKeyMaterial('yek', 'default')), keyed).verdict).toBe(ProbeVerdict.none);
  });

  it('of a replica is recognized even when its clock is minutes off; of another ring it is an ordinary name', () => {
    const name = makeProbeName(ringOf(createKeyMaterial('key', 'edge')), 1, ROOT, 7, NOW_MS)!;
    expect(judge(ringOf(createKeyMaterial('key', 'edge')), name).verdict).toBe(ProbeVerdict.ring);
    for (const skewMs of [-10 * 60_000, 10 * 60_000]) {
      expect(judge(ringOf(createKeyMaterial('key', 'edge'), WALL_MS + skewMs), name).verdict).toBe(
        ProbeVerdict.ring,
      );
    }
    for (const direction of [-1, 1]) {
      const apart = (ms: number): ProbeVerdict =>
        judge(ringOf(createKeyMaterial('key', 'edge'), WALL_MS + direction * ms), name).verdict;
      expect(apart(EPOCH_MS)).toBe(ProbeVerdict.ring);
      expect(apart(EPOCH_MS + 1)).toBe(ProbeVerdict.none);
    }
    expect(judge(ringOf(createKeyMaterial('key', 'inner')), name).verdict).toBe(ProbeVerdict.none);
  });

  it('is answered by a replica with a proof that only the ring can make, and only for this probe', () => {
    const prober = ringOf(createKeyMaterial('key', 'edge'));
    const replica = ringOf(createKeyMaterial('key', 'edge'));
    const name = makeProbeName(prober, 1, ROOT, 7, NOW_MS)!;
    const asked = query(
      recase(name, () => true),
      PROBE_QTYPE,
    );
    const reply = new Uint8Array(512);
    const length = writeProbeProof(replica, asked.bytes, asked.q, reply);
    expect(hasProbeProof(prober, name, reply, length)).toBe(true);
    expect(hasProbeProof(prober, name, reply, length - 1)).toBe(false);
    expect(hasProbeProof(prober, makeProbeName(prober, 1, ROOT, 8, NOW_MS)!, reply, length)).toBe(false);
    const forged = new Uint8Array(512);
    const otherRing = ringOf(createKeyMaterial('other', 'edge'));
    const forgedLength = writeProbeProof(otherRing, asked.bytes, asked.q, forged);
    expect(forgedLength).toBe(length);
    expect(hasProbeProof(prober, name, forged, forgedLength)).toBe(false);
    const ordinary = query('example.com', PROBE_QTYPE);
    expect(writeProbeProof(replica, ordinary.bytes, ordinary.q, reply)).toBe(0);
  });

  it('is answered with a sound message', () => {
    const keyed = ringOf(createKeyMaterial('key', 'edge'));
    const { bytes, q } = query(makeProbeName(keyed, 1, textToName('corp'), 7, NOW_MS)!, PROBE_QTYPE);
    const out = new Uint8Array(512).fill(0xee);
    const reply = decode(Buffer.from(out.subarray(0, writeProbeProof(keyed, bytes, q, out))));
    expect(reply).toMatchObject({ type: 'response', rcode: 'NOERROR', flag_rd: true, flag_ra: true });
    const os = expect.stringMatching(/^[0-9a-f]{32}$/);
    expect(reply.answers).toMatchObject([
      { name: reply.questions![0]!.name, type: 'HINFO', class: 'IN', ttl: 0, data: { cpu: 'unloop', os } },
    ]);
    expect(out.slice(HEADER_LENGTH, q.questionEnd)).toEqual(bytes.slice(HEADER_LENGTH, q.questionEnd));
  });

  it('from others costs a bounded number of HMACs, and our own are still recognized', () => {
    const shared = ringOf(createKeyMaterial('key', 'edge'));
    const reader = new ProbeReader(shared, NOW_MS);
    const bogus = makeProbeName(ringOf(createKeyMaterial('other', 'edge')), 1, ROOT, 7, NOW_MS)!;
    // The time in it is right, so that only the HMAC tells.
    const { bytes, q } = query(bogus, PROBE_QTYPE);
    for (let i = 0; i < 1000; i++)
      expect(reader.read(bytes, q, NOW_MS, new ReadProbe())).toBe(ProbeVerdict.none);
    expect(reader.replicaBudget.refused).toBe(800);
    expect(reader.ownBudget.refused).toBe(0);
    const own = query(makeProbeName(shared, 2, ROOT, 9, NOW_MS)!, PROBE_QTYPE);
    expect(reader.read(own.bytes, own.q, NOW_MS, new ReadProbe())).toBe(ProbeVerdict.own);
  });
});
