import { execFile } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { parseStat, processorTimeNs, residentMib } from '../../../bench/compare/process-cost.ts';
import { Child } from '../../../src/base/child-process.ts';

/** Of processor time, not of the clock: the machine may give it to somebody else. */
function workFor(ms: number): void {
  const before = process.cpuUsage();
  for (;;) {
    const { user, system } = process.cpuUsage(before);
    if (user + system >= ms * 1000) return;
  }
}

describe('processor time', () => {
  it('grows with work and not with waiting', async () => {
    const before = processorTimeNs(process.pid);
    workFor(60);
    const afterWork = processorTimeNs(process.pid);
    expect(afterWork - before).toBeGreaterThan(10e6);
  });

  it('includes children, running or gone', async () => {
    // A shell that works in a child of its own once it is told to, and then waits for its standard
    // input to end.
    const script = 'read go; (i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done); echo done; read line';
    const shell = new Child(['sh', '-c', script], { stdin: 'pipe' });
    const before = processorTimeNs(shell.pid);
    shell.process.stdin!.write('go\n');
    await shell.untilSaid('done', 40_000);
    expect(processorTimeNs(shell.pid) - before).toBeGreaterThan(10e6);
    shell.process.stdin!.end();
    await shell.ended;
  });

  it('is asked of a process that is there', async () => {
    const child = execFile('true');
    await new Promise((resolve) => child.on('exit', resolve));
    expect(() => processorTimeNs(child.pid!)).toThrow('ENOENT');
  });

  it('reads a command name with spaces and parentheses', () => {
    const stat = '42 (a) b) c) S 1 42 42 0 -1 4194560 1 2 3 4 50 60 7 8 20 0 1 0 100 0 0';
    expect(parseStat(stat)).toEqual({ childUserTicks: 7, childSystemTicks: 8 });
  });
});

describe('resident memory', () => {
  it('is in MiB', () => {
    const ownMib = process.memoryUsage().rss / 2 ** 20;
    expect(residentMib(process.pid)).toBeGreaterThan(ownMib * 0.5);
    expect(residentMib(process.pid)).toBeLessThan(ownMib * 2);
  });
});
