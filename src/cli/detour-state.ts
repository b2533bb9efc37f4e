// What unloop-detour, in the container beside, says of the detour to this node's unloop
// (src/detour): asked over a socket of the file system. Called by status.
import { connect } from 'node:net';
import { formatDuration } from '../admin/readable.ts';

/** It answers at once, or it hangs. */
const WITHIN_MS = 1000;
/** A few lines; more is not ours. */
const MAX_BYTES = 4096;

/** Lines of text: whether each Service's address leads here, and since when. */
export async function describeDetour(path: string, nowMs: number): Promise<string[]> {
  const told = await read(path).catch((error: Error) => error);
  if (told instanceof Error) return [`off: unloop-detour does not answer at ${path}: ${told.message}`];
  return told
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [state, service, own, sinceMs] = line.split(' ');
      const way = state === 'on' ? `goes to ${own}` : 'is answered by kube-dns';
      return `${state} for ${formatDuration(nowMs - Number(sinceMs))}: what is asked of ${service} ${way}`;
    });
}

function read(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect(path);
    socket.setTimeout(WITHIN_MS, () => socket.destroy(new Error('it hangs')));
    socket.setEncoding('latin1');
    socket.on('data', (part: string) => {
      text += part;
      if (text.length > MAX_BYTES) socket.destroy(new Error('it is something else'));
    });
    socket.on('error', reject);
    socket.on('end', () => resolve(text));
  });
}
