// Start: with defaults, with faults, with ports in use, without an upstream.
import { execFileSync, spawnSync } from 'node:child_process';
import dgram from 'node:dgram';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Child } from '../../../src/base/child-process.ts';
import { portOf, readReadyLine } from '../../../src/load/unloop-process.ts';
import { askTcp, askUdp, queryBytes, TRANSPORTS } from '../../kit/dns-client.ts';
import { freePort } from '../../kit/free-port.ts';
import { runCli } from '../../kit/run-cli.ts';
import { spawnUnloop, startUnloop } from '../../kit/unloop-process.ts';
import { QUIET_LOOP, until, upstreamSaying } from './scene.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const MAIN = join(ROOT, 'dist/unloop/main.js');

async function temporaryFile(name: string, text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'unloop-start-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, name), text);
  return join(folder, name);
}

/** One query from a socket of its own, as clients send them. */
function sendOnce(port: number): Promise<'answered' | 'refused' | 'lost'> {
  const socket = dgram.createSocket('udp4');
  return new Promise<'answered' | 'refused' | 'lost'>((resolve) => {
    const timer = setTimeout(() => resolve('lost'), 20_000);
    const settle = (outcome: 'answered' | 'refused') => {
      clearTimeout(timer);
      resolve(outcome);
    };
    socket.on('message', () => settle('answered'));
    socket.on('error', () => settle('refused'));
    socket.connect(port, '127.0.0.1', () => socket.send(queryBytes({ name: 'www.example' })));
  }).finally(() => socket.close());
}

describe('npm start', () => {
  it('serves with config/default.yaml, takes flags, and ends with npm', async () => {
    const upstream = await upstreamSaying('192.0.2.1');
    // Without prestart, which would build dist again while other tests run it.
    const flags = ['--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0', '--upstream', upstream.text];
    const npm = new Child(['npm', 'start', '--ignore-scripts', '--', ...flags], { cwd: ROOT });
    // npm passes SIGTERM on.
    onTestFinished(async () => void (await npm.stop()));
    const find = () =>
      npm.stdout
        .split('\n')
        .map(readReadyLine)
        .find((line) => line !== null);
    const { listen } = await npm.until(find, 50_000);
    const port = portOf(listen[0]!);
    for (const { ask } of TRANSPORTS)
      expect((await ask(port, { name: 'www.example' })).answers[0]).toMatchObject({ data: '192.0.2.1' });
    expect(await npm.stop()).toBe(0);
    // The server too has ended, not npm alone.
    expect(npm.stdout).toContain('"unloop has stopped"');
  });
});

describe('too few open files', () => {
  // Node.js 24 itself cannot start with 20.
  it.each([
    Number.parseInt(process.versions.node, 10) < 24 ? 20 : 24,
    32,
    64,
  ])('ulimit -n %i: says so in a line, with its cure and no stack trace', async (limit) => {
    const prefix = ['sh', '-c', `ulimit -n ${limit}; exec "$0" "$@"`];
    const unloop = spawnUnloop({ prefix, config: { upstreams: ['127.0.0.1:9'], workers: 2 } });
    expect(await unloop.exited).toBe(1);
    expect(unloop.stderr).toMatch(
      /^unloop: cannot start: .*files.*\n {2}cure: Raise ulimit -n to 1024 or more \(systemd: LimitNOFILE=\)\.\n$/,
    );
  });
});

