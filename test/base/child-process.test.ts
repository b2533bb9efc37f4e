import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Child } from '../../src/base/child-process.ts';

const MODULE = fileURLToPath(new URL('../../dist/src/base/child-process.js', import.meta.url));

const shell = (script: string, options = {}) => new Child(['sh', '-c', script], options);

describe('a child process', () => {
  it('keeps what it printed, and its exit code', async () => {
    const lines: string[] = [];
    const child = shell('echo one; printf "two\nthr"; echo bad >&2; echo ee; exit 3', {
      onLine: (line: string) => lines.push(line),
    });
    expect(await child.ended).toBe(3);
    expect(child).toMatchObject({ exitCode: 3, hasEnded: true, stderr: 'bad\n' });
    expect(child.stdout).toBe('one\ntwo\nthree\n');
    expect(lines).toEqual(['one', 'two', 'three']);
  });

  it('keeps the last of what it printed when that is much', async () => {
    const child = shell('yes | head -c 3000000; echo end');
    await child.ended;
    expect(child.stdout.length).toBeLessThan(600_000);
    expect(child.stdout.endsWith('y\nend\n')).toBe(true);
  });

  it('is waited for by what it prints, whether it has printed it already or will', async () => {
    const child = shell('echo ready on 5300; read word; echo "heard $word" >&2; sleep 60', { stdin: 'pipe' });
    const port = () => /ready on (\d+)/.exec(child.stdout)?.[1];
    expect(await child.until(port, 40_000)).toBe('5300');
    expect(await child.until(port, 40_000)).toBe('5300');
    child.process.stdin!.write('you\n');
    await child.untilSaid('heard you', 40_000);
    await child.kill();
  });

  it('that ends before it is ready, or never is, says in the error what it printed', async () => {
    const ends = shell('echo this; echo that >&2; exit 7');
    await expect(ends.untilSaid('ready', 40_000)).rejects.toThrow(
      /^sh ended with 7: sh -c .*\nthis\nthat\n$/s,
    );
    const waits = shell('echo this; sleep 60');
    await waits.untilSaid('this', 40_000);
    await expect(waits.untilSaid('ready', 1)).rejects.toThrow(/^sh was not ready within 1 ms: .*this\n$/s);
    await waits.kill();
  });

  it('that is not there has ended, and says why', async () => {
    const child = new Child(['/nonexistent/program']);
    await expect(child.untilSaid('ready', 40_000)).rejects.toThrow('ENOENT');
    expect(await child.stop()).toBe(-1);
  });

  it('ends on SIGTERM, and on SIGKILL where it does not', async () => {
    const willing = shell('trap "exit 0" TERM; echo ready; while :; do sleep 0.01; done');
    await willing.untilSaid('ready', 40_000);
    expect(await willing.stop()).toBe(0);
    expect(await willing.stop()).toBe(0);
    const deaf = shell('trap "" TERM; echo ready; while :; do sleep 0.01; done', { stopWithinMs: 10 });
    await deaf.untilSaid('ready', 40_000);
    expect(await deaf.stop()).toBe(-1);
  });

  it('has ended although a child of its own holds its output open', async () => {
    const child = shell('sleep 60 & echo $!');
    expect(await child.ended).toBe(0);
    process.kill(Number(child.stdout), 'SIGKILL');
  });
});

describe('the children of a process that dies', () => {
  it.each([
    { how: 'exit()', script: 'process.exit(0)' },
    { how: 'an error', script: 'throw new Error("dead")' },
    { how: 'SIGTERM', script: 'process.kill(process.pid, "SIGTERM")' },
    { how: 'SIGKILL', script: 'process.kill(process.pid, "SIGKILL")' },
  ])('by $how end with it', async ({ script }) => {
    const source = `const { Child } = await import(${JSON.stringify(MODULE)});
      const [gone, first, second] = ['exit 0', 'sleep 60', 'sleep 60'].map((what) =>
        new Child(['sh', '-c', 'echo; exec ' + what]));
      await gone.ended;
      await first.untilSaid('\\n', 40000);
      await second.untilSaid('\\n', 40000);
      await first.kill();
      process.stdout.write('child ' + second.pid + '\\n', () => { ${script}; });`;
    const parent = new Child([process.execPath, '--input-type=module', '-e', source]);
    const pid = await parent.until(() => /child (\d+)/.exec(parent.stdout)?.[1], 40_000);
    await parent.ended;
    await expect.poll(() => existsSync(`/proc/${pid}`), { timeout: 40_000 }).toBe(false);
  });
});
