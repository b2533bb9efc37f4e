// Reads a UTF-8 file, bounded: a small one unless the caller says more. Called by code that
// reads a file that a person named.
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

const MAX_BYTES = 1024 * 1024;

/**
 * How long a pipe (`--config <(…)`) may take; a reload would hold up the main thread for so long.
 */
const PIPE_PATIENCE_MS = 1000;
const PIPE_LOOK_MS = 10;

/** Throws an Error whose message is fit for people: no such file, not UTF-8, too large. */
export function readTextFile(path: string, maxBytes = MAX_BYTES): string {
  return decodeUtf8(readSmallFile(path, maxBytes));
}

/**
 * The same for the bytes. Opens without blocking: otherwise a FIFO without a writer would block the
 * process forever.
 */
export function readSmallFile(path: string, maxBytes = MAX_BYTES): Uint8Array {
  let descriptor: number;
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw new Error(describeErrno(error), { cause: error });
  }
  try {
    const stat = fstatSync(descriptor);
    if (stat.isDirectory()) throw new Error('it is a directory');
    const bytes = readBounded(descriptor, maxBytes);
    if (bytes.length === 0 && stat.isFIFO()) throw new Error('it is a pipe that nobody writes to');
    return bytes;
  } finally {
    closeSync(descriptor);
  }
}

function readBounded(descriptor: number, maxBytes: number): Uint8Array {
  const chunks: Uint8Array[] = [];
  let length = 0;
  let waitedMs = 0;
  for (;;) {
    const chunk = new Uint8Array(64 * 1024);
    const count = readAvailable(descriptor, chunk);
    if (count === 0) return Buffer.concat(chunks);
    if (count < 0) {
      if (waitedMs >= PIPE_PATIENCE_MS) throw new Error('it is a pipe whose writer does not finish');
      waitedMs += PIPE_LOOK_MS;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PIPE_LOOK_MS);
      continue;
    }
    length += count;
    if (length > maxBytes) throw new Error(`it is larger than ${maxBytes} bytes`);
    chunks.push(chunk.subarray(0, count));
  }
}

/** Bytes read; 0 at the end, −1 where there are none yet. */
function readAvailable(descriptor: number, chunk: Uint8Array): number {
  try {
    return readSync(descriptor, chunk, 0, chunk.length, null);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return -1;
    throw new Error(describeErrno(error), { cause: error });
  }
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new Error('it is not UTF-8 text');
  }
}

function describeErrno(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return 'no such file';
  if (code === 'EACCES') return 'permission denied';
  return message;
}
