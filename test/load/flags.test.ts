import { describe, expect, it } from 'vitest';
import { benchHelp, parseBenchFlags } from '../../src/load/flags.ts';

describe('the flags', () => {
  it('are all in the help', () => {
    const help = benchHelp();
    for (const flag of ['--find-max', '--max-p99', '--scenario', '--allow-public', '--html'])
      expect(help).toContain(`  ${flag}`);
  });

  it('are read', () => {
    const flags = parseBenchFlags(
      '--qps 20000 --duration 1m --unique 2.5% --type A,aaaa --max-p99 500us --max-loss 0 --pid 1 --pid 2'.split(
        ' ',
      ),
    );
    expect(flags).toMatchObject({ qps: 20_000, durationMs: 60_000, uniqueShare: 0.025, qtypes: [1, 28] });
    expect(flags.limits).toMatchObject({ maxP99Ms: 0.5, maxLossPercent: 0, minQps: null });
    expect(flags.pids).toEqual([1, 2]);
  });

  it.each([
    ['--wat', /unknown flag --wat/],
    ['--qpps 3', /did you mean --qps/],
    ['--qps', /--qps needs a value/],
    ['--qps --json', /--qps needs a value/],
    ['--qps 0', /not a number from 1/],
    ['--qps 1.5', /not a whole number/],
    ['--duration 10', /10ms or 10s/],
    ['--unique 10', /write 10%/],
    ['--proto quic', /not one of udp, tcp, tls/],
    ['--json=yes', /takes no value/],
    ['--qps 5 --concurrency 5', /contradict/],
    ['--names f --hot 5', /contradict/],
    ['--profile pods', /not one of cluster/],
    ['--profile cluster --type A', /contradict/],
    ['--compare f', /needs --html/],
    ['--scenario loop-storm --target 127.0.0.1', /needs --reflector/],
    ['--scenario loop-storm --proto tls', /by udp or tcp/],
    ['--timeout 5m', /from 1ms to 60s/],
    ['stray', /not expected/],
  ])('%s is refused', (line, message) => {
    expect(() => parseBenchFlags(line.split(' '))).toThrow(message);
  });
});