describe('a faulty configuration at the start', () => {
  const faulty = 'upstreams: [10.0.0.300]\n';

  it('ends a host’s unloop with 2', async () => {
    const unloop = spawnUnloop({ config: faulty });
    expect(await unloop.exited).toBe(2);
    expect(unloop.stderr).toContain('10.0.0.300');
  });

  it('starts a pod’s with its fallback, loudly, and the fixed file takes effect', async () => {
    const [fallback, wanted] = [await upstreamSaying('192.0.2.1'), await upstreamSaying('192.0.2.2')];
    const text = JSON.stringify({ upstreams: [fallback.text], loop: QUIET_LOOP, cache: { maxEntries: 0 } });
    const kept = await temporaryFile('last-good.yaml', '');
    const unloop = await startUnloop({
      config: faulty,
      env: { UNLOOP_FALLBACK_CONFIG: text, UNLOOP_LAST_GOOD: kept },
    });
    const saysWanted = async () => {
      const { answers } = await askUdp(unloop.port, { name: 'www.example' });
      return JSON.stringify(answers).includes('192.0.2.2');
    };
    expect(await saysWanted()).toBe(false);
    const errors = unloop.log.filter(({ level }) => level === 'error');
    expect(errors).toHaveLength(1);
    expect(errors[0]!.msg).toContain('starting with the fallback (UNLOOP_FALLBACK_CONFIG)');
    expect(errors[0]!.reason).toContain('10.0.0.300');
    expect(errors[0]!.remedy).not.toBe('');
    expect((await unloop.metrics()).value('unloop_config_fallback')).toBe(1);

    const good = text.replace(fallback.text, wanted.text);
    await writeFile(unloop.configPath, good);
    await until(saysWanted, (isSo) => isSo);
    await until(unloop.metrics.bind(unloop), (metrics) => metrics.value('unloop_config_fallback') === 0);
    await until(
      () => readFile(kept, 'utf8'),
      (last) => last === good,
    );
  });

  it('starts a pod’s with the last good one where there is one, and also when the port is taken', async () => {
    const [fallback, good] = [await upstreamSaying('192.0.2.1'), await upstreamSaying('192.0.2.2')];
    const settings = { loop: QUIET_LOOP, upstreams: [good.text] };
    const kept = await temporaryFile('last-good.yaml', JSON.stringify(settings));
    const unloop = await startUnloop({
      config: { ...settings, listen: ['192.0.2.77:53'] },
      args: ['--admin', '127.0.0.1:0'],
      env: {
        UNLOOP_FALLBACK_CONFIG: JSON.stringify({ loop: QUIET_LOOP, upstreams: [fallback.text] }),
        UNLOOP_LAST_GOOD: kept,
      },
    });
    const { answers } = await askUdp(unloop.port, { name: 'www.example' });
    expect(answers[0]).toMatchObject({ data: '192.0.2.2' });
    expect(unloop.log.find(({ level }) => level === 'error')!.msg).toContain('the last good configuration');
  });

  it('keeps for a pod what is in force, not what comes after it and fails', async () => {
    const upstream = await upstreamSaying('192.0.2.1');
    const settings = { loop: QUIET_LOOP, upstreams: [upstream.text], listen: ['127.0.0.1:0'] };
    const kept = await temporaryFile('last-good.yaml', '');
    const unloop = await startUnloop({
      config: settings,
      env: { UNLOOP_FALLBACK_CONFIG: JSON.stringify(settings), UNLOOP_LAST_GOOD: kept },
    });
    const port = await freePort();
    const good = JSON.stringify({ ...settings, workers: 4, listen: [`127.0.0.1:${port}`] });
    await writeFile(unloop.configPath, good);
    unloop.signal('SIGHUP');
    // The first of the new workers serves, the others still start: this reload is not over.
    await until(
      () => sendOnce(port),
      (outcome) => outcome === 'answered',
    );
    await writeFile(unloop.configPath, JSON.stringify({ ...settings, listen: ['192.0.2.77:53'] }));
    unloop.signal('SIGHUP');
    await until(
      () => unloop.log,
      (log) => log.some(({ msg }) => msg.startsWith('the new configuration cannot be used')),
    );
    expect(await readFile(kept, 'utf8')).toBe(good);
  });

  it('takes a pod’s file again as soon as its port is free', async () => {
    const [fallback, wanted] = [await upstreamSaying('192.0.2.1'), await upstreamSaying('192.0.2.2')];
    const holder = dgram.createSocket('udp4');
    await new Promise<void>((resolve) => holder.bind(0, '127.0.0.1', resolve));
    const { port } = holder.address();
    const unloop = await startUnloop({
      config: { loop: QUIET_LOOP, upstreams: [wanted.text], listen: [`127.0.0.1:${port}`] },
      env: {
        UNLOOP_FALLBACK_CONFIG: JSON.stringify({
          loop: QUIET_LOOP,
          upstreams: [fallback.text],
          listen: ['127.0.0.1:0'],
        }),
      },
    });
    expect((await unloop.metrics()).value('unloop_config_fallback')).toBe(1);
    await new Promise<void>((resolve) => holder.close(resolve));
    await until(unloop.metrics.bind(unloop), (metrics) => metrics.value('unloop_config_fallback') === 0);
    const { answers } = await askUdp(port, { name: 'www.example' });
    expect(answers[0]).toMatchObject({ data: '192.0.2.2' });
  });

  it('takes a pod’s file again when its secret is repaired, and follows that secret then', async () => {
    const upstream = await upstreamSaying('192.0.2.1');
    const key = await temporaryFile('key', 'a control\u0001character\n');
    const unloop = await startUnloop({
      config: { loop: { ...QUIET_LOOP, clusterKeyFile: key }, upstreams: [upstream.text] },
      env: {
        UNLOOP_FALLBACK_CONFIG: JSON.stringify({ loop: QUIET_LOOP, upstreams: [upstream.text] }),
      },
    });
    const { metrics } = unloop;
    expect((await metrics.call(unloop)).value('unloop_config_fallback')).toBe(1);
    await writeFile(key, 'sixteen-characters-and-more\n');
    await until(metrics.bind(unloop), (now) => now.value('unloop_config_fallback') === 0);
    await writeFile(key, 'another-one-of-sixteen-or-more\n');
    const reloads = () => unloop.log.filter(({ msg }) => msg === 'the configuration was reloaded').length;
    await until(
      async () => reloads(),
      (count) => count === 2,
    );
  });
});

