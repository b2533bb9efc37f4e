import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.ts';
import { SETTINGS } from '../../src/config/schema.ts';
import { unloop } from './run-command.ts';

describe('help', () => {
  it.each([['help'], ['--help'], ['-h']])('%s lists every command', async (word) => {
    const { code, out } = await unloop(word);
    expect(code).toBe(0);
    for (const { name, summary } of COMMANDS) expect(out).toMatch(new RegExp(`^  ${name} +${summary}$`, 'm'));
  });

  it('without arguments goes to standard error, as bad usage', async () => {
    const { code, out, err } = await unloop();
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain('Usage: unloop COMMAND');
  });

  it.each(COMMANDS.map(({ name }) => name))('explains %s', async (name) => {
    const { code, out } = await unloop('help', name);
    expect(code).toBe(0);
    expect(out).toContain(`Usage: unloop ${name} `);
    for (const line of out.split('\n')) expect(line.length).toBeLessThanOrEqual(120);
  });

  it('of run, asked either way, lists every flag', async () => {
    const { out } = await unloop('help', 'run');
    for (const { flag } of SETTINGS) if (flag !== undefined) expect(out).toContain(`--${flag} `);
    expect(out).toContain('--config FILE');
    expect(await unloop('run', '--listen', 'x', '--help')).toEqual({ code: 0, out, err: '' });
  });

  it('of the configuration names every setting', async () => {
    const { out } = await unloop('help', 'config');
    for (const { path } of SETTINGS) expect(out).toContain(`\n${path.replace('*', 'SUFFIX')}\n`);
  });
});

describe('help of one part of the configuration', () => {
  it('names the settings of that part and no others', async () => {
    const { code, out } = await unloop('help', 'config', 'cache');
    expect(code).toBe(0);
    for (const { path } of SETTINGS) expect(out.includes(`\n${path}\n`)).toBe(path.startsWith('cache.'));
    expect((await unloop('help', 'config', 'loop.probe')).out).toContain('\nloop.probe.interval\n');
  });

  it('says what was meant by a part that there is not', async () => {
    expect(await unloop('help', 'config', 'cach')).toMatchObject({
      code: 2,
      err: expect.stringMatching(
        /^unloop: no setting is called "cach"; did you mean "cache"\?\n {2}cure: Its parts are listen, /,
      ),
    });
  });
});
