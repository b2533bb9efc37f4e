import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createKeyMaterial, EPOCH_MS, KeyRing, type LoopKeyMaterial } from '../../src/loop/keys.ts';
import {
  FILLED_TAG_OFFSET,
  MAX_FILLER_LENGTH,
  ReadTag,
  TAG_LENGTH,
  TAG_OPTION,
  TagReader,
  TagVerdict,
} from '../../src/loop/tag.ts';

const WALL_MS = 473_000 * EPOCH_MS + EPOCH_MS / 2;

function reader(material: LoopKeyMaterial, wallMs = WALL_MS): TagReader {
  return new TagReader(new KeyRing(material, 0, () => wallMs), 0);
}

/** The tag by itself. */
function tagOf(by: TagReader, routeSlot: number, hops = 0): Uint8Array {
  return Uint8Array.from(by.tagFor(routeSlot, hops).subarray(FILLED_TAG_OFFSET));
}

/** What the tag that was judged last said. */
const said = new ReadTag();

function judge(by: TagReader, tag: Uint8Array, nowMs = 0): TagVerdict {
  // Inside a longer message, as it arrives.
  const bytes = new Uint8Array(TAG_LENGTH + 40).fill(0xa5);
  bytes.set(tag, 7);
  return by.read(bytes, 7, tag.length, nowMs, said);
}

