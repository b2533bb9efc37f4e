// The diagnostics of a running server, by the built program: who may ask, and what is answered.
import { spawn } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { askUdp } from '../../kit/dns-client.ts';
import { freePort } from '../../kit/free-port.ts';
import { runCli } from '../../kit/run-cli.ts';
import { startUnloop } from '../../kit/unloop-process.ts';
import { QUIET_LOOP, until, upstreamSaying } from './scene.ts';

const MAIN = fileURLToPath(new URL('../../../dist/unloop/main.js', import.meta.url));

describe('unloop status', () => {
  it('names the upstream that is down and the cause; its exit code is the verdict', async () => {
    const upstream = await upstreamSaying('192.0.2.1');
    const dead = `127.0.0.1:${await freePort()}`;
    const unloop = await startUnloop({
      config: {
        upstreams: [upstream.text],
        zones: { 'dead.example': { upstreams: [dead] } },
        loop: QUIET_LOOP,
      },
    });
    const status = (...args: string[]) =>
      runCli('status', '--admin', `127.0.0.1:${unloop.adminPort}`, ...args);
    await askUdp(unloop.port, { name: 'www.example' });
    const well = await status();
    expect(well).toMatchObject({ code: 0, stderr: '' });
    expect(well.stdout).toContain(upstream.text);
    await until(
      async () => {
        await askUdp(unloop.port, { name: `n${Math.random()}.dead.example` });
        return unloop.adminJson<{ upstreams: { state: string }[] }>('/upstreams');
      },
      ({ upstreams }) => upstreams[1]!.state === 'down',
    );
    const { code, stdout } = await status('--json');
    expect(code).toBe(3);
    const report = JSON.parse(stdout) as { upstreams: object[] };
    expect(report).toMatchObject({ verdict: { level: 'bad', headline: 'No upstream for dead.example' } });
    expect(report.upstreams[1]).toMatchObject({
      address: dead,
      state: 'down',
      since: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      lastError: expect.stringContaining('connection refused'),
      queries: expect.any(Number),
      failures: { unreachable: expect.any(Number) },
      quarantinedUntil: null,
    });
  });

  it('--watch prints again and again', async () => {
    const unloop = await startUnloop({ config: { upstreams: ['127.0.0.1:9'], loop: QUIET_LOOP } });
    const args = [MAIN, 'status', '--watch', '--json', '--admin', `127.0.0.1:${unloop.adminPort}`];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void child.kill());
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    await until(
      () => text.split('\n').length,
      (lines) => lines > 2,
    );
    for (const line of text.split('\n').slice(0, 2))
      expect(JSON.parse(line)).toMatchObject({ verdict: { headline: 'Healthy' } });
  });
});

describe('an admin listener beyond loopback', () => {
  it('serves the diagnostics to this machine without a token, and with one to who has it', async () => {
    const config = (admin: object) => ({ upstreams: ['127.0.0.1:9'], loop: QUIET_LOOP, admin });
    const open = await startUnloop({ config: config({ listen: '0.0.0.0:0' }) });
    expect((await open.admin('/upstreams')).status).toBe(200);
    const proxied = await open.admin('/upstreams', { headers: { 'X-Forwarded-For': '192.0.2.7' } });
    expect(proxied.status).toBe(403);
    expect((await runCli('status', '--admin', `0.0.0.0:${open.adminPort}`)).code).toBe(0);

    const port = await freePort();
    const tokenFile = `${open.configPath}.token`;
    await writeFile(tokenFile, 'open-sesame\n', { mode: 0o600 });
    onTestFinished(() => rm(tokenFile, { force: true }));
    const guarded = await startUnloop({ config: config({ listen: `0.0.0.0:${port}`, tokenFile }) });
    expect((await guarded.admin('/upstreams')).status).toBe(401);
    const headers = { Authorization: 'Bearer open-sesame' };
    expect((await guarded.admin('/upstreams', { headers })).status).toBe(200);
    // The command reads the token where the server does.
    expect((await runCli('status', '--config', guarded.configPath)).code).toBe(0);
    const withoutToken = await runCli('status', '--admin', `127.0.0.1:${port}`);
    expect(withoutToken).toMatchObject({ code: 2, stderr: expect.stringContaining('admin.tokenFile') });
  });
});
