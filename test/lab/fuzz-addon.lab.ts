// The addon's C under libFuzzer for a moment (FUZZ_SECONDS sets how long), and the proof that a
// defect would be found.
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

  it.each([
    {
      defect: 'a length that is not checked',
      from: '|| length > SLOT_BYTES',
      to: '',
      found: 'broken: a vector',
    },
    {
      defect: 'a header that is not made ready again',
      from: ': 0) + 1;',
      to: ': 0);',
      found: 'broken: a header that is not ready',
    },
    {
      defect: 'a batch that grows over itself',
      from: 'socket->fd, taken);',
      to: 'socket->fd, 0);',
      found: 'SUMMARY: ',
    },
  ])('is told of $defect', ({ from, to, found }) => {
    const { status, output } = fuzzAddon(ROOT, 60, 1, (source) => {
      const altered = source.replace(from, to);
      expect(altered).not.toBe(source);
      return altered;
    });
    expect(status).not.toBe(0);
    expect(output).toContain(found);
  });
});
