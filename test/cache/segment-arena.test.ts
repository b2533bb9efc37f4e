import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NONE, SEGMENT_BYTES, SegmentArena } from '../../src/cache/segment-arena.ts';

/** An entry's segments, in order. */
function segmentsOf(arena: SegmentArena, ref: number): number[] {
  const segments = [];
  for (let segment = ref; segment !== NONE; segment = arena.links[segment]!) segments.push(segment);
  return segments;
}

describe('SegmentArena', () => {
  it('allocates linked segments, each to one entry only', () => {
    const arena = new SegmentArena(10);
    const first = segmentsOf(arena, arena.allocate(3));
    const second = segmentsOf(arena, arena.allocate(4));
    expect(first).toHaveLength(3);
    expect(second).toHaveLength(4);
    expect(new Set([...first, ...second]).size).toBe(7);
    expect([...first, ...second]).not.toContain(NONE);
    expect(arena.used).toBe(7);
  });

  it('refuses what does not fit, and then allocates nothing', () => {
    const arena = new SegmentArena(4);
    arena.allocate(2);
    expect(arena.allocate(3)).toBe(NONE);
    expect(arena.used).toBe(2);
    expect(arena.allocate(2)).not.toBe(NONE);
    expect(arena.allocate(1)).toBe(NONE);
  });

  it('can give all its memory to large entries after small ones filled it in a scattered order', () => {
    const arena = new SegmentArena(1000);
    const small = Array.from({ length: 1000 }, () => arena.allocate(1));
    // Every other one first, so that no two free segments are neighbors.
    for (let i = 0; i < 1000; i += 2) arena.free(small[i]!);
    expect(arena.allocate(500)).not.toBe(NONE);
    for (let i = 1; i < 1000; i += 2) arena.free(small[i]!);
    expect(arena.allocate(500)).not.toBe(NONE);
    expect(arena.used).toBe(1000);
  });

  it('reserves its memory once: one segment more than its capacity', () => {
    const arena = new SegmentArena(1000);
    expect(arena.bytes.length).toBe(1001 * SEGMENT_BYTES);
    expect(arena.words.buffer).toBe(arena.bytes.buffer);
    expect(arena.doubles.buffer).toBe(arena.bytes.buffer);
  });

  it('never gives a segment to two entries, in any order of allocation and release', {
    timeout: 120_000,
  }, () => {
    const steps = fc.array(fc.record({ take: fc.boolean(), size: fc.integer({ min: 1, max: 9 }) }), {
      maxLength: 200,
    });
    fc.assert(
      fc.property(steps, (plan) => {
        const arena = new SegmentArena(40);
        const held: { ref: number; segments: number[] }[] = [];
        for (const { take, size } of plan) {
          if (take) {
            const ref = arena.allocate(size);
            const used = held.reduce((sum, { segments }) => sum + segments.length, 0);
            expect(ref === NONE).toBe(used + size > 40);
            if (ref !== NONE) held.push({ ref, segments: segmentsOf(arena, ref) });
          } else if (held.length > 0) {
            arena.free(held.splice(size % held.length, 1)[0]!.ref);
          }
          const all = held.flatMap(({ segments }) => segments);
          expect(new Set(all).size).toBe(all.length);
          expect(arena.used).toBe(all.length);
          for (const { ref, segments } of held) expect(segmentsOf(arena, ref)).toEqual(segments);
        }
      }),
    );
  });
});
