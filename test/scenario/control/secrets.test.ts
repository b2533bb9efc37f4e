// Secrets stay in the process: on no page, in no log line at any level, in no argument, in no
// configuration error.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { COMMANDS } from '../../../src/cli/commands.ts';
import { commandHelp } from '../../../src/cli/help.ts';
import { askUdp } from '../../kit/dns-client.ts';
import { Metrics, startUnloop, type UnloopProcess } from '../../kit/unloop-process.ts';
import { QUIET_LOOP, upstreamSaying } from './scene.ts';

const MAIN = fileURLToPath(new URL('../../../dist/unloop/main.js', import.meta.url));
const TOKEN = 'tell-nobody-7f3a9c';
const CLUSTER_KEY = 'tell-nobody-either-51d0be';
const PAGES = ['/', '/config', '/upstreams', '/loops', '/metrics', '/ready', '/health', '/nothing'];

function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'unloop-secrets-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

/** Waits until a reload has ended so. */
async function reloaded(unloop: UnloopProcess, result: 'ok' | 'failed'): Promise<void> {
  const headers = { Authorization: `Bearer ${TOKEN}` };
  const count = async () =>
    new Metrics(await (await unloop.admin('/metrics', { headers })).text()).value('unloop_reloads_total', {
      result,
    });
  await expect.poll(count, { timeout: 40_000 }).toBeGreaterThan(0);
}

/** The ways by which a secret may come in. */
const WAYS = {
  'in the configuration': () => ({
    config: { admin: { token: TOKEN }, loop: { ...QUIET_LOOP, clusterKey: CLUSTER_KEY } },
    env: {},
  }),
  'by files': () => {
    const folder = folderWith({ token: `${TOKEN}\n`, key: `${CLUSTER_KEY}\n` });
    return {
      config: {
        admin: { tokenFile: join(folder, 'token') },
        loop: { ...QUIET_LOOP, clusterKeyFile: join(folder, 'key') },
      },
      env: {},
    };
  },
  'by the environment': () => ({
    config: { admin: { token: TOKEN }, loop: QUIET_LOOP },
    env: { UNLOOP_CLUSTER_KEY: CLUSTER_KEY },
  }),
};

describe('secrets', () => {
  it.each(Object.entries(WAYS))(
    'given %s are on no page, in no log line, in no argument',
    async (_, way) => {
      const upstream = await upstreamSaying('192.0.2.1');
      const { config, env } = way();
      const whole = {
        ...config,
        admin: { listen: '127.0.0.1:0', ...config.admin },
        upstreams: [upstream.text],
        workers: 1,
        log: { level: 'trace', queries: true },
      };
      const unloop = await startUnloop({ config: whole, env });
      await askUdp(unloop.port, { name: 'www.example' });
      let told = '';
      for (const path of PAGES) {
        // Both who knows the token and who does not.
        const known = await unloop.admin(path, { headers: { Authorization: `Bearer ${TOKEN}` } });
        const unknown = await unloop.admin(path, { headers: { Authorization: 'Bearer wrong' } });
        if (path === '/config') expect([known.status, unknown.status]).toEqual([200, 401]);
        told += JSON.stringify([...known.headers, ...unknown.headers]);
        told += (await known.text()) + (await unknown.text());
      }
      // Reloads: a good one, and one that is refused.
      unloop.writeConfig({ ...whole, lameduck: '1s' });
      await reloaded(unloop, 'ok');
      unloop.writeConfig({ ...whole, lameduck: 'soon' });
      await reloaded(unloop, 'failed');
      const argumentsOf = readFileSync(`/proc/${unloop.child.pid}/cmdline`, 'utf8');
      expect(await unloop.stop()).toBe(0);
      told += JSON.stringify(unloop.log) + unloop.otherOutput.join('\n') + unloop.stderr + argumentsOf;
      expect(told).toContain('***');
      expect(told).toContain('www.example');
      expect(told).not.toContain(TOKEN);
      expect(told).not.toContain(CLUSTER_KEY);
    },
    60_000,
  );

  it('are masked by check --print, and not repeated when they are refused', () => {
    const check = (config: object, ...flags: string[]) => {
      const path = join(folderWith({ 'unloop.yaml': JSON.stringify(config) }), 'unloop.yaml');
      const { stdout, stderr } = spawnSync(process.execPath, [MAIN, 'check', '--config', path, ...flags], {
        encoding: 'utf8',
      });
      return stdout + stderr;
    };
    const printed = check({ admin: { token: TOKEN }, loop: { clusterKey: CLUSTER_KEY } }, '--print');
    expect(printed).toContain('***');
    expect(printed).not.toContain(TOKEN);
    expect(printed).not.toContain(CLUSTER_KEY);

    const refused = check({
      admin: { token: `${TOKEN} ${TOKEN}` },
      loop: { clusterKey: `${CLUSTER_KEY}\u0007` },
    });
    expect(refused).toContain('admin.token');
    expect(refused).toContain('loop.clusterKey');
    expect(refused).not.toContain(TOKEN);
    expect(refused).not.toContain(CLUSTER_KEY);
    expect(check({ upstreams: [`https://me:${TOKEN}@doh.example/dns-query`] })).not.toContain(TOKEN);
  });

  it('have no flag: everybody can read arguments', () => {
    for (const command of COMMANDS)
      expect(commandHelp(command)).not.toMatch(/--\S*(token|key|secret|password)/i);
  });
});
