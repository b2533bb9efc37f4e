import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/lab/**', 'node_modules/**'],
    setupFiles: 'test/kit/generated-sizes.ts',
    testTimeout: 20_000,
    hookTimeout: 20_000,
    // Scenario tests start whole servers and mostly wait for time-outs: a few more at a time than there are CPUs.
    maxWorkers: 4,
  },
});
