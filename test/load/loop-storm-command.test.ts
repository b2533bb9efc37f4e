import { afterEach, describe, expect, it, vi } from 'vitest';
import { parseBenchFlags } from '../../src/load/flags.ts';
import { runLoopStorm, type StormReport } from '../../src/load/loop-storm.ts';
import { loopStormCommand, stormText } from '../../src/load/loop-storm-command.ts';
import { DnsServer } from '../kit/dns-server.ts';
import { sampleReport } from './sample-report.ts';

vi.mock('../../src/load/loop-storm.ts', () => ({ runLoopStorm: vi.fn() }));

afterEach(() => vi.restoreAllMocks());

const STORM: StormReport = {
  ...{ scenario: 'loop-storm', packetsPerQuery: 2, reflected: 60, cpuMicrosPerQuery: null, cpuSeconds: null },
  before: sampleReport({ label: 'before' }),
  during: sampleReport({ label: 'during' }),
  loop: sampleReport({ sent: 30, answered: 30, lossPercent: 0, rcodes: { SERVFAIL: 30 } }),
};

/** Runs the command against a target that nobody asks: the storm itself is made up. */
async function run(storm: StormReport, ...args: string[]): Promise<{ code: number; out: string }> {
  vi.mocked(runLoopStorm).mockResolvedValue(storm);
  let out = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += text;
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  const ends = ['--reflector', '--responder'].filter((flag) => !args.includes(flag));
  const fixed = ['--scenario', 'loop-storm', '--target', '127.0.0.1:5300'];
  const flags = parseBenchFlags([...fixed, ...ends.flatMap((flag) => [flag, '127.0.0.1:0']), ...args]);
  return { code: await loopStormCommand(flags, new AbortController().signal), out };
}

describe('the command', () => {
  it('prints text or JSON, and ends with 0', async () => {
    expect(await run(STORM)).toEqual({ code: 0, out: stormText(STORM) });
    expect(JSON.parse((await run(STORM, '--json')).out)).toEqual(STORM);
  });

  it('ends with 1 when any of the runs was not answered', async () => {
    const silent = { ...STORM, loop: sampleReport({ answered: 0 }) };
    expect((await run(silent)).code).toBe(1);
  });

  it('holds the limits against the unrelated names during the storm', async () => {
    expect((await run(STORM, '--max-loss', '0.5%')).code).toBe(0);
    expect((await run(STORM, '--max-loss', '0.4%')).code).toBe(1);
  });

  it('asks unrelated names that need their upstream, whatever the flags say', async () => {
    await run(STORM, '--unique', '0');
    const { unrelated, plan } = vi.mocked(runLoopStorm).mock.lastCall![0];
    expect(unrelated.uniqueShare).toBe(0.1);
    expect(plan).toMatchObject({ qps: 1000, durationMs: 10_000, clients: 4 });
  });

  it.each([
    ['--reflector', '127.0.0.1', 'is not an address with a port'],
    ['--responder', 'localhost:53', 'is not an address with a port'],
    ['--responder', '127.0.0.1:x', 'is not an address with a port'],
  ])('refuses %s %s', async (flag, value, problem) => {
    const refused = expect.objectContaining({
      code: 'UNLOOP_USAGE',
      message: expect.stringMatching(new RegExp(`^${flag}: .*${problem}`)),
    });
    await expect(run(STORM, flag, value)).rejects.toEqual(refused);
  });

  it('says which of its ends cannot listen', async () => {
    const taken = await DnsServer.open(() => {});
    const started = run(STORM, '--responder', taken.text);
    await expect(started).rejects.toThrow(`--responder: cannot listen on ${taken.text}`);
    await taken.close();
  });
});

describe('the text', () => {
  const lines = (storm: StormReport) => stormText(storm).trimEnd().split('\n');

  it('says what the loop cost, and what the others noticed', () => {
    expect(lines(STORM)).toEqual([
      'loop      60 packets for 30 queries: 2 packets per query',
      'looping   answered 30 (SERVFAIL 30), lost 0 %, p50 0.4  p99 2.5  max 9 ms',
      'before    unrelated names: answered 1,990 of 2,000, lost 0.5 %, p50 0.4  p99 2.5  max 9 ms',
      'storm     unrelated names: answered 1,990 of 2,000, lost 0.5 %, p50 0.4  p99 2.5  max 9 ms',
    ]);
  });

  it("has the server's CPU time where it was measured", () => {
    expect(lines({ ...STORM, cpuMicrosPerQuery: 12.5, cpuSeconds: 3 }).at(-1)).toBe(
      'server    12.5 µs CPU per query in the storm (3 s)',
    );
  });
});
