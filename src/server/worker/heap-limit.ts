// A worker whose heap grows without end dies alone, and another takes its place.
//
// V8 has a limit for each thread, but it is the last resort only: the thread gets 16 MiB more to
// end in, and a collection that runs into that ends the whole process ("Reached heap limit"). So a
// worker looks at its heap itself, every second, and ends long before.

/** Where V8 ends the thread, in MiB; with bad luck the process. */
export const HEAP_LIMIT_MIB = 512;
/**
 * Where the worker ends itself, in MiB: many times what it has with all its flights and waiters in
 * use (the cache lies outside of the heap).
 */
export const HEAP_SELF_LIMIT_MIB = 384;

/** The code by which Node.js names a thread that V8 ended; ours ends for the same reason. */
export const OUT_OF_MEMORY = 'ERR_WORKER_OUT_OF_MEMORY';

/** What a worker dies of that ends itself. */
export class HeapTooLarge extends Error {
  /** An own property, so that it passes from thread to thread. */
  readonly code = OUT_OF_MEMORY;

  constructor(usedMib: number) {
    super(`its heap has ${usedMib} MiB in use, more than the ${HEAP_SELF_LIMIT_MIB} MiB it may have`);
  }
}

/** Throws HeapTooLarge when `usedBytes` of the heap are more than a sound worker ever uses. */
export function checkHeap(usedBytes: number): void {
  const usedMib = Math.round(usedBytes / 2 ** 20);
  if (usedMib > HEAP_SELF_LIMIT_MIB) throw new HeapTooLarge(usedMib);
}
