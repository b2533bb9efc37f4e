// The addon's C under libFuzzer for a moment (FUZZ_SECONDS sets how long), and the proof that a defect would be found.
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { fuzzAddon } from '../fuzz/addon-fuzz.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SECONDS = Number(process.env.FUZZ_SECONDS ?? 10);

describe('the addon under libFuzzer', () => {
  it(
    'touches no memory but its own, whatever the kernel and JavaScript say',
    () => {
      const { status, runs, output } = fuzzAddon(ROOT, SECONDS, 1);
      console.log(`${runs} inputs in ${SECONDS} s`);
      expect(status, output.slice(-4000)).toBe(0);
      expect(runs).toBeGreaterThan(1000);
    },
    (SECONDS + 60) * 1000,
  );

  it('is told of a length that is not checked', () => {
    const { status, output } = fuzzAddon(ROOT, 60, 1, (source) => {
      const altered = source.replace('|| length > SLOT_BYTES', '');
      expect(altered).not.toBe(source);
      return altered;
    });
    expect(status).not.toBe(0);
    expect(output).toContain('broken: a vector');
  });
});
