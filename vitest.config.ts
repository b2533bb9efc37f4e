import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/lab/**', 'node_modules/**'],
    setupFiles: 'test/kit/generated-sizes.ts',
    // A test that hangs ends some time; on a busy machine, starting a server may take 20 s.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 30_000 } },
    // Scenario tests start whole servers and mostly wait for time-outs: a few more at a time than
    // there are CPUs.
    maxWorkers: 4,
    // What startUnloop() sets where a test sets no deadline: scripted upstreams are in the test's
    // own process, which a busy machine stops for longer than the 1.8 s as shipped. Clients of
    // tests wait 20 s.
    env: { TEST_DEADLINE: '6s' },
  },
});