describe('tag', () => {
  it('has a code for local use that is not in use elsewhere', () => {
    expect(TAG_OPTION).toBeGreaterThanOrEqual(65001);
    expect(TAG_OPTION).toBeLessThanOrEqual(65534);
    expect([65001, 65073, 65074, 65500, 65518]).not.toContain(TAG_OPTION);
  });

  it('is recognized by every thread of its process, with its route', () => {
    const material = createKeyMaterial('', 'default');
    const keys = (): KeyRing => new KeyRing(structuredClone(material), 1000);
    const sender = new TagReader(keys(), 1000);
    const receiver = new TagReader(keys(), 1000);
    expect(judge(receiver, tagOf(sender, 517), 1000)).toBe(TagVerdict.own);
    expect(said.routeSlot).toBe(517);
  });

  it('is recognized whatever its hop count became on the way', () => {
    const own = reader(createKeyMaterial('', 'default'));
    const tag = tagOf(own, 3);
    tag[1] = 5;
    expect(judge(own, tag)).toBe(TagVerdict.own);
    expect(said.hops).toBe(5);
  });

  it('carries the hop count it is given, up to 255', () => {
    const own = reader(createKeyMaterial('', 'default'));
    expect(tagOf(own, 3, 4)[1]).toBe(4);
    expect(tagOf(own, 3, 400)[1]).toBe(255);
    expect(tagOf(own, 3)[1]).toBe(0);
  });

  it('of the same ring is from a replica, of another ring a hop', () => {
    const a = reader(createKeyMaterial('key', 'edge'));
    const b = reader(createKeyMaterial('key', 'edge'));
    const inner = reader(createKeyMaterial('key', 'inner'));
    expect(judge(b, tagOf(a, 1))).toBe(TagVerdict.ring);
    expect(judge(inner, tagOf(a, 1, 2))).toBe(TagVerdict.hop);
    expect(said.hops).toBe(2);
  });

  it('of another key proves nothing', () => {
    const own = reader(createKeyMaterial('key', 'edge'));
    expect(judge(own, tagOf(reader(createKeyMaterial('other', 'edge')), 1))).toBe(TagVerdict.foreign);
    const alone = reader(createKeyMaterial('', 'edge'));
    expect(judge(alone, tagOf(reader(createKeyMaterial('', 'edge')), 1))).toBe(TagVerdict.foreign);
  });

  it('of zeros only is not ours, although the memory of tags starts as zeros', () => {
    const inFirstHour = reader(createKeyMaterial('key', 'edge'), EPOCH_MS / 2);
    const empty = new Uint8Array(TAG_LENGTH);
    empty[0] = 1;
    expect(judge(inFirstHour, empty)).toBe(TagVerdict.foreign);
  });

  it('with any bit but the hops changed is neither ours nor of the ring', () => {
    const material = createKeyMaterial('key', 'edge');
    const own = reader(material);
    const replica = reader(createKeyMaterial('key', 'edge'));
    fc.assert(
      fc.property(
        fc.nat(1023),
        fc.integer({ min: 0, max: TAG_LENGTH - 1 }).filter((byte) => byte !== 1),
        fc.nat(7),
        (route, byte, bit) => {
          const tag = tagOf(own, route);
          tag[byte]! ^= 1 << bit;
          expect([TagVerdict.none, TagVerdict.foreign]).toContain(judge(own, tag));
          expect([TagVerdict.none, TagVerdict.foreign]).toContain(judge(replica, tag));
        },
      ),
      { numRuns: 300 },
    );
  });

  it('of another length or version is no tag', () => {
    const own = reader(createKeyMaterial('', 'edge'));
    const tag = tagOf(own, 1);
    expect(judge(own, tag.slice(0, TAG_LENGTH - 1))).toBe(TagVerdict.none);
    expect(judge(own, new Uint8Array([...new Uint8Array(MAX_FILLER_LENGTH + 1), ...tag]))).toBe(
      TagVerdict.none,
    );
    expect(judge(own, new Uint8Array(0))).toBe(TagVerdict.none);
    tag[0] = 2;
    expect(judge(own, tag)).toBe(TagVerdict.none);
  });

  it('is the same whatever its filler', () => {
    const own = reader(createKeyMaterial('', 'edge'));
    const tag = tagOf(own, 7, 3);
    for (let fillerLength = 0; fillerLength <= MAX_FILLER_LENGTH; fillerLength++) {
      expect(judge(own, new Uint8Array([...new Uint8Array(fillerLength).fill(fillerLength), ...tag]))).toBe(
        TagVerdict.own,
      );
      expect([said.routeSlot, said.hops]).toEqual([7, 3]);
    }
  });

  it('is recognized in the epochs next to its own, and not beyond', () => {
    const material = createKeyMaterial('key', 'edge');
    const replica = createKeyMaterial('key', 'edge');
    const tag = tagOf(reader(material), 9);
    for (const [shift, own, ring] of [
      [-2, TagVerdict.none, TagVerdict.foreign],
      [-1, TagVerdict.own, TagVerdict.ring],
      [0, TagVerdict.own, TagVerdict.ring],
      [1, TagVerdict.own, TagVerdict.ring],
      [2, TagVerdict.none, TagVerdict.foreign],
    ] as const) {
      expect(judge(reader(material, WALL_MS + shift * EPOCH_MS), tag)).toBe(own);
      expect(judge(reader(replica, WALL_MS + shift * EPOCH_MS), tag)).toBe(ring);
    }
  });

  it('is recognized at every moment around the change of epochs', () => {
    const material = createKeyMaterial('', 'edge');
    const keys = new KeyRing(material, 8 * EPOCH_MS - 5000);
    const own = new TagReader(keys, 0);
    for (let nowMs = 8 * EPOCH_MS - 5000; nowMs < 8 * EPOCH_MS + 5000; nowMs += 100) {
      keys.advance(nowMs);
      const tag = tagOf(own, 2);
      keys.advance(nowMs + 2000);
      expect(judge(own, tag, nowMs)).toBe(TagVerdict.own);
    }
  });

  it('costs a bounded number of HMACs in a flood of forged tags', () => {
    const own = reader(createKeyMaterial('key', 'edge'));
    const genuine = tagOf(reader(createKeyMaterial('key', 'edge')), 1);
    expect(judge(own, genuine)).toBe(TagVerdict.ring);
    const bogus = tagOf(reader(createKeyMaterial('other', 'edge')), 1);
    for (let i = 0; i < 5000; i++) {
      new DataView(bogus.buffer).setUint32(20, i);
      expect(judge(own, bogus)).toBe(TagVerdict.foreign);
    }
    expect(own.budget.refused).toBe(5000 - 199);
    // Replicas known before are known still, and a new one as soon as there is budget again.
    expect(judge(own, genuine)).toBe(TagVerdict.ring);
    const late = tagOf(reader(createKeyMaterial('key', 'edge')), 1);
    expect(judge(own, late)).toBe(TagVerdict.foreign);
    expect(judge(own, late, 10)).toBe(TagVerdict.ring);
  });

  it('of another server costs nothing when no key is shared', () => {
    const alone = reader(createKeyMaterial('', 'edge'));
    const tag = tagOf(reader(createKeyMaterial('', 'edge')), 1);
    for (let i = 0; i < 1000; i++) {
      new DataView(tag.buffer).setUint32(20, i);
      expect(judge(alone, tag)).toBe(TagVerdict.foreign);
    }
    expect(alone.budget.refused).toBe(0);
    expect(alone.budget.take(0)).toBe(true);
  });
});
