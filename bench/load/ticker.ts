// What wakes an open-loop run when queries are due. Timers of an event loop are good for a millisecond at best; a thread that
// sleeps by the futex and sends a datagram is good for a tenth, without spinning.
import { Worker } from 'node:worker_threads';
import { Clock } from '../../src/base/clock.ts';
import type { DatagramSocket } from '../../src/io/datagram-socket.ts';
import { openDatagramSocket } from '../../src/io/open-socket.ts';

/** Queries that are due within one tick leave together; the tick is when they are meant to leave. */
export interface Ticker {
  readonly tickMs: number;
  /** The first tick at or after a time of performance.now(). */
  align(ms: number): number;
  stop(): Promise<void>;
}

/** What the thread is told. */
export interface TickerStart {
  readonly port: number;
  readonly tickMs: number;
}

/** Each tick wakes two threads, which costs more than the queries of the tick: no more ticks than that, or than queries. */
const FINE_TICK_MS = 0.5;
const COARSE_TICK_MS = 1;

/**
 * Starts to call `onTick` with the time between ticks, for a run of so many queries a second. From TypeScript sources, where no
 * thread can be started on every Node, it ticks by a timer.
 */
export function startTicker(qps: number, onTick: (tickMs: number) => void): Promise<Ticker> {
  return import.meta.url.endsWith('.ts')
    ? startTimerTicker(onTick)
    : startThreadTicker(Math.max(FINE_TICK_MS, 1000 / qps), onTick);
}

async function startTimerTicker(onTick: (tickMs: number) => void): Promise<Ticker> {
  const timer = setInterval(() => onTick(COARSE_TICK_MS), COARSE_TICK_MS);
  return {
    tickMs: COARSE_TICK_MS,
    align: (ms) => ms,
    stop: async () => clearInterval(timer),
  };
}

async function startThreadTicker(tickMs: number, onTick: (tickMs: number) => void): Promise<Ticker> {
  let onFirstTick = () => {};
  const ticking = new Promise<void>((resolve) => {
    onFirstTick = resolve;
  });
  const socket: DatagramSocket = await openDatagramSocket(
    { address: '127.0.0.1', port: 0 },
    {
      onBatch: () => {
        onFirstTick();
        onTick(tickMs);
      },
      onError: () => {},
    },
  );
  const start: TickerStart = { port: socket.localPort, tickMs };
  const thread = new Worker(new URL('./ticker-thread.js', import.meta.url), { workerData: start });
  // Without its thread a run would wait for ever: a defect of ours, which ends the process.
  thread.on('error', (error) => {
    throw error;
  });
  // A thread takes tens of milliseconds to start; a schedule must not begin before.
  await ticking;
  const shiftMs = new Clock().nowMs - performance.now();
  return {
    tickMs,
    align: (ms) => Math.ceil((ms + shiftMs) / tickMs) * tickMs - shiftMs,
    stop: async () => {
      await thread.terminate();
      await socket.close();
    },
  };
}
