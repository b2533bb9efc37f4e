// The built program is complete: it runs without the repository, without the modules that it was
// built from and without node_modules.
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, cpSync, mkdtempSync, openSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../kit/free-port.ts';

const ROOT = join(import.meta.dirname, '../..');
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'unloop-bundle-'));
  cpSync(join(ROOT, 'dist/unloop'), join(folder, 'dist/unloop'), { recursive: true });
  cpSync(join(ROOT, 'package.json'), join(folder, 'package.json'));
});

afterAll(() => rmSync(folder, { recursive: true }));

function unloop(...args: readonly string[]) {
  const { UNLOOP_CONFIG: _config, ...env } = process.env;
  const main = join(folder, 'dist/unloop/main.js');
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], { encoding: 'utf8', env });
  return { status, stdout, stderr };
}

describe('the bundle by itself', () => {
  it('knows its version', () => {
    expect(unloop('--version').stdout).toMatch(/^unloop \d+\.\d+\.\d+\n$/);
  });

  it('reads YAML, and names the place of a fault', () => {
    const path = join(folder, 'bad.yaml');
    writeFileSync(path, 'forward:\n  deadlin: 2s\n');
    expect(unloop('check', '--config', path)).toEqual({
      status: 2,
      stdout: `${path}:2:3: unknown key "forward.deadlin"; did you mean "deadline"?\n`,
      stderr: '',
    });
  });

  it('converts a Corefile', () => {
    const path = join(folder, 'Corefile');
    writeFileSync(path, '. {\n  forward . 192.0.2.1\n}\n');
    expect(unloop('check', '--from-corefile', path).stdout).toContain('upstreams: [192.0.2.1]');
  });

  it('looks at a node', () => {
    const { status, stdout } = unloop('doctor', '--root', folder, '--no-probe', '--json');
    expect(status).not.toBeNull();
    expect(JSON.parse(stdout)).toBeTypeOf('object');
  });

  it('tells bad usage of the load tool in words, without a stack trace', () => {
    expect(unloop('bench', '--qpps', '5')).toEqual({
      status: 2,
      stdout: '',
      stderr:
        'unloop: unknown flag --qpps; did you mean --qps?\n' +
        '  cure: `unloop bench --help` lists the flags.\n',
    });
    const unreadable = join(folder, 'no-such-file');
    const storm = ['--target', '127.0.0.1:1', '--duration', '1s'];
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    for (const args of [
      ['--names', unreadable],
      ['--ca', unreadable],
      ['--compare', unreadable, '--html', join(folder, 'page.html')],
      ['--names', pipe],
      ['--ca', pipe, '--target', 'tls://127.0.0.1:1'],
      ['--html', join(unreadable, 'page.html')],
      ['--html', folder],
      ['--scenario', 'loop-storm', '--reflector', '192.0.2.77:5399', ...storm],
      ['--scenario', 'loop-storm', '--responder', '192.0.2.77:5399', ...storm],
      ['--target', 'no address'],
      ['--suffix', 'a..b'],
    ]) {
      const { status, stderr } = unloop('bench', ...args);
      expect({ status, args, stderr }).toMatchObject({ status: 2 });
      expect(stderr).toMatch(/^unloop: .+\n {2}cure: .+\n$/);
    }
  });

  it('exits with 1 after a load without any answer, and says so', async () => {
    const target = `127.0.0.1:${await freePort()}`;
    const args = ['--target', target, '--queries', '3', '--timeout', '100ms'];
    expect(unloop('bench', ...args)).toMatchObject({
      status: 1,
      stdout: expect.stringContaining('answered  0'),
      stderr:
        `unloop bench: no answer from udp://${target} to 3 queries (ECONNREFUSED): ` +
        'is a DNS server listening there?\n',
    });
    const overTcp = unloop('bench', ...args, '--proto', 'tcp');
    expect(overTcp).toMatchObject({ status: 1, stderr: expect.stringContaining('ECONNREFUSED') });
  });

  it('ends with 2 and a line when what it says cannot be written', () => {
    const full = openSync('/dev/full', 'w');
    const args = [join(folder, 'dist/unloop/main.js'), 'doctor', '--root', folder, '--no-probe', '--json'];
    const { status, stderr } = spawnSync(process.execPath, args, {
      stdio: ['ignore', full, 'pipe'],
      encoding: 'utf8',
    });
    closeSync(full);
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: 'unloop: cannot write the output: ENOSPC: no space left on device, write\n',
    });
  });

  it('says the same of a command in `help COMMAND` and `COMMAND --help`', () => {
    for (const command of ['run', 'check', 'health', 'doctor', 'bench']) {
      const { status, stdout } = unloop('help', command);
      expect(status).toBe(0);
      expect(unloop(command, '--help').stdout).toBe(stdout);
    }
  });

  it('serves: worker, log and admin listener are in it', async () => {
    const [port, adminPort] = [await freePort(), await freePort()];
    const addresses = ['--listen', `127.0.0.1:${port}`, '--admin', `127.0.0.1:${adminPort}`];
    const script = `
      "$@" run ${addresses.join(' ')} --upstream 127.0.0.1:1 &
      until "$@" health ${addresses.join(' ')}; do kill -0 $! || exit 9; sleep 0.2; done
      kill $!
      wait $!`;
    const program = [process.execPath, join(folder, 'dist/unloop/main.js')];
    const { status, stdout } = spawnSync('sh', ['-c', script, 'sh', ...program], { encoding: 'utf8' });
    expect(status).toBe(0);
    expect(stdout).toContain('"socket":"node"');
    expect(stdout).toContain('{"status":"ok"}');
  });

  it('holds no file of an earlier build', () => {
    const names = readdirSync(join(folder, 'dist/unloop'));
    const left = names.filter((name) => !/^(main|worker)(-[\w-]+)?\.js(\.map)?$/.test(name));
    expect(left).toEqual([]);
  });
});
