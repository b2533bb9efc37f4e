// Loaded into the server under test before its own code (node --import), in every thread: lets a
// worker die on demand, and tells how large the heap of each thread is. The tool speaks to the main
// thread over the channel that fork() opens.
import { BroadcastChannel, isMainThread, threadId } from 'node:worker_threads';

/** From the tool. */
export type Order = 'kill a worker' | 'tell heaps';
type Word =
  | { readonly word: 'here' | 'die'; readonly thread: number }
  | { readonly word: 'tell' }
  | { readonly word: 'heap'; readonly thread: number; readonly bytes: number };

const TELL_WITHIN_MS = 200;
const channel = new BroadcastChannel('soak') as BroadcastChannel & { unref(): void };
channel.unref();

if (isMainThread) obeyTool();
else obeyMain();

function obeyTool(): void {
  const workers: number[] = [];
  let heapBytes = 0;
  channel.onmessage = ({ data }: { data: unknown } & object) => {
    const word = data as Word;
    if (word.word === 'here') workers.push(word.thread);
    else if (word.word === 'heap') heapBytes += word.bytes;
  };
  process.on('message', (order: Order) => {
    if (order === 'kill a worker') {
      const thread = workers.shift();
      if (thread !== undefined) channel.postMessage({ word: 'die', thread });
      return;
    }
    heapBytes = process.memoryUsage().heapUsed;
    channel.postMessage({ word: 'tell' });
    setTimeout(() => process.send?.({ heapBytes }), TELL_WITHIN_MS).unref();
  });
  process.channel?.unref();
}

function obeyMain(): void {
  channel.onmessage = ({ data }: { data: unknown } & object) => {
    const word = data as Word;
    if (word.word === 'die' && word.thread === threadId) process.exit(1);
    if (word.word === 'tell')
      channel.postMessage({ word: 'heap', thread: threadId, bytes: process.memoryUsage().heapUsed });
  };
  channel.postMessage({ word: 'here', thread: threadId });
}
