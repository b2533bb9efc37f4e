// Reads a small UTF-8 file, bounded. Called by load (the configuration) and read-secret.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

const MAX_BYTES = 1024 * 1024;

/** Throws an Error whose message is fit for people: no such file, not UTF-8, too large. */
export function readTextFile(path: string): string {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch (error) {
    throw new Error(describeErrno(error), { cause: error });
  }
  try {
    if (fstatSync(descriptor).isDirectory()) throw new Error('it is a directory');
    return decodeUtf8(readBounded(descriptor));
  } finally {
    closeSync(descriptor);
  }
}

function readBounded(descriptor: number): Uint8Array {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const chunk = new Uint8Array(64 * 1024);
    const count = readSync(descriptor, chunk, 0, chunk.length, null);
    if (count === 0) return Buffer.concat(chunks);
    length += count;
    if (length > MAX_BYTES) throw new Error(`it is larger than ${MAX_BYTES} bytes`);
    chunks.push(chunk.subarray(0, count));
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
