// The built program is complete: it runs where nothing else of the repository is, without the modules it was built of and without
// node_modules.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../support/real-server.ts';

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

  it('says that it comes without the load tool', () => {
    const { status, stderr } = unloop('bench');
    expect({ status, stderr }).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('this copy of unloop comes without the command "bench"'),
    });
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
