// The fresh answers of one thread's cache as bytes: what a restart keeps (`cache.file`). Called
// through MessageCache.dump() by a worker that ends; cache-restore.ts reads it. Failures are not
// kept, nor what has expired. Numbers are big-endian.
//
//   0         4        5  6              8
//   │partition│keyFlags│ 0│ length n     │ message, n bytes: TTLs as of the dump │ next record …
import { WordBytes } from '../base/word-bytes.ts';
import { readUint16, readUint32, writeUint16, writeUint32 } from '../wire/bytes.ts';
import type { EntryClasses } from './entry-classes.ts';
import type { EntryMessages } from './entry-message.ts';

const RECORD_HEADER = 8;
const MAX_MESSAGE_BYTES = 65_535;

/** Records of at most maxBytes in all, those used last first. */
export function dumpRecords(
  classes: EntryClasses,
  messages: EntryMessages,
  nowMs: number,
  maxBytes: number,
): Uint8Array {
  const { table, positives, negatives } = classes;
  const out = new Uint8Array(Math.min(maxBytes, classes.bytes));
  const message = WordBytes.ofLength(MAX_MESSAGE_BYTES);
  let at = 0;
  for (const store of [positives, negatives]) {
    for (const ref of store.refs()) {
      const length = table.lengthOf(ref);
      if (table.isExpired(ref, nowMs) || at + RECORD_HEADER + length > out.length) continue;
      messages.copy(ref, message, nowMs, 0);
      writeUint32(out, at, table.partitionOf(ref));
      out[at + 4] = table.keyFlagsOf(ref);
      writeUint16(out, at + 6, length);
      out.set(message.subarray(0, length), at + RECORD_HEADER);
      at += RECORD_HEADER + length;
    }
  }
  // Its memory goes to another thread as it is: no copy of most of it.
  return 2 * at > out.length ? out.subarray(0, at) : out.slice(0, at);
}

/** One record: where its message is, and what it is filed under. */
export interface CacheRecord {
  readonly partition: number;
  readonly keyFlags: number;
  readonly message: Uint8Array;
  /** All of it. */
  readonly bytes: Uint8Array;
}

/** The records; ends where they are not whole. */
export function* readRecords(records: Uint8Array): Generator<CacheRecord> {
  for (let at = 0; at + RECORD_HEADER <= records.length; ) {
    const from = at + RECORD_HEADER;
    const end = from + readUint16(records, at + 6);
    if (end > records.length) return;
    const bytes = records.subarray(at, end);
    yield {
      partition: readUint32(bytes, 0),
      keyFlags: bytes[4]!,
      message: bytes.subarray(RECORD_HEADER),
      bytes,
    };
    at = end;
  }
}
