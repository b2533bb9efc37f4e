// Takes the answers that cache-dump.ts wrote into another cache. Called by a worker that has just
// begun, for each piece of the file of the main thread (server/control/kept-cache.ts).
import { WordBytes } from '../base/word-bytes.ts';
import { SERVER_UDP_SIZE, writeOpt } from '../wire/edns.ts';
import { FLAG_CD, FLAG_RD, FLAG_Z, HEADER_LENGTH, writeCounts, writeFlags } from '../wire/header.ts';
import { skipName } from '../wire/name.ts';
import { KEY_CD, KEY_DO, KEY_RD, KEY_Z, ParsedQuery, parseQuery, QueryVerdict } from '../wire/query.ts';
import { ScannedResponse, ScanVerdict, scanResponse, stripOpt } from '../wire/response.ts';
import { ageTtls } from '../wire/ttl.ts';
import { readRecords } from './cache-dump.ts';
import { CacheHit, Lookup } from './cache-hit.ts';
import type { MessageCache } from './message-cache.ts';

/** The longest question, and OPT. */
const MAX_QUERY_BYTES = 512;

/** How what was dumped is to be understood now. */
export interface RestoreOf {
  /** The partition of today that each one of the dump has become. Others are left out. */
  readonly partitions: ReadonlyMap<number, number>;
  /** How long ago the dump was made, ms. */
  readonly ageMs: number;
}

/**
 * Files the records that are still fresh, as if their answers had just come, with the TTL that is
 * left; none takes the place of a fresh answer. Returns how many were filed.
 */
export function restoreRecords(
  cache: MessageCache,
  records: Uint8Array,
  { partitions, ageMs }: RestoreOf,
  nowMs: number,
): number {
  const ageSeconds = Math.ceil(ageMs / 1000);
  const query = WordBytes.ofLength(MAX_QUERY_BYTES);
  const parsed = new ParsedQuery();
  const scanned = new ScannedResponse();
  const hit = new CacheHit();
  let restored = 0;
  for (const record of readRecords(records)) {
    const partition = partitions.get(record.partition);
    if (partition === undefined) continue;
    const message = WordBytes.ofLength(record.message.length);
    message.set(record.message);
    if (!writeQuery(message, record.keyFlags, query, parsed)) continue;
    if (scanResponse(message, message.length, scanned) !== ScanVerdict.ok) continue;
    // Of a denial it is the SOA's (RFC 2308 §5).
    if (scanned.minTtlSeconds <= ageSeconds) continue;
    ageTtls(message, scanned.ttlOffsets, 0, scanned.ttlCount, ageSeconds);
    scanResponse(message, message.length, scanned);
    stripOpt(message, message.length, scanned);
    if (cache.findUsable(query, parsed, partition, nowMs, hit) === Lookup.fresh) continue;
    cache.store({ ...parsed, query, isRestored: true }, partition, message, scanned, nowMs);
    restored++;
  }
  return restored;
}

/** Writes the query that such a message answers; false: there is none. */
function writeQuery(message: Uint8Array, keyFlags: number, query: Uint8Array, parsed: ParsedQuery): boolean {
  const nameEnd = message.length < HEADER_LENGTH ? -1 : skipName(message, message.length, HEADER_LENGTH);
  if (nameEnd < 0 || nameEnd + 4 > message.length) return false;
  const has = (key: number, flag: number) => ((keyFlags & key) === 0 ? 0 : flag);
  const dnssecOk = (keyFlags & KEY_DO) !== 0;
  query.fill(0, 0, HEADER_LENGTH);
  writeFlags(query, has(KEY_RD, FLAG_RD) | has(KEY_CD, FLAG_CD) | has(KEY_Z, FLAG_Z));
  writeCounts(query, 1, 0, 0, 0);
  query.set(message.subarray(HEADER_LENGTH, nameEnd + 4), HEADER_LENGTH);
  const end = dnssecOk ? writeOpt(query, nameEnd + 4, SERVER_UDP_SIZE, 0, true) : nameEnd + 4;
  return parseQuery(query, end, parsed) === QueryVerdict.ok && parsed.keyFlags === keyFlags;
}
