import { defineConfig } from 'vitest/config';

/** A real cluster (test/lab/kubernetes): not part of the laboratory's run yet. */
export default defineConfig({
  test: {
    include: ['test/lab/kubernetes/**/*.kubernetes.ts'],
    globalSetup: 'test/lab/kubernetes/build.ts',
    testTimeout: 180_000,
    hookTimeout: 300_000,
    // One node, whose namespaces have fixed names.
    fileParallelism: false,
  },
});
