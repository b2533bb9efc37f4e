import { describe, expect, it } from 'vitest';
import { expandHashKey } from '../../src/loop/keyed-hash.ts';
import { createKeyMaterial, EPOCH_MS, EpochKeys, KeyRing } from '../../src/loop/keys.ts';
import { buildTag, FILLED_TAG_OFFSET } from '../../src/loop/tag.ts';

const HOUR = 473_000;
const MIDDLE_MS = HOUR * EPOCH_MS + EPOCH_MS / 2;

describe('key material', () => {
  it('is the same for two replicas with one cluster key, except for the instance', () => {
    const a = createKeyMaterial('correct horse', 'edge');
    const b = createKeyMaterial('correct horse', 'edge');
    expect(a.secret).toEqual(b.secret);
    expect(a.ringId).toBe(b.ringId);
    expect(a.instance).not.toBe(b.instance);
    expect(a.shared).toBe(true);
  });

  it('is unique without a cluster key', () => {
    const a = createKeyMaterial('', 'edge');
    const b = createKeyMaterial('', 'edge');
    expect(a.secret).not.toEqual(b.secret);
    expect(a.ringId).not.toBe(b.ringId);
    expect(a.shared).toBe(false);
  });

  it('can be posted to a worker', () => {
    const material = createKeyMaterial('key', 'ring');
    expect(structuredClone(material)).toEqual(material);
  });

  it('does not hold the cluster key', () => {
    const material = createKeyMaterial('correct horse', 'edge');
    expect(Buffer.from(material.secret).includes('correct')).toBe(false);
    expect(JSON.stringify(material)).not.toContain('correct');
  });
});

describe('what replicas of different versions must agree on', () => {
  // Computed apart from src/, by node:crypto: another result here is another version of the tag.
  const material = { ...createKeyMaterial('correct horse', 'edge'), instance: 0x01020304 };
  const keys = new EpochKeys(material, HOUR);
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

  it('is the secret behind a cluster key, and the number of a ring', () => {
    expect(hex(material.secret)).toBe('de6c58521460b48ba87264d59fe7db69cae879923d4e1f6da46e6a1f82bc6d89');
    expect(material.ringId).toBe(0xe27f4749);
  });

  it('are the keys of an hour', () => {
    expect(hex(keys.tagKey)).toBe('cf350b2fda61956ee436b2cdf684a88394362587191d94c5eccf38a4c6befe71');
    expect(hex(keys.probeKey)).toBe('e165090b6ee5db1a631fefee5c7632a52e5a2f4c8f1f56031492027a982c27e5');
  });

  it('are the keys of names and of their case', () => {
    const ring = new KeyRing(material, 0, () => 0);
    expect(ring.nameSchedule).toEqual(expandHashKey(Buffer.from('a87d676c6f06286fae1e6a83a3057e9a', 'hex')));
    expect(ring.caseKeys[0]).toEqual({
      epoch: 0,
      schedule: expandHashKey(Buffer.from('8dcf0726cd23cf6c5c99cd7fb7142984', 'hex')),
    });
  });

  it('is the tag', () => {
    expect(hex(buildTag(material, keys, 513).subarray(FILLED_TAG_OFFSET))).toBe(
      '01000201e27f474901020304000737a864ec046030601c69331ade10',
    );
  });
});

