import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { unloop } from './run-command.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'unloop-cli-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});
afterEach(() => {
  vi.unstubAllEnvs();
});

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

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
    const bare = file('Corefile.bare', '.:53\nforward . /etc/resolv.conf\n');
    expect((await unloop('check', '--config', bare)).err).toContain('looks like a Corefile');
  });

  it.each([
    ['a key that is none', 'forward: { deadlin: 2s }\n'],
    ['a list', '- forward\n- cache\n'],
    ['several documents', 'workers: 2\n---\nforward:\n  deadline: 2s\n'],
    ['a list of mappings', '- listen: ["127.0.0.1:53"]\n  upstreams: [auto]\n'],
    ['words', 'this is\nno configuration\n'],
  ])('of %s in YAML does not speak of a Corefile', async (_, text) => {
    const { code, err } = await unloop('check', '--config', file('no-corefile.yaml', text));
    expect({ code, err }).toEqual({ code: 2, err: '' });
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
