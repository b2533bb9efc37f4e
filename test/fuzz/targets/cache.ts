// The cache: what is stored is what is served, to the one who asks the same, and to nobody else.
// The input is a reply; its own question is what was asked, and its first two bytes (the ID) say
// how the next client asks.
import { CacheHit, Lookup, MessageCache } from '../../../src/cache/message-cache.ts';
import { Counters, createCounterBlock } from '../../../src/metrics/counters.ts';
import { ParsedQuery, parseQuery, QueryVerdict } from '../../../src/wire/query.ts';
import { ScannedResponse, ScanVerdict, scanResponse, stripOpt } from '../../../src/wire/response.ts';
import { cacheOptions } from '../../cache/messages.ts';
import { check, type FuzzTarget } from '../target.ts';

const MAX_BYTES = 1024 * 1024;
/** AA in the header's third byte: a cache clears it. */
const AA = 0x04;
const store = new MessageCache(
  cacheOptions({ maxEntries: 50, maxBytes: MAX_BYTES, prefetch: { hits: 1000, remainingPercent: 0 } }),
  new Counters(createCounterBlock()),
);
const q = new ParsedQuery();
const other = new ParsedQuery();
const scanned = new ScannedResponse();
const hit = new CacheHit();
const out = new Uint8Array(8192);
let nowMs = 1_000_000;

export const cache: FuzzTarget = {
  name: 'cache',
  maxLength: 1500,
  run(input) {
    const reply = input.slice();
    if (scanResponse(reply, reply.length, scanned) !== ScanVerdict.ok || scanned.questionEnd === 12)
      return -1;
    const query = questionOf(reply, scanned.questionEnd);
    if (parseQuery(query, query.length, q) !== QueryVerdict.ok) return -2;
    const rcode = scanned.rcode;
    const length = stripOpt(reply, reply.length, scanned);
    nowMs += 10_000_000;
    store.flush();
    store.store({ ...q, query }, 1, reply, scanned, nowMs);
    const kept = store.lookup(query, q, 1, nowMs, hit);
    if (kept !== Lookup.fresh) {
      check(kept === Lookup.miss, 'a failure was made of a reply');
      return 1;
    }
    check(rcode === 0 || rcode === 3, 'an error was kept as an answer');
    check(hit.rcode === rcode, 'another RCODE');
    // What came is what goes, but for AA, and TTLs, which were brought into bounds in `reply`
    // itself.
    const copied = store.copy(hit, out, nowMs);
    check(copied === length, 'another length');
    reply[2]! &= ~AA;
    for (let i = 0; i < length; i++) check(out[i] === reply[i], 'other bytes than those stored');
    // Where there is less room the beginning goes, TTLs included.
    const beginning = out.slice(0, scanned.questionEnd + ((length - scanned.questionEnd) >> 1)).fill(0);
    check(store.copy(hit, beginning, nowMs) === length, 'the length is not told');
    for (let i = 0; i < beginning.length; i++) check(beginning[i] === reply[i], 'another beginning');

    // The same question in other letters finds it; another servers' zone, another name, flag, class
    // or type does not.
    const changed = query.slice();
    for (let i = 13; i < 12 + q.qnameLength; i++) if (isLetter(changed[i]!)) changed[i]! ^= 0x20;
    check(find(changed, 1) === Lookup.fresh, 'case matters');
    check(find(query, 2) === Lookup.miss, 'another zone finds it');
    const end = 12 + q.qnameLength;
    for (const [at, bit] of [
      [2, 0x01],
      [3, 0x10],
      [end + 2, 0x80],
      [end + 3, 0x02],
    ] as const) {
      const asked = query.slice();
      asked[at]! ^= bit;
      check(find(asked, 1) !== Lookup.fresh, `another question finds it (byte ${at})`);
    }
    if (q.qnameLength > 2) {
      const asked = query.slice();
      asked[13]! ^= isLetter(asked[13]!) ? 0x01 : 0x80;
      // The change may have made one letter of another: then it is the same name.
      if ((asked[13]! | 0x20) !== (query[13]! | 0x20))
        check(find(asked, 1) === Lookup.miss, 'another name finds it');
    }
    const otherType = query.slice();
    otherType[end + 1]! ^= 0x04;
    const found = find(otherType, 1);
    if (rcode === 0) check(found !== Lookup.fresh, 'another type finds it');

    // A second older, then expired: never a TTL that grew, never fresh for longer than said.
    checkAgeing(query, length, reply);
    return 2 + rcode * 2 + (scanned.hasAlias ? 16 : 0) + (Math.min(7, scanned.ttlCount) << 5);
  },
};

function find(query: Uint8Array, partition: number): Lookup {
  if (parseQuery(query, query.length, other) !== QueryVerdict.ok) return Lookup.miss;
  return store.lookup(query, other, partition, nowMs, hit);
}

function checkAgeing(query: Uint8Array, length: number, stored: Uint8Array): void {
  for (const ageMs of [1000, 1500, 3000, 86_400_000, 8 * 86_400_000]) {
    const outcome = store.findUsable(query, q, 1, nowMs + ageMs, hit);
    check(ageMs <= 86_400_000 || outcome !== Lookup.fresh, 'fresh after a week');
    if (outcome === Lookup.miss) continue;
    check(store.copy(hit, out, nowMs + ageMs) === length, 'the length changed');
    for (let i = 0; i < scanned.ttlCount; i++) {
      const at = scanned.ttlOffsets[i]!;
      const ttl = readUint32(out, at);
      const before = readUint32(stored, at);
      const wanted = outcome === Lookup.fresh ? Math.max(1, before - Math.floor(ageMs / 1000)) : 30;
      check(ttl === wanted, 'a TTL aged wrongly');
    }
  }
}

/** A query with this reply's question. */
function questionOf(reply: Uint8Array, questionEnd: number): Uint8Array {
  const query = reply.slice(0, questionEnd);
  query[2] = 0x01;
  query[3] = reply[1]! & 0x10;
  query.fill(0, 6, 12);
  return query;
}

function readUint32(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(at);
}

function isLetter(byte: number): boolean {
  const folded = byte | 0x20;
  return folded >= 0x61 && folded <= 0x7a;
}
