// Socket activation without systemd: sockets of every kind handed over as descriptors 3, 4 …, with
// LISTEN_FDS and LISTEN_PID.
import dgram from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Child } from '../../../src/base/child-process.ts';
import { nativeStatus } from '../../../src/io/open-socket.ts';
import { askTcp, askUdp } from '../../kit/dns-client.ts';
import { upstreamSaying } from './scene.ts';

const MAIN = fileURLToPath(new URL('../../../dist/unloop/main.js', import.meta.url));

/** The descriptor of a socket that this process has open. */
const descriptorOf = (socket: object): number => (socket as { _handle: { fd: number } })._handle.fd;

/** What hands its descriptor on, and is closed here then. */
const toClose: (() => void)[] = [];

async function udpSocket(host: string, port = 0, options: Partial<dgram.SocketOptions> = {}) {
  const socket = dgram.createSocket({ type: net.isIPv6(host) ? 'udp6' : 'udp4', ...options });
  await new Promise<void>((resolve) => socket.bind({ port, address: host, exclusive: true }, resolve));
  toClose.push(() => socket.close());
  return { fd: descriptorOf(socket), port: socket.address().port, socket };
}

async function tcpListener(host: string, port: number) {
  const server = net.createServer();
  server.listen({ host, port, exclusive: true });
  await once(server, 'listening');
  toClose.push(() => server.close());
  return { fd: descriptorOf(server), port: (server.address() as net.AddressInfo).port };
}

/**
 * UDP and TCP on one port of the kernel's choice. One that is free for UDP may be taken for TCP:
 * then another is tried.
 */
async function socketPair(host: string, options: Partial<dgram.SocketOptions> = {}) {
  for (let attempt = 1; ; attempt++) {
    const udp = await udpSocket(host, 0, options);
    try {
      return { udp, tcp: await tcpListener(host, udp.port) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || attempt === 20) throw error;
    }
  }
}

/** Starts unloop with these descriptors as 3, 4 …; LISTEN_PID is its own unless told otherwise. */
function start(descriptors: readonly number[], upstream: string, count: number | string, pid = '$$'): Child {
  const run = [
    process.execPath,
    MAIN,
    'run',
    '--listen',
    '127.0.0.1:0',
    '--admin',
    'off',
    '--upstream',
    upstream,
  ];
  const child = new Child(['sh', '-c', `LISTEN_PID=${pid} exec "$0" "$@"`, ...run], {
    env: { ...process.env, LISTEN_FDS: String(count) },
    descriptors,
  });
  onTestFinished(() => child.kill());
  // They are the child's now: this process would read what is meant for it.
  for (const close of toClose.splice(0)) close();
  return child;
}

const ready = (started: Child) => started.untilSaid('"unloop is ready"', 45_000);

describe.runIf(nativeStatus().available)('socket activation', () => {
  it('serves on the sockets that were handed over instead of the configured ones', async () => {
    const upstream = await upstreamSaying('192.0.2.1');
    const { udp, tcp } = await socketPair('127.0.0.1');
    const started = start([udp.fd, tcp.fd], upstream.text, 2);
    await ready(started);
    expect(started.stdout).toContain(`"listen":["127.0.0.1:${udp.port}"]`);
    // Two workers on one socket: there is nothing to deal names to, and the log says so once.
    expect(started.stdout.split('queries are not dealt to the workers by name')).toHaveLength(2);
    for (const ask of [askUdp, askTcp]) expect((await ask(udp.port, { name: 'www.example' })).rcode).toBe(0);
    expect(await started.stop()).toBe(0);
  });

  it('serves IPv4 clients of a socket for both families, as systemd opens one for ListenDatagram=PORT', async () => {
    const upstream = await upstreamSaying('192.0.2.1');
    const { udp, tcp } = await socketPair('::', { ipv6Only: false });
    const started = start([udp.fd, tcp.fd], upstream.text, 2);
    await ready(started);
    for (const ask of [askUdp, askTcp]) expect((await ask(udp.port, { name: 'www.example' })).rcode).toBe(0);
    expect(await started.stop()).toBe(0);
  });

  it('ignores sockets that are another process’s', async () => {
    const upstream = await upstreamSaying('192.0.2.1');
    const udp = await udpSocket('127.0.0.1');
    const started = start([udp.fd], upstream.text, 1, '1');
    await ready(started);
    expect(started.stdout).not.toContain('inherited');
    expect(started.stdout).not.toContain(`127.0.0.1:${udp.port}"`);
  });

  const REMEDY =
    '\n  cure: Give the service a .socket unit with ListenDatagram= and ListenStream= only, or none.\n';
  it.each([
    [
      'a Unix stream',
      async () => [await unixListener()],
      1,
      'descriptor 3 is neither a UDP socket nor a TCP listener',
    ],
    [
      'an accepted connection (Accept=yes)',
      connection,
      1,
      'descriptor 3 is neither a UDP socket nor a TCP listener',
    ],
    [
      'a connected datagram socket',
      connectedUdp,
      1,
      'descriptor 3 is connected: only one client could ask by it',
    ],
    [
      'more than there are',
      async () => [(await udpSocket('127.0.0.1')).fd],
      9,
      'is neither a UDP socket nor a TCP listener',
    ],
    ['no number', async () => [(await udpSocket('127.0.0.1')).fd], 'two', 'LISTEN_FDS=two is not a number'],
  ] as const)('says in a line what is wrong: %s', async (_, make, count, message) => {
    const started = start(await make(), '127.0.0.1:9', count);
    expect(await started.ended).toBe(1);
    expect(started.stderr).toContain(message);
    expect(started.stderr).toMatch(/^unloop: cannot listen: [^\n]+\n {2}cure: [^\n]+\n$/);
    expect(started.stderr).toContain(REMEDY);
  });
});

async function unixListener(): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'unloop-activation-'));
  const server = net.createServer();
  server.listen(join(folder, 'socket'));
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return descriptorOf(server);
}

async function connection(): Promise<number[]> {
  const server = net.createServer();
  server.listen({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  const accepted = once(server, 'connection');
  const client = net.connect({ host: '127.0.0.1', port: (server.address() as net.AddressInfo).port });
  const [socket] = (await accepted) as [net.Socket];
  onTestFinished(() => {
    client.destroy();
    socket.destroy();
    server.close();
  });
  return [descriptorOf(socket)];
}

async function connectedUdp(): Promise<number[]> {
  const { fd, socket } = await udpSocket('127.0.0.1');
  await new Promise<void>((resolve) => socket.connect(9, '127.0.0.1', () => resolve()));
  return [fd];
}
