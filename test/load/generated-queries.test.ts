import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type GeneratedOptions, GeneratedQueries } from '../../src/load/generated-queries.ts';
import { type Asked, ask, PLAIN } from './asked-queries.ts';

function generated(options: Partial<GeneratedOptions> = {}): GeneratedQueries {
  return new GeneratedQueries({
    hotNames: 100,
    zipfExponent: 1,
    uniqueShare: 0,
    nxdomainShare: 0,
    suffix: 'bench.example',
    nxdomainSuffix: 'bench.missing',
    qtypes: [1],
    seed: 42,
    ...PLAIN,
    ...options,
  });
}

const shareOf = (list: Asked[], test: (asked: Asked) => boolean) => list.filter(test).length / list.length;

describe('generated queries', () => {
  it('ask the hot set only, unless told otherwise', () => {
    const asked = ask(generated({ hotNames: 10 }), 2000);
    expect(new Set(asked.map(({ name }) => name)).size).toBe(10);
    expect(
      asked.every(({ name, type, edns }) => name.endsWith('.bench.example') && type === 'A' && !edns),
    ).toBe(true);
  });

  it('keep to the shares', () => {
    const share = fc.constantFrom(0, 0.05, 0.3, 0.5, 1);
    fc.assert(
      fc.property(
        share,
        share,
        share,
        share,
        fc.nat(),
        (uniqueShare, nxdomainShare, ednsShare, dnssecShare, seed) => {
          const asked = ask(generated({ uniqueShare, nxdomainShare, ednsShare, dnssecShare, seed }), 500);
          const near = (got: number, wanted: number) =>
            expect(Math.abs(got - wanted)).toBeLessThanOrEqual(6 * Math.sqrt((wanted * (1 - wanted)) / 500));
          near(
            shareOf(asked, ({ name }) => name.startsWith('u')),
            uniqueShare,
          );
          near(
            shareOf(asked, ({ name }) => name.endsWith('.bench.missing')),
            nxdomainShare,
          );
          near(
            shareOf(asked, ({ edns }) => edns),
            Math.max(ednsShare, dnssecShare),
          );
          near(
            shareOf(asked, ({ dnssecOk }) => dnssecOk),
            dnssecShare,
          );
        },
      ),
      { numRuns: 20, seed: 7 },
    );
  });

  it('never ask a unique name twice, not even in another run', () => {
    const names = [1, 2].flatMap((seed) =>
      ask(generated({ uniqueShare: 1, seed }), 3000).map(({ name }) => name),
    );
    expect(new Set(names).size).toBe(6000);
  });

  it('ask types in turn and letters in both cases', () => {
    const asked = ask(generated({ qtypes: [1, 28, 15], randomCase: true }), 300);
    expect(asked.slice(0, 4).map(({ type }) => type)).toEqual(['A', 'AAAA', 'MX', 'A']);
    const letters = asked.flatMap(({ name }) => [...name.replace(/[^A-Za-z]/g, '')]);
    const upper = letters.filter((letter) => letter < 'a').length / letters.length;
    expect(upper).toBeGreaterThan(0.4);
    expect(upper).toBeLessThan(0.6);
    expect(asked.every(({ name }) => /^h[0-9a-f]{8}\.bench\.example$/i.test(name))).toBe(true);
  });

  it('repeat with their seed', () => {
    const options = { uniqueShare: 0.5, randomCase: true, ednsShare: 0.5, seed: 9 };
    expect(ask(generated(options), 200)).toEqual(ask(generated(options), 200));
  });

  it('refuse a suffix that leaves no room', () => {
    expect(() => generated({ suffix: `${'a'.repeat(60)}.`.repeat(4) })).toThrow(RangeError);
    expect(() => generated({ suffix: 'a..b' })).toThrow(RangeError);
  });
});