describe('check', () => {
  it('names file, line and column of an unknown key, and exits 2', async () => {
    const file = await temporaryFile('unloop.yaml', 'listen: ["127.0.0.1:5300"]\nupstreem: ["10.0.0.2"]\n');
    const { code, stdout } = await runCli('check', '--config', file);
    expect(stdout).toMatch(new RegExp(`^${file}:2:1: .*upstreem.*upstreams`));
    expect(stdout.trim().split('\n')).toHaveLength(1);
    expect(code).toBe(2);
  });

  it('names every fault, each on a line of its own', async () => {
    const file = await temporaryFile(
      'unloop.yaml',
      'workers: 0\nworkers: 1\nforward:\n  deadline: soon\n  color: red\n',
    );
    const { code, stdout } = await runCli('check', '--config', file);
    const places = stdout
      .trim()
      .split('\n')
      .map((line) => /^(.+):(\d+):(\d+): ./.exec(line)!.slice(1, 3));
    expect(places.every(([path]) => path === file)).toBe(true);
    expect(places.map(([, line]) => Number(line)).sort()).toEqual(expect.arrayContaining([2, 4, 5]));
    expect(code).toBe(2);
  });

  it('does not wait for a FIFO that nobody writes to, and reads a pipe that somebody does', async () => {
    const fifo = await temporaryFile('unloop.yaml', '');
    await rm(fifo);
    execFileSync('mkfifo', [fifo]);
    const { code, stderr } = await runCli('check', '--config', fifo);
    expect(stderr).toBe(
      `unloop: cannot read the configuration file ${fifo}: it is a pipe that nobody writes to\n` +
        '  cure: Give the path of a readable file with --config or UNLOOP_CONFIG, or neither to run with the defaults.\n',
    );
    expect(code).toBe(2);
    const script = `(sleep 0.2; echo 'workers: 0') | "${process.execPath}" "${MAIN}" check --config /dev/stdin`;
    const piped = spawnSync('sh', ['-c', script], { encoding: 'utf8' });
    expect(piped.stdout).toMatch(/^\/dev\/stdin:1:10: workers/);
    expect(piped.status).toBe(2);
  });

  it('refuses an upstream that is ourselves, with its place and a cure', async () => {
    const unloop = spawnUnloop({
      config: 'listen: ["127.0.0.1:5399"]\nupstreams: ["127.0.0.1:5399"]\n',
    });
    expect(await unloop.exited).toBe(2);
    expect(unloop.stderr).toBe(
      `${unloop.configPath}:2:12: upstreams: 127.0.0.1:5399 is our own listen address; every query comes back\n` +
        'unloop: the configuration cannot be used\n' +
        '  cure: Give the address of another server, or change listen.\n',
    );
  });

  it('exits 0 for a good file', async () => {
    const { code } = await runCli('check', '--config', join(ROOT, 'config/default.yaml'));
    expect(code).toBe(0);
  });
});

