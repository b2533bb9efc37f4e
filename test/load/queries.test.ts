import dnsPacket from 'dns-packet';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FastRandom } from '../../src/load/fast-random.ts';
import { FileQueries, readQueryFile } from '../../src/load/file-queries.ts';
import { type GeneratedOptions, GeneratedQueries } from '../../src/load/generated-queries.ts';
import { LONGEST_QUERY, type QuerySource } from '../../src/load/query-source.ts';
import { Zipf } from '../../src/load/zipf.ts';

const PLAIN = { randomCase: false, ednsShare: 0, dnssecShare: 0 };

function generated(options: Partial<GeneratedOptions> = {}): GeneratedQueries {
  return new GeneratedQueries({
    hotNames: 100,
    zipfExponent: 1,
    uniqueShare: 0,
    nxdomainShare: 0,
    suffix: 'bench.example',
    nxdomainSuffix: 'bench.invalid',
    qtypes: [1],
    seed: 42,
    ...PLAIN,
    ...options,
  });
}

interface Asked {
  name: string;
  type: string;
  edns: boolean;
  dnssecOk: boolean;
}

/** The next queries, decoded by somebody else's code. */
function ask(source: QuerySource, count: number): Asked[] {
  const out = new Uint8Array(8 + LONGEST_QUERY).fill(0xee);
  return Array.from({ length: count }, () => {
    const length = source.write(out, 8);
    expect(out[8 + length] ?? 0xee).toBe(0xee);
    const message = dnsPacket.decode(Buffer.from(out.subarray(8, 8 + length)));
    out.fill(0xee);
    expect(message.flag_rd).toBe(true);
    expect(message.questions).toHaveLength(1);
    const { name, type } = message.questions![0]!;
    const opt = message.additionals!.find((record) => record.type === 'OPT') as
      | { flag_do?: boolean }
      | undefined;
    return { name, type, edns: opt !== undefined, dnssecOk: opt?.flag_do === true };
  });
}

const shareOf = (list: Asked[], test: (asked: Asked) => boolean) => list.filter(test).length / list.length;

describe('the Zipf distribution', () => {
  it('draws ranks in proportion to 1 / rank^s', () => {
    for (const exponent of [0, 0.8, 1, 1.5]) {
      const zipf = new Zipf(20, exponent, new FastRandom(3));
      const counts = new Array<number>(20).fill(0);
      for (let i = 0; i < 200_000; i++) counts[zipf.next()]!++;
      const weights = counts.map((_, i) => (i + 1) ** -exponent);
      const sum = weights.reduce((a, b) => a + b);
      counts.forEach((count, i) => {
        const wanted = (200_000 * weights[i]!) / sum;
        // Six standard deviations; the seed is fixed, so this never changes.
        expect(Math.abs(count - wanted)).toBeLessThan(6 * Math.sqrt(wanted));
      });
    }
  });

  it('stays within its size, whatever that is', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 500 }),
        fc.double({ min: 0, max: 3, noNaN: true }),
        fc.nat(),
        (size, s, seed) => {
          const zipf = new Zipf(size, s, new FastRandom(seed));
          for (let i = 0; i < 50; i++) {
            const rank = zipf.next();
            expect(rank >= 0 && rank < size && Number.isInteger(rank)).toBe(true);
          }
        },
      ),
    );
  });
});

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
            shareOf(asked, ({ name }) => name.endsWith('.bench.invalid')),
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

describe("a file in dnsperf's format", () => {
  it('is asked in its order, over and over', () => {
    const text =
      '# comment\n\n  example.com A\r\n; another\nexample.org.\tAAAA\n. NS\na\\.b.example TYPE65280\nx.y mx';
    const source = new FileQueries('names', text, PLAIN, 1);
    expect(source.count).toBe(5);
    const asked = ask(source, 10).map(({ name, type }) => `${name} ${type}`);
    expect(asked.slice(0, 3)).toEqual(['example.com A', 'example.org AAAA', '. NS']);
    expect(asked[3]).toMatch(/ UNKNOWN_65280$/);
    expect(asked[4]).toBe('x.y MX');
    expect(asked.slice(5)).toEqual(asked.slice(0, 5));
  });

  it('says which line cannot be asked', () => {
    const parse = (text: string) => () => new FileQueries('names', text, PLAIN, 1);
    expect(parse('a.example A\nb.example')).toThrow('names:2: expected a name and a type');
    expect(parse('a.example WHAT')).toThrow('names:1: "WHAT" is no type');
    expect(parse('a..example A')).toThrow(/names:1: .*empty label/);
    expect(parse('a.example A IN')).toThrow('names:1: expected');
    expect(parse('\n# nothing\n')).toThrow('names: no questions');
    expect(() => readQueryFile('/nonexistent/names', PLAIN, 1)).toThrow(/cannot read/);
  });
});
