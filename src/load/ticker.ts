// What wakes an open-loop run when queries are due. Timers of an event loop are good for a
// millisecond at best; a timerfd (io/native/ticks.c) wakes the loop itself, on time, and costs no
// thread. Without the addon a timer must do.
import { type NativeAddon, nativeAddon } from '../io/native-addon.ts';

/**
 * Queries that are due within one tick leave together; the tick is when they are meant to leave.
 */
export interface Ticker {
  readonly tickMs: number;
  /** The first tick at or after a time of performance.now(). */
  align(ms: number): number;
  stop(): void;
}

/**
 * Each tick wakes the tool, which costs more than the queries of the tick: two queries per tick,
 * unless that makes a tick longer than 1 ms.
 */
const FINE_TICK_MS = 0.5;
const COARSE_TICK_MS = 1;
const QUERIES_PER_TICK = 2;

/** Starts to call `onTick` with the time between ticks, for a run at this rate (per second). */
export function startTicker(qps: number, onTick: (tickMs: number) => void): Ticker {
  const addon = nativeAddon();
  return addon === null ? startTimer(onTick) : startKernelTicks(addon, qps, onTick);
}

function startTimer(onTick: (tickMs: number) => void): Ticker {
  const timer = setInterval(() => onTick(COARSE_TICK_MS), COARSE_TICK_MS);
  return {
    tickMs: COARSE_TICK_MS,
    align: (ms) => ms,
    stop: () => clearInterval(timer),
  };
}

function startKernelTicks(addon: NativeAddon, qps: number, onTick: (tickMs: number) => void): Ticker {
  const pairMs = Math.min((QUERIES_PER_TICK * 1000) / qps, COARSE_TICK_MS);
  const tickMs = Math.max(FINE_TICK_MS, pairMs, 1000 / qps);
  const periodNs = Math.round(tickMs * 1e6);
  const firstNs = Number(process.hrtime.bigint()) + periodNs;
  const firstMs = performance.now() + tickMs;
  const ticks = addon.startTicks(firstNs, periodNs, () => onTick(tickMs));
  if (ticks === undefined) return startTimer(onTick);
  return {
    tickMs,
    align: (ms) => firstMs + Math.ceil((ms - firstMs) / tickMs) * tickMs,
    stop: () => addon.stopTicks(ticks),
  };
}
