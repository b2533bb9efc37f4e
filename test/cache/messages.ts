// Messages and options for the cache's tests and bench: small, hand-made, every byte known.
import type { CacheOptions } from '../../src/cache/message-cache.ts';
import { textToName } from '../../src/wire/text.ts';

export const TYPE_A = 1;
export const TYPE_CNAME = 5;
export const TYPE_SOA = 6;
export const TYPE_AAAA = 28;

/** The documented defaults, with changes. */
export function cacheOptions(changes: Partial<CacheOptions> = {}): CacheOptions {
  return {
    maxEntries: 1000,
    maxBytes: 64 * 1024 * 1024,
    minTtlSeconds: 0,
    maxTtlSeconds: 86_400,
    maxNegativeTtlSeconds: 1800,
    failureTtlSeconds: 5,
    serveStale: { maxAgeSeconds: 3600, ttlSeconds: 30 },
    prefetch: { hits: 3, remainingPercent: 10 },
    ...changes,
  };
}

/** A query with RD and nothing but its question. */
export function queryFor(name: string, type = TYPE_A, flags = 0x0100): Uint8Array {
  return Uint8Array.of(
    ...[0x12, 0x34], // ID
    ...uint16(flags),
    ...[0, 1, 0, 0, 0, 0, 0, 0], // one question
    ...textToName(name),
    ...uint16(type),
    ...[0, 1], // IN
  );
}

/**
 * A record as it stands in an answer; its owner is the question's name (a pointer to 12) unless
 * `owner` is given.
 */
export interface TestRecord {
  type: number;
  ttlSeconds: number;
  rdata: Uint8Array;
  owner?: string;
}

/** An A record of the question's name. */
export function address(ttlSeconds: number, lastByte = 1): TestRecord {
  return { type: TYPE_A, ttlSeconds, rdata: Uint8Array.of(192, 0, 2, lastByte) };
}

/** An alias of the question's name. */
export function alias(ttlSeconds: number, target: string): TestRecord {
  return { type: TYPE_CNAME, ttlSeconds, rdata: textToName(target) };
}

/** An SOA record of example.com. */
export function soa(ttlSeconds: number, minimumSeconds: number): TestRecord {
  return {
    type: TYPE_SOA,
    ttlSeconds,
    owner: 'example.com',
    rdata: Uint8Array.of(
      ...textToName('ns.example.com'),
      ...textToName('admin.example.com'),
      ...uint32(1), // SERIAL
      ...uint32(3600), // REFRESH
      ...uint32(600), // RETRY
      ...uint32(86_400), // EXPIRE
      ...uint32(minimumSeconds),
    ),
  };
}

/** A reply to the query. Without sections: one A record. */
export function answerTo(
  query: Uint8Array,
  parts: {
    rcode?: number;
    ttlSeconds?: number;
    answers?: TestRecord[];
    authorities?: TestRecord[];
    additionals?: TestRecord[];
    truncated?: boolean;
  } = {},
): Uint8Array {
  const answers = parts.answers ?? (parts.authorities ? [] : [address(parts.ttlSeconds ?? 300)]);
  const authorities = parts.authorities ?? [];
  const additionals = parts.additionals ?? [];
  return Uint8Array.of(
    ...query.subarray(0, 2),
    ...uint16(0x8180 | (parts.truncated ? 0x0200 : 0) | (parts.rcode ?? 0)),
    ...[0, 1],
    ...uint16(answers.length),
    ...uint16(authorities.length),
    ...uint16(additionals.length),
    ...query.subarray(12),
    ...[...answers, ...authorities, ...additionals].flatMap(recordBytes),
  );
}

function recordBytes(record: TestRecord): number[] {
  return [
    ...(record.owner === undefined ? [0xc0, 12] : textToName(record.owner)),
    ...uint16(record.type),
    ...[0, 1],
    ...uint32(record.ttlSeconds),
    ...uint16(record.rdata.length),
    ...record.rdata,
  ];
}

function uint16(value: number): number[] {
  return [(value >>> 8) & 0xff, value & 0xff];
}

function uint32(value: number): number[] {
  return [...uint16(value >>> 16), ...uint16(value & 0xffff)];
}
