// Every fuzz target on its seeds and on some ten thousand inputs made from them, the same in every
// run. The long runs: `npm run fuzz`.
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rounds } from '../kit/rounds.ts';
import { readCorpus } from './corpus.ts';
import { Coverage } from './coverage.ts';
import { fuzz } from './fuzz.ts';
import type { FuzzTarget } from './target.ts';
import { TARGETS } from './targets/all.ts';

const CORPUS = fileURLToPath(new URL('corpus', import.meta.url));
const RUNS = rounds(10_000);
/** A machine under load does what it can in this time. */
const FOR_MS = 5000;
/** For what must be found, however slowly. */
const PATIENCE_MS = 120_000;

const coverage = new Coverage((url) => url.includes('/src/') || url.includes('fuzz.test'));
beforeAll(() => coverage.start());
afterAll(() => coverage.stop());

describe('whatever comes', () => {
  it.each(TARGETS)('breaks nothing in: $name', async (target) => {
    const seeds = readCorpus(CORPUS, target.name);
    expect(seeds.length).toBeGreaterThan(2);
    const report = await fuzz(target, seeds, coverage, { runs: RUNS, forMs: FOR_MS }, 1);
    const { finding } = report;
    expect(finding === null ? null : `${finding.error}: ${Buffer.from(finding.input).toString('hex')}`).toBe(
      null,
    );
  });
});

describe('the fuzzer', () => {
  // Three bytes, each of which only pays when those before it are right: chance alone needs 2²⁴
  // tries.
  const needle: FuzzTarget = {
    name: 'needle',
    maxLength: 8,
    run(input) {
      if (input[0] !== 0x75) return 0;
      if (input[1] !== 0x6e) return 1;
      if (input[2] !== 0x6c) return 2;
      throw new Error('found');
    },
  };

  it(
    'finds what only a guided search finds, and makes it small',
    async () => {
      const report = await fuzz(
        needle,
        [new Uint8Array(8)],
        coverage,
        { runs: 500_000, forMs: PATIENCE_MS },
        1,
      );
      expect(report.finding?.error).toBe('Error: found');
      expect([...report.finding!.input]).toEqual([0x75, 0x6e, 0x6c]);
    },
    PATIENCE_MS * 2,
  );

  it(
    'follows the source that inputs reach, where the target says nothing',
    async () => {
      // Other source than above: that has been seen.
      const blind: FuzzTarget = {
        name: 'blind',
        maxLength: 8,
        run(input) {
          if (input[0] !== 0x67) return 0;
          if (input[1] !== 0x75) return 0;
          if (input[2] !== 0x69) return 0;
          throw new Error('found');
        },
      };
      const report = await fuzz(
        blind,
        [new Uint8Array(8)],
        coverage,
        { runs: 500_000, forMs: PATIENCE_MS },
        1,
      );
      expect(report.finding?.error).toBe('Error: found');
    },
    PATIENCE_MS * 2,
  );
});
