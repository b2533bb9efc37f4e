import { defineConfig } from 'vitest/config';

/** A real cluster (test/lab/kubernetes): not part of the laboratory's run yet. */
export default defineConfig({
  test: {
    include: ['test/lab/kubernetes/**/*.kubernetes.ts'],
    globalSetup: 'test/lab/kubernetes/build.ts',
    testTimeout: 400_000,
    hookTimeout: 600_000,
    // One node, whose namespaces have fixed names.
    fileParallelism: false,
  },
});
