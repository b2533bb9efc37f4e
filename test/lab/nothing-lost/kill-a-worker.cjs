// Loaded into unloop before its own program (node --require): on SIGUSR2 one of the workers dies of
// an exception, as it would of a fault in it.
const { BroadcastChannel, isMainThread, threadId } = require('node:worker_threads');

const channel = new BroadcastChannel('kill-a-worker');
channel.unref();
if (isMainThread) {
  process.on('SIGUSR2', () => channel.postMessage('die'));
} else {
  let first = true;
  channel.onmessage = () => {
    // The lowest number: workers that come later have higher ones.
    if (first && threadId === 1) {
      first = false;
      setImmediate(() => {
        throw new Error('as the test wants it');
      });
    }
  };
}