describe('key ring', () => {
  it('shares tag keys between rings but neither case nor probe keys', () => {
    const a = new KeyRing(createKeyMaterial('key', 'a'), 0, () => MIDDLE_MS);
    const b = new KeyRing(createKeyMaterial('key', 'b'), 0, () => MIDDLE_MS);
    expect(a.current.tagKey).toEqual(b.current.tagKey);
    expect(a.caseKeys[0]!.schedule).not.toEqual(b.caseKeys[0]!.schedule);
    expect(a.nameSchedule).not.toEqual(b.nameSchedule);
    expect(a.current.probeKey).not.toEqual(b.current.probeKey);
  });

  it('with a cluster key follows the wall clock and accepts the epochs before and after', () => {
    let wallMs = MIDDLE_MS;
    const ring = new KeyRing(createKeyMaterial('key', 'a'), 0, () => wallMs);
    expect(ring.current.epoch).toBe(HOUR);
    expect(ring.accepted.map((keys) => keys.epoch).sort()).toEqual([HOUR - 1, HOUR, HOUR + 1]);
    wallMs += EPOCH_MS;
    ring.advance(1000);
    expect(ring.current.epoch).toBe(HOUR + 1);
    expect(ring.accepted.map((keys) => keys.epoch).sort()).toEqual([HOUR, HOUR + 1, HOUR + 2]);
  });

  it('keeps the keys that it sent with when the wall clock jumps', () => {
    let wallMs = MIDDLE_MS;
    const ring = new KeyRing(createKeyMaterial('key', 'a'), 0, () => wallMs);
    wallMs -= 50 * EPOCH_MS;
    ring.advance(1000);
    expect(ring.current.epoch).toBe(HOUR - 50);
    expect(ring.find(HOUR)).not.toBeNull();
    expect(ring.accepted.length).toBeLessThanOrEqual(4);
  });

  it('alone follows the monotonic clock, and accepts a neighboring epoch for ten seconds around the change', () => {
    const never = (): number => {
      throw new Error('the wall clock was asked');
    };
    const ring = new KeyRing(createKeyMaterial('', 'a'), 5 * EPOCH_MS + 60_000, never);
    const epochs = (nowMs: number): number[] => {
      ring.advance(nowMs);
      return ring.accepted.map((keys) => keys.epoch);
    };
    expect(epochs(5 * EPOCH_MS + 62_000)).toEqual([5]);
    expect(epochs(6 * EPOCH_MS - 9000)).toEqual([5, 6]);
    expect(epochs(6 * EPOCH_MS)).toEqual([6, 5]);
    expect(epochs(6 * EPOCH_MS + 9000)).toEqual([6, 5]);
    expect(epochs(6 * EPOCH_MS + 11_000)).toEqual([6]);
  });

  it('alone accepts the neighbor to the millisecond', () => {
    const epochsAt = (nowMs: number): number[] =>
      new KeyRing(createKeyMaterial('', 'a'), nowMs).accepted.map((keys) => keys.epoch);
    expect(epochsAt(6 * EPOCH_MS - 10_001)).toEqual([5]);
    expect(epochsAt(6 * EPOCH_MS - 10_000)).toEqual([5, 6]);
    expect(epochsAt(6 * EPOCH_MS + 9999)).toEqual([6, 5]);
    expect(epochsAt(6 * EPOCH_MS + 10_000)).toEqual([6]);
  });

  it('keeps its keys after a jump, and forgets the earlier ones with the next epoch', () => {
    let wallMs = MIDDLE_MS;
    const ring = new KeyRing(createKeyMaterial('key', 'a'), 0, () => wallMs);
    const { current } = ring;
    ring.advance(1000);
    expect(ring.current).toBe(current);
    wallMs -= 50 * EPOCH_MS;
    ring.advance(2000);
    expect(ring.find(HOUR)).toBe(current);
    expect(ring.accepted.map((keys) => keys.epoch)).toEqual([HOUR - 50, HOUR - 51, HOUR - 49, HOUR]);
    ring.advance(3000);
    expect(ring.find(HOUR)).toBe(current);
    wallMs += EPOCH_MS;
    ring.advance(4000);
    expect(ring.find(HOUR)).toBeNull();
    expect(ring.find(HOUR - 50)).not.toBeNull();
  });

  it('uses no epoch twice when the wall clock jumps there and back', () => {
    let wallMs = MIDDLE_MS;
    const ring = new KeyRing(createKeyMaterial('key', 'a'), 0, () => wallMs);
    wallMs += 2 * EPOCH_MS;
    ring.advance(1000);
    wallMs -= 2 * EPOCH_MS;
    ring.advance(2000);
    const epochs = ring.accepted.map((keys) => keys.epoch);
    expect(new Set(epochs).size).toBe(epochs.length);
  });

  it('looks at the time once a second', () => {
    let asked = 0;
    const ring = new KeyRing(createKeyMaterial('key', 'a'), 0, () => {
      asked++;
      return MIDDLE_MS;
    });
    const before = asked;
    for (let nowMs = 1; nowMs <= 3000; nowMs++) ring.advance(nowMs);
    expect(asked - before).toBe(3);
  });

  it('derives the same keys in two threads', () => {
    const material = createKeyMaterial('', 'a');
    const a = new KeyRing(material, 7 * EPOCH_MS);
    const b = new KeyRing(structuredClone(material), 7 * EPOCH_MS + 5);
    expect(a.current.tagKey).toEqual(b.current.tagKey);
    expect(a.caseKeys).toEqual(b.caseKeys);
    expect(a.nameSchedule).toEqual(b.nameSchedule);
  });
});
