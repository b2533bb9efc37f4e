// TCP listeners: shared ports, inherited descriptors, half-open connections, error codes.
import { type AddressInfo, connect, type Server, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import { listenTcp, type TcpListenOptions } from '../../src/io/listen-tcp.ts';
import { nativeAddon } from '../../src/io/native-addon.ts';
import { supportsReusePort } from '../../src/io/open-socket.ts';
import { LOOPBACKS } from './datagram-socket.suite.ts';

const servers: Server[] = [];
afterEach(async () => {
  await Promise.all(
    servers.splice(0).map((server) => new Promise<void>((resolve) => server.close(() => resolve()))),
  );
});

/** Answers everything once the client has sent all of it: needs the half-open state. */
function upperCaseAtEnd(connection: Socket): void {
  let all = '';
  connection.on('data', (chunk) => {
    all += chunk;
  });
  connection.on('end', () => connection.end(all.toUpperCase()));
}

async function listen(options: Partial<TcpListenOptions> = {}, onConnection = upperCaseAtEnd) {
  const server = await listenTcp({ address: '127.0.0.1', port: 0, ...options }, onConnection);
  servers.push(server);
  return { server, port: (server.address() as AddressInfo).port };
}

async function ask(port: number, host = '127.0.0.1'): Promise<string> {
  const connection = connect({ port, host });
  connection.end('question');
  return text(connection);
}

describe('listenTcp', () => {
  it.each([false, true])('answers a client that has closed its half (reusePort %s)', async (reusePort) => {
    const { port } = await listen({ reusePort });
    expect(await ask(port)).toBe('QUESTION');
  });

  if (LOOPBACKS.includes('::1'))
    it('listens on IPv6, leaving IPv4 alone', async () => {
      const { port } = await listen({ address: '::', reusePort: true });
      await listen({ address: '0.0.0.0', port });
      expect(await ask(port, '::1')).toBe('QUESTION');
      expect(await ask(port)).toBe('QUESTION');
    });

  it.each([false, true])('shares a port where SO_REUSEPORT is available (claim %s)', async (claim) => {
    const counts = [0, 0];
    const first = await listen({ reusePort: true, claim }, (connection) => {
      counts[0]!++;
      upperCaseAtEnd(connection);
    });
    const second = listen({ reusePort: true, port: first.port }, (connection) => {
      counts[1]!++;
      upperCaseAtEnd(connection);
    });
    if (!supportsReusePort()) {
      await expect(second).rejects.toMatchObject({ code: 'EADDRINUSE' });
      return;
    }
    await second;
    await Promise.all(Array.from({ length: 40 }, () => ask(first.port)));
    expect(counts[0]! + counts[1]!).toBe(40);
    expect(Math.min(...counts)).toBeGreaterThan(0);
    const claiming = listen({ reusePort: true, claim: true, port: first.port });
    await expect(claiming).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });

  it.each([false, true])('says by code why it cannot listen (reusePort %s)', async (reusePort) => {
    const { port } = await listen();
    await expect(listen({ port, reusePort })).rejects.toMatchObject({ code: 'EADDRINUSE', port });
    await expect(listen({ address: '192.0.2.1', reusePort })).rejects.toMatchObject({
      code: 'EADDRNOTAVAIL',
      address: '192.0.2.1',
    });
  });

  const addon = nativeAddon();
  if (addon !== null)
    it('gives each listener its own copy of an inherited descriptor', async () => {
      const inherited = addon.listenTcp('127.0.0.1', 0, 16, 0);
      const first = await listen({ fd: inherited });
      const second = await listen({ fd: inherited });
      expect(second.port).toBe(first.port);
      await new Promise<void>((resolve) => first.server.close(() => resolve()));
      expect(await ask(second.port)).toBe('QUESTION');
    });

  it('says so when the descriptor is not a TCP socket', async () => {
    await expect(listen({ fd: 0 })).rejects.toHaveProperty('code');
    await expect(listen({ fd: 9999 })).rejects.toHaveProperty('code');
  });
});
