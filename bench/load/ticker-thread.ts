// The thread of ticker.ts: sleeps to the next tick, sends one octet to the run's thread, and so on. It falls behind rather
// than catch up: one datagram says all that is due. Ticks are at multiples of tickMs of the clock that all threads share.
import { workerData } from 'node:worker_threads';
import { Clock } from '../../src/base/clock.ts';
import { openDatagramSocket } from '../../src/io/open-socket.ts';
import type { TickerStart } from './ticker.ts';

/** The kernel wakes a sleeper this much too late (timer slack), to begin with; then what was measured. */
const FIRST_SLACK_MS = 0.06;
const MOST_SLACK_MS = 0.12;

const { port, tickMs } = workerData as TickerStart;
const clock = new Clock();
const sleeper = new Int32Array(new SharedArrayBuffer(4));
const socket = await openDatagramSocket(
  { address: '127.0.0.1', port: 0, connectTo: { address: '127.0.0.1', port } },
  { onBatch: () => {}, onError: () => {} },
);
let slackMs = FIRST_SLACK_MS;

/** The datagram leaves when the event loop goes round, which setImmediate makes it do at once. */
function tick(): void {
  const nowMs = clock.refresh();
  const waitMs = tickMs - ((nowMs + slackMs) % tickMs);
  Atomics.wait(sleeper, 0, 0, waitMs);
  const lateMs = Math.min(clock.refresh() - nowMs - waitMs, MOST_SLACK_MS);
  slackMs += (lateMs - slackMs) / 16;
  socket.reserve();
  socket.commitConnected(1);
  setImmediate(tick);
}
tick();
