// unloop as a service of systemd: what it says by sd_notify, how it takes over sockets, and that
// the unit lets it do all that it does. systemd itself does not run in a container: supervise.py
// plays its part in the protocols. Needs python3, strace, systemd-analyze.
import { execFileSync, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Child } from '../../../src/base/child-process.ts';
import { Supervisor } from '../support/supervisor.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const MAIN = join(ROOT, 'dist/unloop/main.js');
const UNIT = join(ROOT, 'config/systemd/unloop.service');
const SOCKET = join(ROOT, 'config/systemd/unloop.socket');
/** As the ADR states it; a change of the unit may only lower it. */
const MOST_EXPOSURE = 1.8;

function dig(port: number, ...flags: string[]): string {
  const args = ['+tries=1', '+time=3', '-p', String(port), '@127.0.0.1', ...flags, 'x.example'];
  return spawnSync('dig', args, { encoding: 'utf8' }).stdout;
}

describe('a service of Type=notify', () => {
  it('says that it is ready, alive, reloading, ready again, and stopping', async () => {
    const supervisor = new Supervisor('--upstream', '127.0.0.1:1', '--workers', '2');
    const port = await supervisor.port();
    supervisor.say('start');
    expect(await supervisor.notice('READY=1')).toBe(
      `READY=1\nSTATUS=Forwarding; listening on 127.0.0.1 port ${port}`,
    );
    const watched = supervisor.events.length;
    await supervisor.notice('WATCHDOG=1', watched);
    const reloading = supervisor.events.length;
    supervisor.say('SIGHUP');
    expect(await supervisor.notice('RELOADING=1', reloading)).toMatch(/^RELOADING=1\nMONOTONIC_USEC=\d+$/);
    await supervisor.notice('READY=1', reloading);
    supervisor.say('SIGTERM');
    await supervisor.notice('STOPPING=1');
    expect((await supervisor.until(({ event }) => event === 'exit')).code).toBe(0);
  });
});

describe('a notice', () => {
  it.each(['1', '0'])('is the same from the addon and from systemd-notify (UNLOOP_NATIVE=%s)', (native) => {
    const module = join(ROOT, 'dist/src/io/service-notifier.js');
    const script = `import { ServiceNotifier } from ${JSON.stringify(module)};
      const notifier = new ServiceNotifier();
      notifier.ready('Forwarding');
      notifier.alive();
      if (notifier.lastError !== '') throw new Error(notifier.lastError);`;
    const command = [
      join(import.meta.dirname, 'notify-once.py'),
      process.execPath,
      '--input-type=module',
      '-e',
      script,
    ];
    const { stdout, stderr } = spawnSync('python3', command, {
      encoding: 'utf8',
      env: { ...process.env, UNLOOP_NATIVE: native },
    });
    const said = stdout.split('\n').filter((line) => line !== '' && line !== 'BARRIER=1');
    expect({ said, stderr }).toEqual({ said: ['READY=1', 'STATUS=Forwarding', 'WATCHDOG=1'], stderr: '' });
  });
});

