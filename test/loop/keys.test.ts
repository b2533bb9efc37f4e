import { describe, expect, it } from 'vitest';
import { createKeyMaterial, EPOCH_MS, KeyRing } from '../../src/loop/keys.ts';

const HOUR = 473_000;
const MIDDLE_MS = HOUR * EPOCH_MS + EPOCH_MS / 2;

describe('key material', () => {
  it('is the same in all that matters for two replicas with one cluster key, save the instance', () => {
    const a = createKeyMaterial('correct horse', 'edge');
    const b = createKeyMaterial('correct horse', 'edge');
    expect(a.secret).toEqual(b.secret);
    expect(a.ringId).toBe(b.ringId);
    expect(a.instance).not.toBe(b.instance);
    expect(a.shared).toBe(true);
  });

  it('is unlike any other without a cluster key', () => {
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

describe('key ring', () => {
  it('shares tag keys between rings but neither case nor probe keys', () => {
    const a = new KeyRing(createKeyMaterial('key', 'a'), 0, () => MIDDLE_MS).current;
    const b = new KeyRing(createKeyMaterial('key', 'b'), 0, () => MIDDLE_MS).current;
    expect(a.tagKey).toEqual(b.tagKey);
    expect(a.caseSchedule).not.toEqual(b.caseSchedule);
    expect(a.probeKey).not.toEqual(b.probeKey);
  });

  it('with a cluster key goes by the wall clock and takes the epochs before and after', () => {
    let wallMs = MIDDLE_MS;
    const ring = new KeyRing(createKeyMaterial('key', 'a'), 0, () => wallMs);
    expect(ring.current.epoch).toBe(HOUR);
    expect(ring.accepted.map((keys) => keys.epoch).sort()).toEqual([HOUR - 1, HOUR, HOUR + 1]);
    wallMs += EPOCH_MS;
    ring.advance(1000);
    expect(ring.current.epoch).toBe(HOUR + 1);
    expect(ring.accepted.map((keys) => keys.epoch).sort()).toEqual([HOUR, HOUR + 1, HOUR + 2]);
  });

  it('keeps what it had sent with when the wall clock jumps', () => {
    let wallMs = MIDDLE_MS;
    const ring = new KeyRing(createKeyMaterial('key', 'a'), 0, () => wallMs);
    wallMs -= 50 * EPOCH_MS;
    ring.advance(1000);
    expect(ring.current.epoch).toBe(HOUR - 50);
    expect(ring.find(HOUR)).not.toBeNull();
    expect(ring.accepted.length).toBeLessThanOrEqual(4);
  });

  it('alone goes by the monotonic clock, and takes a neighbouring epoch for ten seconds round the change', () => {
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

  it('derives the same keys in two threads', () => {
    const material = createKeyMaterial('', 'a');
    const a = new KeyRing(material, 7 * EPOCH_MS);
    const b = new KeyRing(structuredClone(material), 7 * EPOCH_MS + 5);
    expect(a.current.tagKey).toEqual(b.current.tagKey);
    expect(a.current.caseSchedule).toEqual(b.current.caseSchedule);
  });
});