describe('run', () => {
  it('does not start with a faulty configuration: names all faults and exits 2', async () => {
    const unloop = spawnUnloop({
      config: 'upstreams: ["127.0.0.1:99999"]\nlog: { level: loud }\nnonsense: 1\n',
    });
    expect(await unloop.exited).toBe(2);
    for (const place of [':1:', ':2:', ':3:1: ']) expect(unloop.stderr).toContain(unloop.configPath + place);
    expect(unloop.log).toEqual([]);
  });

  it('names a configuration file that is not there, and exits 2', async () => {
    const { code, stderr } = await runCli('run', '--config', '/nonexistent/unloop.yaml');
    expect(stderr).toContain('/nonexistent/unloop.yaml');
    expect(stderr).toContain('cure: ');
    expect(code).toBe(2);
  });

  describe('finds a port that is taken', () => {
    const refusedAt = async (port: number) => {
      const unloop = spawnUnloop({ config: { upstreams: ['127.0.0.1:9'], listen: [`127.0.0.1:${port}`] } });
      expect(await unloop.exited).toBe(1);
      expect(unloop.stderr).toContain(`127.0.0.1:${port}`);
      expect(unloop.stderr).toMatch(/EADDRINUSE|in use/);
      expect(unloop.stderr).toMatch(/\n {2}cure: .*ss -l/);
    };

    it('by a program on UDP only', async () => {
      const socket = dgram.createSocket('udp4');
      onTestFinished(() => void socket.close());
      await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
      await refusedAt(socket.address().port);
    });

    it('by a program on TCP only', async () => {
      const server = net.createServer();
      onTestFinished(() => void server.close());
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      await refusedAt((server.address() as net.AddressInfo).port);
    });

    it('by another unloop, which goes on undisturbed', async () => {
      const upstream = await upstreamSaying('192.0.2.1');
      const first = await startUnloop({ config: { upstreams: [upstream.text], workers: 2 } });
      await refusedAt(first.port);
      for (let i = 0; i < 20; i++)
        expect((await askUdp(first.port, { name: `n${i}.example` })).rcode).toBe(0);
    });

    it('by another program on the admin port', async () => {
      const server = net.createServer();
      onTestFinished(() => void server.close());
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const admin = `127.0.0.1:${(server.address() as net.AddressInfo).port}`;
      const unloop = spawnUnloop({ config: { upstreams: ['127.0.0.1:9'], admin: { listen: admin } } });
      expect(await unloop.exited).toBe(1);
      expect(unloop.stderr).toContain(admin);
      expect(unloop.stderr).toMatch(/cure: .*--admin/);
    });
  });

  it('answers from the first query on that finds a listener: none is swallowed, none refused after it', {
    timeout: 240_000,
  }, async () => {
    const upstream = await upstreamSaying('192.0.2.1');
    for (let start = 0; start < 4; start++) {
      const port = await freePort();
      const unloop = spawnUnloop({
        config: { upstreams: [upstream.text], listen: [`127.0.0.1:${port}`], workers: 2, loop: QUIET_LOOP },
      });
      const outcomes: Promise<'answered' | 'refused' | 'lost'>[] = [];
      let isReady = false;
      const ready = unloop.ready().then(() => {
        isReady = true;
      });
      for (let after = 0; after < 50; ) {
        outcomes.push(sendOnce(port));
        await sleep(2);
        if (isReady) after++;
      }
      await ready;
      const seen = await Promise.all(outcomes);
      const first = seen.findIndex((outcome) => outcome !== 'refused');
      expect(first).toBeGreaterThan(0);
      expect(new Set(seen.slice(first))).toEqual(new Set(['answered']));
      expect(await unloop.stop()).toBe(0);
    }
  });

  it('names an address that is not this machine’s', async () => {
    const unloop = spawnUnloop({
      config: { upstreams: ['127.0.0.1:9'], listen: [`192.0.2.1:${await freePort()}`] },
    });
    expect(await unloop.exited).toBe(1);
    expect(unloop.stderr).toContain('192.0.2.1');
    expect(unloop.stderr).toMatch(/cure: .*address of this machine/);
  });

  it('starts without any upstream, says so, and answers SERVFAIL with EDE 23 until there is one', async () => {
    const root = await mkdtemp(join(tmpdir(), 'unloop-root-'));
    onTestFinished(() => rm(root, { recursive: true, force: true }));
    await mkdir(join(root, 'etc'));
    await writeFile(join(root, 'etc/resolv.conf'), '# nothing here\n');
    const unloop = await startUnloop({ config: { discovery: { root }, loop: QUIET_LOOP } });
    const line = await unloop.waitForLog((entry) => entry.code === 'UNLOOP_NO_UPSTREAM');
    expect(line.level).toBe('warn');
    expect(line.msg).toContain('upstreams');
    const ready = await unloop.admin('/ready');
    expect(ready.status).toBe(503);
    expect(await ready.json()).toEqual({ ready: false, reason: 'no upstream is known' });
    expect((await unloop.admin('/health')).status).toBe(200);
    for (const ask of [askUdp, askTcp]) {
      const answer = await ask(unloop.port, { name: 'www.example' });
      expect(answer.rcode).toBe(2);
      expect(answer.ede).toMatchObject({ code: 23 });
    }
    expect((await askUdp(unloop.port, { name: 'www.example', edns: false })).opt).toBeNull();
    await writeFile(join(root, 'etc/resolv.conf'), 'nameserver 192.0.2.1\n');
    await until(
      () => unloop.admin('/ready'),
      (reply) => reply.status === 200,
    );
    expect(await unloop.stop()).toBe(0);
  });
});
