// Files of queries in dnsperf's format: hot names that every cache holds, and names that nobody
// asked for before.
import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';

/** Names of the cached scenarios. */
export const HOT_NAMES = 5000;

/**
 * Begins names: 0 to 24 letters, so that names, and answers, are of many lengths as real ones are.
 * A server that has the kernel send datagrams of one length together would look cheaper than it is
 * with names of one length.
 */
function padding(i: number): string {
  return 'abcdefghijklmnopqrstuvwx'.slice(0, (i * 7919) % 25);
}

/** The hot name i. */
function hotName(i: number): string {
  return `${padding(i)}host-${i}.hot.example`;
}

/** Every hot name once, in an order that is the same each time. */
export function* hotQueries(count = HOT_NAMES): Generator<string> {
  for (let i = 0; i < count; i++) yield `${hotName((i * 7919) % count)} A\n`;
}

/** `count` names that differ from those of every other `tag`. */
export function* uniqueQueries(tag: string, count: number): Generator<string> {
  for (let i = 0; i < count; i++) yield `${padding(i)}q${i}.${tag}.unique.example A\n`;
}

/** Nine hot names, one unique name, and so on. */
export function* mixedQueries(tag: string, count: number): Generator<string> {
  for (let i = 0; i < count; i++) {
    yield i % 10 === 9
      ? `${padding(i)}q${i}.${tag}.mixed.example A\n`
      : `${hotName((i * 7919) % HOT_NAMES)} A\n`;
  }
}

/** Writes the queries to a file. */
export async function writeQueryFile(path: string, queries: Iterable<string>): Promise<void> {
  const stream = createWriteStream(path);
  let chunk = '';
  for (const query of queries) {
    chunk += query;
    if (chunk.length < 1 << 16) continue;
    stream.write(chunk);
    chunk = '';
  }
  stream.end(chunk);
  await finished(stream);
}
