// When this process stood still: it is the client and the upstream of every trial, and a forwarder
// that waits for either repeats its question, gives up or serves something stale, as it should.

const STEP_MS = 20;
/** Below this no forwarder here loses patience. */
const STANDSTILL_MS = 80;

let lastMs = performance.now();
/** When the last one ended. */
let endedMs = Number.NEGATIVE_INFINITY;

function look(): void {
  const nowMs = performance.now();
  if (nowMs - lastMs > STEP_MS + STANDSTILL_MS) endedMs = nowMs;
  lastMs = nowMs;
}
setInterval(look, STEP_MS).unref();

/** Whether there was one since then (performance.now()). */
export function stoodStillSince(ms: number): boolean {
  look();
  return endedMs >= ms;
}
