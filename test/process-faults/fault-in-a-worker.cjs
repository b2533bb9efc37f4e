// Loaded into unloop before its own program (node --require): on SIGUSR2 the first worker says
// "fault" on stderr and does what TEST_WORKER_FAULT says, as it would by a defect in it (throw, hang
// or memory), or on a machine that stops it for a while (pause).
const { writeSync } = require('node:fs');
const { BroadcastChannel, isMainThread, threadId } = require('node:worker_threads');

const channel = new BroadcastChannel('fault-in-a-worker');
channel.unref();

const faults = {
  throw() {
    throw new Error('as the test wants it');
  },
  hang() {
    for (;;);
  },
  pause() {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3000);
  },
  memory() {
    // A leak, not a hang: the event loop still turns. 8 MB at a time, at most 50 MB a second.
    const kept = [];
    setInterval(() => {
      for (let i = 0; i < 100; i++) kept.push(new Array(10_000).fill(kept.length + 0.5));
    }, 160);
  },
};

if (isMainThread) {
  process.on('SIGUSR2', () => channel.postMessage('now'));
} else {
  channel.onmessage = () => {
    // The lowest number: workers that come later have higher ones.
    if (threadId !== 1) return;
    setImmediate(() => {
      writeSync(2, 'fault\n');
      faults[process.env.TEST_WORKER_FAULT]();
    });
  };
}
