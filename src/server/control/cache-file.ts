// The file that keeps the cache over a restart (`cache.file`): its format, and reading and writing
// it. Whoever can write it can poison the cache, so a file that others may write is not read.
// Numbers are big-endian.
//
//   0          8       12       16        16 + n
//   │ UNLOOPC1 │ CRC32 │ head n │ head    │ records (cache/cache-dump.ts)
//                      └─ the CRC covers all from here
//
// The head is JSON: when it was written, and which servers each partition's answers are from.
import { constants } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { crc32 } from 'node:zlib';

/** The last letter is the version of the format. */
const MAGIC = Buffer.from('UNLOOPC1');
const CRC_AT = MAGIC.length;
const HEAD_LENGTH_AT = CRC_AT + 4;
const HEAD_AT = HEAD_LENGTH_AT + 4;
/** Besides the records: the head names each zone's servers. */
const MAX_HEAD_BYTES = 1024 * 1024;
/** Write permission of group and others. */
const WRITABLE_BY_OTHERS = 0o022;

/** The answers of all workers at one time. */
export interface KeptAnswers {
  /** Wall clock, ms since 1970. */
  readonly savedAtMs: number;
  /** Zone and servers of the answers, by the number in the records. */
  readonly partitions: ReadonlyMap<number, string>;
  /** Settings that withhold some answers: with others, nothing of it may be used. */
  readonly withheld: string;
  /** In pieces: one of each worker. */
  readonly records: readonly Uint8Array[];
}

/** The file's bytes, in pieces. */
export function encodeCacheFile({ savedAtMs, partitions, withheld, records }: KeptAnswers): Uint8Array[] {
  const head = Buffer.from(JSON.stringify({ savedAtMs, withheld, partitions: [...partitions] }));
  const start = Buffer.alloc(HEAD_AT);
  start.set(MAGIC);
  start.writeUInt32BE(head.length, HEAD_LENGTH_AT);
  const covered = [start.subarray(HEAD_LENGTH_AT), head, ...records];
  start.writeUInt32BE(checksum(covered), CRC_AT);
  return [start, ...covered.slice(1)];
}

/** Throws an Error that says what is wrong with the bytes. */
export function decodeCacheFile(bytes: Buffer): KeptAnswers {
  const kind = MAGIC.length - 1;
  if (bytes.length < HEAD_AT || !bytes.subarray(0, kind).equals(MAGIC.subarray(0, kind)))
    throw new Error('it is no cache file of unloop');
  if (bytes[kind] !== MAGIC[kind]) throw new Error('it is of another version of unloop');
  if (checksum([bytes.subarray(HEAD_LENGTH_AT)]) !== bytes.readUInt32BE(CRC_AT))
    throw new Error('it is damaged: its checksum does not fit');
  const recordsAt = HEAD_AT + bytes.readUInt32BE(HEAD_LENGTH_AT);
  if (recordsAt > bytes.length) throw new Error('it is damaged: its head is cut off');
  const head = JSON.parse(bytes.toString('utf8', HEAD_AT, recordsAt)) as {
    savedAtMs: number;
    withheld: string;
    partitions: [number, string][];
  };
  const { savedAtMs, withheld, partitions } = head;
  return { savedAtMs, withheld, partitions: new Map(partitions), records: [bytes.subarray(recordsAt)] };
}

function checksum(parts: readonly Uint8Array[]): number {
  return parts.reduce((value, part) => crc32(part, value), 0);
}

/**
 * Reads it; null: there is none. Rejects with an Error that says why it is not used.
 * @param maxBytes for the records
 */
export async function readCacheFile(path: string, maxBytes: number): Promise<KeptAnswers | null> {
  let file: FileHandle;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return null;
    throw new Error(code === 'ELOOP' ? 'it is a symbolic link' : message, { cause: error });
  }
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw new Error('it is not a file');
    const isOurs = stat.uid === process.geteuid!() || stat.uid === 0;
    if (!isOurs || (stat.mode & WRITABLE_BY_OTHERS) !== 0) throw new Error('others may write it');
    if (stat.size > maxBytes + MAX_HEAD_BYTES) throw new Error('it is larger than cache.maxBytes');
    return decodeCacheFile(await file.readFile());
  } finally {
    await file.close();
  }
}

/** Writes it, whole or not at all. Rejects with what the file system says. */
export async function writeCacheFile(path: string, kept: KeptAnswers): Promise<void> {
  const next = `${path}.next`;
  // What stands there is of a process that was killed, or of somebody else.
  await rm(next, { force: true });
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  const file = await open(next, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  try {
    try {
      for (const part of encodeCacheFile(kept)) await file.writeFile(part);
    } finally {
      await file.close();
    }
    await rename(next, path);
  } catch (error) {
    // The disk may be full of it.
    await rm(next, { force: true });
    throw error;
  }
}
