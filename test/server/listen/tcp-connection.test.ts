// The bounds of one client's TCP connection, on a scripted socket. tcp-listener.test.ts has real
// sockets.
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../../src/base/clock.ts';
import { TimerWheel } from '../../../src/base/timer-wheel.ts';
import { Counters, CounterTotals, createCounterBlock, Drop } from '../../../src/metrics/counters.ts';
import { type ConnectionOwner, TcpConnection } from '../../../src/server/listen/tcp-connection.ts';

const IDLE_MS = 10_000;
const LIFETIME_MS = 2 * 60 * 60 * 1000;
const MAX_PIPELINED = 256;
const MAX_UNREAD_BYTES = 256 * 1024;
/** A framed message of 12 bytes. */
const QUERY = Buffer.from([0, 12, 0xab, 0xcd, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);

class FakeSocket extends EventEmitter {
  readonly remoteAddress = '192.0.2.1';
  readonly remotePort = 4000;
  readonly written: Buffer[] = [];
  writable = true;
  writableLength = 0;
  destroyed = false;
  ended = false;
  paused = false;
  unread: Buffer | null = null;

  write(bytes: Buffer): void {
    this.written.push(bytes);
  }
  end(): void {
    this.ended = true;
  }
  pause(): void {
    this.paused = true;
  }
  resume(): void {
    this.paused = false;
  }
  unshift(chunk: Buffer): void {
    this.unread = chunk;
  }
  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.writable = false;
    this.emit('close');
  }
}

let clock: ManualClock;
let wheel: TimerWheel;
let block: SharedArrayBuffer;
let socket: FakeSocket;
let connection: TcpConnection;
/** Queries that were handed on. */
let handled: number;
let closed: number;
let takes: boolean;
let draining: boolean;

beforeEach(() => {
  clock = new ManualClock();
  wheel = new TimerWheel(clock.nowMs);
  block = createCounterBlock();
  socket = new FakeSocket();
  handled = 0;
  closed = 0;
  takes = true;
  draining = false;
  const owner: ConnectionOwner = {
    clock,
    wheel,
    counters: new Counters(block),
    idleMs: IDLE_MS,
    get draining() {
      return draining;
    },
    handle: () => {
      handled++;
      return takes;
    },
    endBatch() {},
    onClosed: () => closed++,
  };
  connection = new TcpConnection(owner, socket as unknown as Socket);
});

const receive = (count: number) => socket.emit('data', Buffer.concat(Array<Buffer>(count).fill(QUERY)));

function answer(length = 12): void {
  connection.reserve().fill(0x11, 0, length);
  connection.send(length);
}

function pass(ms: number): void {
  clock.advance(ms);
  wheel.advance(clock.nowMs);
}

function dropped(reason: number): number {
  const totals = new CounterTotals();
  totals.add(block);
  return totals.dropped(reason);
}

describe('answers', () => {
  it('are sent with their length before them', () => {
    receive(1);
    answer(300);
    expect(socket.written).toEqual([Buffer.concat([Buffer.from([1, 44]), Buffer.alloc(300, 0x11)])]);
  });

  it('count as dropped once the client is gone', () => {
    receive(1);
    socket.destroy();
    answer();
    expect(socket.written).toEqual([]);
    expect(dropped(Drop.client_gone)).toBe(1);
    expect(closed).toBe(1);
  });
});

describe('reading', () => {
  it('stops with 256 queries in flight, and goes on when one is answered', () => {
    receive(MAX_PIPELINED + 10);
    expect(handled).toBe(MAX_PIPELINED);
    expect(socket.paused).toBe(true);
    expect(socket.unread).toHaveLength(10 * QUERY.length);
    answer();
    expect(socket.paused).toBe(false);
  });

  it('stops while the client does not read its answers', () => {
    socket.writableLength = MAX_UNREAD_BYTES;
    receive(1);
    expect(socket.paused).toBe(true);
    answer();
    expect(socket.paused).toBe(true);
    socket.writableLength = 0;
    socket.emit('drain');
    expect(socket.paused).toBe(false);
  });

  it('does not count what needs no answer', () => {
    takes = false;
    receive(MAX_PIPELINED + 10);
    expect(handled).toBe(MAX_PIPELINED + 10);
    expect(connection.isIdle).toBe(true);
  });

  it('ends at an impossible message length', () => {
    socket.emit('data', Buffer.from([0, 11, 0, 0]));
    expect(socket.destroyed).toBe(true);
    expect(dropped(Drop.tcp_framing)).toBe(1);
  });
});

describe('the idle time', () => {
  it('closes a connection without queries', () => {
    pass(IDLE_MS - 20);
    expect(socket.destroyed).toBe(false);
    pass(40);
    expect(socket.destroyed).toBe(true);
  });

  it('starts again with a whole query, and not with a part of one', () => {
    takes = false;
    pass(IDLE_MS - 20);
    receive(1);
    pass(IDLE_MS - 20);
    expect(socket.destroyed).toBe(false);
    socket.emit('data', QUERY.subarray(0, 5));
    pass(40);
    expect(socket.destroyed).toBe(true);
  });

  it('does not close a connection with a query in flight', () => {
    receive(1);
    pass(3 * IDLE_MS);
    expect(socket.destroyed).toBe(false);
    answer();
    pass(2 * IDLE_MS + 20);
    expect(socket.destroyed).toBe(true);
  });

  it('closes a connection whose client reads no answers, though a query is in flight', () => {
    receive(1);
    socket.writableLength = MAX_UNREAD_BYTES;
    pass(IDLE_MS + 20);
    expect(socket.destroyed).toBe(true);
  });
});

it('ends after two hours, with what is in flight answered', () => {
  for (let ms = IDLE_MS / 2; ms < LIFETIME_MS; ms += IDLE_MS / 2) {
    receive(1);
    answer();
    pass(IDLE_MS / 2);
  }
  receive(1);
  pass(IDLE_MS);
  expect(socket.paused).toBe(true);
  expect(socket.ended).toBe(false);
  answer();
  expect(socket.ended).toBe(true);
  expect(socket.written.length).toBe(LIFETIME_MS / (IDLE_MS / 2));
});

it('answers what is in flight when the client half-closes', () => {
  receive(2);
  socket.emit('end');
  answer();
  expect(socket.ended).toBe(false);
  answer();
  expect(socket.ended).toBe(true);
});

describe('while the server drains', () => {
  it('a connection ends once its queries are answered', async () => {
    receive(1);
    connection.drain();
    await nextTurn();
    expect(socket.ended).toBe(false);
    answer();
    expect(socket.ended).toBe(true);
  });

  it('a connection waits for a second only', () => {
    draining = true;
    connection.drain();
    pass(1020);
    expect(socket.destroyed).toBe(true);
  });
});

it('tells clients its idle time, and 0 when it is about to end', () => {
  expect(connection.keepaliveTenths).toBe(IDLE_MS / 100);
  draining = true;
  expect(connection.keepaliveTenths).toBe(0);
  draining = false;
  socket.emit('end');
  expect(connection.keepaliveTenths).toBe(0);
});
