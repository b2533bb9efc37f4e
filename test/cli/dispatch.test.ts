import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { UnloopError } from '../../src/base/errors.ts';
import { COMMANDS } from '../../src/cli/commands.ts';
import { dispatch } from '../../src/cli/dispatch.ts';
import { describeError, exitCodeOf } from '../../src/cli/report-error.ts';
import { loadConfig } from '../../src/config/load.ts';
import { SETTINGS } from '../../src/config/schema.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'unloop-cli-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

/** Runs a command line and collects what it says. */
async function unloop(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let out = '';
  let err = '';
  const stdout = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += text;
    return true;
  });
  const stderr = vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    err += text;
    return true;
  });
  const code = await dispatch(args);
  stdout.mockRestore();
  stderr.mockRestore();
  return { code, out, err };
}

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

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

describe('the version', () => {
  it.each([['--version'], ['-V']])('%s', async (flag) => {
    expect(await unloop(flag)).toEqual({
      code: 0,
      out: expect.stringMatching(/^unloop \d+\.\d+\.\d+\n$/),
      err: '',
    });
  });
});

describe('bad usage', () => {
  it('of a command says what was meant', async () => {
    expect(await unloop('chekc')).toEqual({
      code: 2,
      out: '',
      err: 'unloop: unknown command "chekc"; did you mean "check"?\n  cure: `unloop help` lists the commands.\n',
    });
    expect((await unloop('help', 'xyzzy')).err).toMatch(/^unloop: unknown command "xyzzy"\n/);
  });

  it('of a flag too', async () => {
    expect(await unloop('check', '--confg', 'x')).toEqual({
      code: 2,
      out: '',
      err: 'unloop: unknown flag --confg; did you mean --config?\n  cure: `unloop help check` lists what the command takes.\n',
    });
  });
});

describe('check', () => {
  it('of a good file says ok', async () => {
    const path = file('good.yaml', 'workers: 2\n');
    expect(await unloop('check', '--config', path)).toEqual({ code: 0, out: `${path}: ok\n`, err: '' });
  });

  it('finds the file by the environment', async () => {
    const path = file('env.yaml', 'workers: 2\n');
    vi.stubEnv('UNLOOP_CONFIG', path);
    expect((await unloop('check')).out).toBe(`${path}: ok\n`);
  });

  it('without a file checks the flags', async () => {
    vi.stubEnv('UNLOOP_CONFIG', '');
    expect((await unloop('check')).out).toBe('built-in defaults: ok\n');
    expect(await unloop('check', '--listen', ':53')).toMatchObject({
      code: 2,
      out: expect.stringMatching(/^--listen: listen: ":53" has no address/),
    });
  });

  it('of a bad file prints every fault and nothing else', async () => {
    const path = file('bad.yaml', 'workers: none\nforward:\n  deadlin: 2s\n');
    expect(await unloop('check', '--config', path)).toEqual({
      code: 2,
      out:
        `${path}:1:10: workers: "none" is not auto or a whole number from 1 to 256\n` +
        `${path}:3:3: unknown key "forward.deadlin"; did you mean "deadline"?\n`,
      err: '',
    });
  });

  it('of a file that is not there', async () => {
    expect(await unloop('check', '--config', join(folder, 'none.yaml'))).toEqual({
      code: 2,
      out: '',
      err: expect.stringMatching(
        /^unloop: cannot read the configuration file .*none\.yaml: no such file\n {2}cure: Give/,
      ),
    });
  });

  it('of a Corefile names the command that converts it', async () => {
    const corefile = file('Corefile', '.:53 {\n  forward . /etc/resolv.conf\n  cache 30\n}\n');
    const { code, err } = await unloop('check', '--config', corefile);
    expect(code).toBe(2);
    expect(err).toContain(`\`unloop check --from-corefile ${corefile}\``);
    expect((await unloop('check', '--config', file('typo.yaml', 'forward: { deadlin: 2s }\n'))).err).toBe('');
  });

  it('warns, and still says ok', async () => {
    const path = file('warn.yaml', 'listen: ["127.0.0.1:53"]\nupstreams: ["127.0.0.1"]\n');
    const { code, out, err } = await unloop('check', '--config', path);
    expect({ code, out }).toEqual({ code: 0, out: `${path}: ok\n` });
    expect(err).toBe(
      `${path}:2:12: warning: upstreams: 127.0.0.1:53 is our own listen address; every query comes back\n`,
    );
  });

  it('prints the effective configuration, which is a configuration', async () => {
    const path = file('print.yaml', 'workers: 2\nadmin: { token: hunter2hunter2hunter2 }\n');
    const { code, out } = await unloop('check', '--print', '--config', path, '--log-level', 'debug');
    expect(code).toBe(0);
    expect(out).not.toContain('hunter2');
    const { config } = loadConfig({ path: file('again.yaml', out), environment: {} });
    expect(config.workers).toBe(2);
    expect(config.log.level).toBe('debug');
  });
});

describe('errors', () => {
  it('end bad usage and configuration with 2, all else with 1', () => {
    const codes = [
      'UNLOOP_USAGE',
      'UNLOOP_CONFIG_INVALID',
      'UNLOOP_CONFIG_UNREADABLE',
      'UNLOOP_LISTEN_FAILED',
    ] as const;
    expect(codes.map((code) => exitCodeOf(new UnloopError(code, 'm', 'r')))).toEqual([2, 2, 2, 1]);
    expect(exitCodeOf(new Error('x'))).toBe(1);
  });

  it('show a stack only for a mistake of ours', () => {
    expect(describeError(new UnloopError('UNLOOP_LISTEN_FAILED', 'm', 'r'))).toBe('unloop: m\n  cure: r\n');
    expect(describeError(new TypeError('x is undefined'))).toMatch(
      /^unloop: internal error: TypeError: x is undefined\n {4}at /,
    );
  });
});
