// A worker thread: everything between a client's packet and its answer, on sockets of its own.
// Started by the supervisor with a WorkerStart, its first message; then does what worker-channel.ts
// says.
import { parentPort } from 'node:worker_threads';
import { nativeAddon } from '../../io/native-addon.ts';
import { DataPlane } from './data-plane.ts';
import type { FromWorker, ToWorker, WorkerStart } from './worker-channel.ts';

const port = parentPort!;

function tell(message: FromWorker): void {
  // The records of a whole cache are handed over, not copied.
  const isDump = message.type === 'done' && message.result instanceof Uint8Array;
  port.postMessage(message, isDump ? [message.result.buffer as ArrayBuffer] : []);
}

async function begin(start: WorkerStart): Promise<void> {
  // Where it is not allowed, answers wait for a busy processor as those of any other program do.
  nativeAddon()?.shortenTimeSlice();
  let plane: DataPlane;
  try {
    plane = await DataPlane.open(start, tell);
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    tell({ type: 'cannot-start', code, message });
    port.close();
    return;
  }
  port.on('message', (message: ToWorker) => {
    plane.take(message).then(
      (result) => tell({ type: 'done', id: message.id, result }),
      // Nothing in take() may fail; if it does, the supervisor replaces this worker.
      (error: unknown) => {
        throw error;
      },
    );
  });
  const { bound, undealt, descriptors } = plane.listeners;
  tell({ type: 'ready', bound, undealt, descriptors });
}

port.once('message', (start: WorkerStart) => void begin(start));
