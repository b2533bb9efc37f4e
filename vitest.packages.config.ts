import { defineConfig } from 'vitest/config';

/** What takes minutes to install: every package on every system, from the files of a release. */
export default defineConfig({
  test: {
    include: ['test/lab/package-*.lab.ts', 'test/lab/packages/*.lab.ts', 'test/lab/packages/*.packages.ts'],
    globalSetup: ['test/lab/support/install-tools.ts', 'test/lab/support/verify-release.ts'],
    env: { PACKAGES_MATRIX: 'all' },
    testTimeout: 300_000,
    hookTimeout: 300_000,
    fileParallelism: false,
  },
});
