import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/lab/**/*.lab.ts'],
    globalSetup: 'test/lab/support/install-tools.ts',
    testTimeout: 120_000,
    hookTimeout: 60_000,
    // The lab builds network namespaces with fixed names and measures: one file at a time.
    fileParallelism: false,
  },
});
