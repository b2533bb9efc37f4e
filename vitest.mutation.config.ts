// What `npm run mutation` runs against each mutant: the tests of the mutated layer alone, which have
// to notice it. MUTATED_LAYER names the layer; without it all three run.
import { defineConfig } from 'vitest/config';

const layer = process.env.MUTATED_LAYER ?? '{wire,cache,loop}';

export default defineConfig({
  test: {
    include: [`test/${layer}/**/*.test.ts`],
    // It measures time, and mutated sources count each of their steps.
    exclude: ['test/wire/cost.test.ts'],
    setupFiles: 'test/kit/generated-sizes.ts',
    testTimeout: 20_000,
    env: { TEST_ROUNDS_DIVISOR: '40' },
  },
});
