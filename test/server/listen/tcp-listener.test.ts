// Slots for TCP clients are shared fairly, and every connection ends. Real sockets, a scripted
// pipeline.
import { once } from 'node:events';
import net from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ManualClock } from '../../../src/base/clock.ts';
import { TimerWheel } from '../../../src/base/timer-wheel.ts';
import { Counter, Counters, CounterTotals, createCounterBlock, Drop } from '../../../src/metrics/counters.ts';
import type { QueryHandler, ReplySink } from '../../../src/pipeline/reply-sink.ts';
import { TcpListener } from '../../../src/server/listen/tcp-listener.ts';

/** A framed message of 12 bytes. */
const QUERY = Uint8Array.of(0, 12, 0xab, 0xcd, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0);
const NO_PEERS = new Int32Array(0);
const TWO_HOURS_MS = 2 * 60 * 60 * 1000;

describe('tcp listener', () => {
  const closers: (() => void)[] = [];
  afterEach(() => {
    for (const close of closers.splice(0)) close();
  });

  async function listen(options: {
    maxConnections: number;
    idleMs?: number;
    /** Default: each waits to be answered by the test. */
    handle?: (bytes: Uint8Array, length: number, replyTo: ReplySink) => boolean;
  }) {
    const clock = new ManualClock();
    const wheel = new TimerWheel(clock.nowMs);
    const counters = new Counters(createCounterBlock());
    const waiting: ReplySink[] = [];
    const pipeline: QueryHandler = {
      handle:
        options.handle ??
        ((_bytes: Uint8Array, _length: number, replyTo: ReplySink) => waiting.push(replyTo) > 0),
      endBatch() {},
    };
    const listener = await TcpListener.open(pipeline, clock, wheel, counters, {
      address: '127.0.0.1',
      port: 0,
      reusePort: false,
      claim: false,
      fd: -1,
      idleMs: 10_000,
      ...options,
    });
    closers.push(() => listener.destroy());
    return { listener, clock, wheel, counters, waiting };
  }

  /** A client at an address of its own. */
  async function connect(port: number, localAddress: string): Promise<net.Socket> {
    const socket = net.connect({ host: '127.0.0.1', port, localAddress });
    closers.push(() => socket.destroy());
    socket.on('error', () => {});
    await once(socket, 'connect');
    return socket;
  }

  const until = async (holds: () => boolean) => {
    while (!holds()) await new Promise((resolve) => setTimeout(resolve, 2));
  };

  it('lets one client have all slots, and takes one back for another', async () => {
    const { listener, counters } = await listen({ maxConnections: 3 });
    const greedy = [];
    for (let i = 0; i < 3; i++) greedy.push(await connect(listener.port, '127.0.0.2'));
    await until(() => counters.values[Counter.tcpConnections] === 3);
    const oldest = once(greedy[0]!, 'close');
    const modest = await connect(listener.port, '127.0.0.3');
    await oldest;
    expect(counters.values[Counter.tcpConnections]).toBe(3);
    expect(modest.destroyed).toBe(false);
    expect(counters.values[Counter.tcpConnectionsRefused]).toBe(0);
  });

  it('accepts a new client while any client has an idle connection, even its own', async () => {
    const { listener, counters } = await listen({ maxConnections: 3 });
    const held = [];
    for (let i = 0; i < 3; i++) held.push(await connect(listener.port, '127.0.0.2'));
    await until(() => counters.values[Counter.tcpConnections] === 3);
    for (const oldest of held) {
      const closed = once(oldest, 'close');
      await connect(listener.port, '127.0.0.2');
      await closed;
    }
    expect(counters.values[Counter.tcpConnectionsRefused]).toBe(0);
  });

  it('takes busy connections back only for a client with fewer', async () => {
    const { listener, counters, waiting } = await listen({ maxConnections: 3 });
    const busy: net.Socket[] = [];
    const occupy = async (localAddress: string) => {
      const socket = await connect(listener.port, localAddress);
      socket.write(QUERY);
      busy.push(socket);
      await until(() => waiting.length === busy.length);
    };
    for (let i = 0; i < 3; i++) await occupy('127.0.0.2');
    await once(await connect(listener.port, '127.0.0.2'), 'close');
    expect(counters.values[Counter.tcpConnectionsRefused]).toBe(1);
    const oldest = once(busy[0]!, 'close');
    await occupy('127.0.0.3');
    await oldest;
    // Two and one: a second for the modest one would only turn that round.
    await once(await connect(listener.port, '127.0.0.3'), 'close');
    expect(counters.values[Counter.tcpConnectionsRefused]).toBe(2);
  });

  it('takes back an idle slot before a busy one', async () => {
    const { listener, counters, waiting } = await listen({ maxConnections: 3 });
    const busy = await connect(listener.port, '127.0.0.2');
    busy.write(QUERY);
    await until(() => waiting.length === 1);
    const idle = await connect(listener.port, '127.0.0.2');
    await connect(listener.port, '127.0.0.2');
    await until(() => counters.values[Counter.tcpConnections] === 3);
    const closed = once(idle, 'close');
    await connect(listener.port, '127.0.0.3');
    await closed;
    expect(busy.destroyed).toBe(false);
  });

  it('ends a connection after its lifetime, however busy: what is in flight is answered, nothing more is read', async () => {
    const { listener, clock, wheel, waiting } = await listen({ maxConnections: 3 });
    const client = await connect(listener.port, '127.0.0.2');
    const bytes: Buffer[] = [];
    client.on('data', (chunk: Buffer) => bytes.push(chunk));
    client.write(QUERY);
    await until(() => waiting.length === 1);
    clock.advance(TWO_HOURS_MS + 10);
    wheel.advance(clock.nowMs);
    client.write(QUERY);
    const [path] = waiting;
    path!.reserve().set(QUERY.subarray(2));
    path!.send(12, new Int32Array(12), 0);
    await once(client, 'end');
    expect(Buffer.concat(bytes)).toEqual(Buffer.from(QUERY));
    expect(waiting).toHaveLength(1);
  });

  it('tells clients for how long a connection is kept, and 0 once it drains (RFC 7828 §3.3.2)', async () => {
    const { listener, waiting } = await listen({ maxConnections: 3, idleMs: 2_550 });
    const client = await connect(listener.port, '127.0.0.2');
    client.write(QUERY);
    await until(() => waiting.length === 1);
    expect(waiting[0]!.keepaliveTenths).toBe(25);
    void listener.drain();
    expect(waiting[0]!.keepaliveTenths).toBe(0);
  });

  describe('answers of one read', () => {
    /** Asks for an answer of so many bytes, numbered. */
    const queryFor = (length: number, number: number): Buffer => {
      const framed = Buffer.alloc(2 + 12);
      framed.writeUInt16BE(12, 0);
      framed.writeUInt16BE(number, 2);
      framed.writeUInt16BE(length, 4);
      return framed;
    };
    const answerFor = (length: number, number: number): Buffer => {
      const framed = Buffer.alloc(2 + length, number);
      framed.writeUInt16BE(length, 0);
      framed.writeUInt16BE(number, 2);
      return framed;
    };
    const handle = (bytes: Uint8Array, _length: number, replyTo: ReplySink): boolean => {
      const length = (bytes[2]! << 8) | bytes[3]!;
      const out = replyTo.reserve();
      out.fill(bytes[1]!, 0, length);
      out[0] = bytes[0]!;
      out[1] = bytes[1]!;
      replyTo.send(length, NO_PEERS, 0);
      return true;
    };

    it.each([
      ['small', Array.from({ length: 50 }, (_, i) => 12 + i), 1],
      ['more than is gathered', Array.from({ length: 40 }, (_, i) => 1000 + i), 3],
      ['some too long to be gathered', [12, 65_535, 13, 14, 16_382, 16_383, 15, 40_000, 16], 8],
    ])('leave together, in their order, none lost: %s', async (_, lengths, mostWrites) => {
      const { listener } = await listen({ maxConnections: 1, handle });
      const writes = vi.spyOn(net.Socket.prototype, 'write');
      closers.push(() => writes.mockRestore());
      const client = await connect(listener.port, '127.0.0.2');
      const expected = Buffer.concat(lengths.map(answerFor));
      let got = Buffer.alloc(0);
      client.on('data', (chunk: Buffer) => {
        got = Buffer.concat([got, chunk]);
      });
      client.write(Buffer.concat(lengths.map(queryFor)));
      await until(() => got.length >= expected.length);
      expect(got.equals(expected)).toBe(true);
      const byServer = writes.mock.contexts.filter(
        (socket) => (socket as net.Socket).localPort === listener.port,
      );
      expect(byServer.length).toBeLessThanOrEqual(mostWrites);
    });

    it('leave before the connection is closed for what follows them', async () => {
      const { listener, counters } = await listen({ maxConnections: 1, handle });
      const client = await connect(listener.port, '127.0.0.2');
      const chunks: Buffer[] = [];
      client.on('data', (chunk: Buffer) => chunks.push(chunk));
      client.write(Buffer.concat([queryFor(20, 1), Buffer.of(0, 3, 1, 2, 3)]));
      await once(client, 'close');
      expect(Buffer.concat(chunks).equals(answerFor(20, 1))).toBe(true);
      const totals = new CounterTotals();
      totals.add(counters.values.buffer as SharedArrayBuffer);
      expect(totals.dropped(Drop.tcp_framing)).toBe(1);
    });
  });
});