describe('socket activation', () => {
  it('serves UDP and TCP on the sockets handed over, and so does the next process', async () => {
    const supervisor = new Supervisor('--upstream', '127.0.0.1:1', '--workers', '2');
    const port = await supervisor.port();
    for (let round = 0; round < 2; round++) {
      await supervisor.start();
      expect(dig(port)).toContain('status: SERVFAIL');
      expect(dig(port, '+tcp')).toContain('status: SERVFAIL');
      await supervisor.end('SIGTERM');
    }
  });

  it('loses nothing over a restart: what is asked in between waits in the sockets', async () => {
    const upstream = createSocket('udp4');
    // Slow enough that some are in flight when the end comes.
    upstream.on('message', (message, peer) => {
      message[2] = message[2]! | 0x80;
      setTimeout(() => upstream.send(message, peer.port, peer.address), 100);
    });
    await new Promise<void>((resolve) => upstream.bind(0, '127.0.0.1', resolve));
    onTestFinished(() => void upstream.close());
    const supervisor = new Supervisor('--upstream', `127.0.0.1:${upstream.address().port}`, '--workers', '1');
    const port = await supervisor.port();
    await supervisor.start();

    const client = createSocket('udp4');
    onTestFinished(() => void client.close());
    const answered = new Set<number>();
    client.on('message', (message) => answered.add(message.readUInt16BE(0)));
    let asked = 0;
    const sending = setInterval(() => {
      asked++;
      const label = String(asked);
      const name = Buffer.from(`${String.fromCharCode(label.length)}${label}\x07example\0`, 'latin1');
      const header = Buffer.from([asked >> 8, asked & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
      client.send(Buffer.concat([header, name, Buffer.from([0, 1, 0, 1])]), port, '127.0.0.1');
    }, 5);
    await expect.poll(() => answered.size, { timeout: 40_000 }).toBeGreaterThan(50);
    await supervisor.end('SIGTERM');
    await supervisor.start();
    const restarted = asked;
    await expect.poll(() => asked, { timeout: 40_000 }).toBeGreaterThan(restarted + 50);
    clearInterval(sending);
    await expect.poll(() => answered.size, { timeout: 40_000 }).toBe(asked);
  });
});

describe('the units', () => {
  it('are without fault, and give no right that is not needed', () => {
    const verify = spawnSync('systemd-analyze', ['verify', UNIT, SOCKET], { encoding: 'utf8' });
    // It also tells of units of this machine.
    const said = verify.stderr.split('\n').filter((line) => line.includes('unloop'));
    // The program is where packages put it (test/lab/packages starts it there).
    expect(said.filter((line) => !line.includes('Command /usr/bin/unloop is not executable'))).toEqual([]);
    const security = execFileSync('systemd-analyze', ['security', '--offline=true', UNIT], {
      encoding: 'utf8',
    });
    const exposure = Number(/Overall exposure level for unloop\.service: ([\d.]+)/.exec(security)![1]);
    expect(exposure).toBeLessThanOrEqual(MOST_EXPOSURE);
  });

  it('allow every system call that unloop makes', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'unloop-strace-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const table = join(folder, 'calls');
    const program = [process.execPath, MAIN, 'run', '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0'];
    const strace = ['-f', '-qq', '-c', '-U', 'name', '-o', table, ...program, '--upstream', '127.0.0.1:1'];
    const child = new Child(['strace', ...strace]);
    onTestFinished(() => child.kill());
    const listen = () => /"listen":\["127\.0\.0\.1:(\d+)"\].*unloop is ready/.exec(child.stdout)?.[1];
    const port = Number(await child.until(listen, 30_000));
    expect(dig(port)).toContain('SERVFAIL');
    expect(dig(port, '+tcp')).toContain('SERVFAIL');
    const pid = Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8'));
    process.kill(pid, 'SIGHUP');
    await child.untilSaid('reloaded', 40_000);
    process.kill(pid, 'SIGTERM');
    await child.ended;

    const used = readFileSync(table, 'latin1')
      .split('\n')
      .map((line) => line.trim())
      .filter((word) => /^[a-z_0-9]+$/.test(word) && word !== 'syscall' && word !== 'total');
    expect(used.length).toBeGreaterThan(30);
    const allowed = callsOf('@system-service');
    for (const group of ['@privileged', '@resources'])
      for (const call of callsOf(group)) allowed.delete(call);
    // V8 asks for memory protection keys, a worker for short time slices (time_slice.c): both do
    // without what they are refused.
    const spared = ['pkey_alloc', 'sched_setattr'];
    expect(used.filter((call) => !allowed.has(call) && !spared.includes(call))).toEqual([]);
  });
});

/** The system calls of a group of systemd's, groups within it included. */
function callsOf(group: string): Set<string> {
  const text = execFileSync('systemd-analyze', ['syscall-filter', group], { encoding: 'utf8' });
  const words = text
    .split('\n')
    .slice(1)
    .map((line) => line.trim())
    .filter((word) => word !== '' && !word.startsWith('#'));
  return new Set(words.flatMap((word) => (word.startsWith('@') ? [...callsOf(word)] : [word])));
}
