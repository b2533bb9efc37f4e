import { describe, expect, it } from 'vitest';
import {
  CacheKind,
  failureSeconds,
  failuresBefore,
  judge,
  lifetimeSeconds,
} from '../../src/cache/cacheability.ts';
import { ScannedResponse, ScanVerdict, scanResponse } from '../../src/wire/response.ts';
import { address, alias, answerTo, cacheOptions, queryFor, soa, TYPE_A, TYPE_AAAA } from './messages.ts';

const LIMITS = cacheOptions({ minTtlSeconds: 0, maxTtlSeconds: 86_400, maxNegativeTtlSeconds: 1800 });

function judged(
  parts: Parameters<typeof answerTo>[1] & { type?: number },
  limits = LIMITS,
): { kind: CacheKind; seconds: number } {
  const reply = answerTo(queryFor('www.example.com', parts.type ?? TYPE_A), parts);
  const scanned = new ScannedResponse();
  expect(scanResponse(reply, reply.length, scanned)).toBe(ScanVerdict.ok);
  const kind = judge(scanned, limits);
  return { kind, seconds: lifetimeSeconds(scanned, kind, limits) };
}

describe('positive answers', () => {
  it('live as long as the smallest TTL of their records', () => {
    const answers = [address(300), address(60, 2), address(900, 3)];
    expect(judged({ answers })).toEqual({ kind: CacheKind.positive, seconds: 60 });
  });

  it('count the records of the other sections too', () => {
    const parts = { answers: [address(300)], additionals: [{ ...address(20, 9), owner: 'ns.example.com' }] };
    expect(judged(parts)).toEqual({ kind: CacheKind.positive, seconds: 20 });
  });

  it('are not kept with TTL 0 (RFC 1035 §3.2.1)', () => {
    expect(judged({ ttlSeconds: 0 }).kind).toBe(CacheKind.no);
  });

  it('are kept with TTL 0 where the operator set a minimum', () => {
    expect(judged({ ttlSeconds: 0 }, { ...LIMITS, minTtlSeconds: 5 })).toEqual({
      kind: CacheKind.positive,
      seconds: 5,
    });
  });

  it('are clamped to the configured limits', () => {
    expect(judged({ ttlSeconds: 2 }, { ...LIMITS, minTtlSeconds: 10 }).seconds).toBe(10);
    expect(judged({ ttlSeconds: 100_000 }).seconds).toBe(86_400);
  });

  it('never live longer than seven days (RFC 8767 §4)', () => {
    expect(judged({ ttlSeconds: 0x7fffffff }, { ...LIMITS, maxTtlSeconds: 1e9 }).seconds).toBe(604_800);
  });

  it('with the top bit of a TTL set are answers with TTL 0 (RFC 2181 §8)', () => {
    expect(judged({ ttlSeconds: 0x80000001 }).kind).toBe(CacheKind.no);
  });

  it('include an alias with the asked record at its end', () => {
    const answers = [alias(30, 'web.example.net'), { ...address(300), owner: 'web.example.net' }];
    expect(judged({ answers })).toEqual({ kind: CacheKind.positive, seconds: 30 });
  });

  it('include any answer to ANY', () => {
    expect(judged({ type: 255, answers: [address(40)] })).toEqual({ kind: CacheKind.positive, seconds: 40 });
  });
});

describe('negative answers (RFC 2308 §5)', () => {
  it('live for the lesser of the SOA’s TTL and MINIMUM', () => {
    expect(judged({ rcode: 3, authorities: [soa(600, 60)] })).toEqual({
      kind: CacheKind.nxdomain,
      seconds: 60,
    });
    expect(judged({ authorities: [soa(40, 900)] })).toEqual({ kind: CacheKind.nodata, seconds: 40 });
  });

  it('live no longer than maxNegativeTtl', () => {
    expect(judged({ rcode: 3, authorities: [soa(86_400, 86_400)] }).seconds).toBe(1800);
  });

  it('without SOA are not kept: two servers could keep them alive for ever', () => {
    expect(judged({ rcode: 3, answers: [] }).kind).toBe(CacheKind.no);
    expect(judged({ answers: [] }).kind).toBe(CacheKind.no);
  });

  it('with TTL 0 are not kept', () => {
    expect(judged({ rcode: 3, authorities: [soa(0, 60)] }).kind).toBe(CacheKind.no);
    expect(judged({ authorities: [soa(60, 0)] }).kind).toBe(CacheKind.no);
  });

  it('are not lengthened by minTtl', () => {
    expect(judged({ rcode: 3, authorities: [soa(5, 5)] }, { ...LIMITS, minTtlSeconds: 60 }).seconds).toBe(5);
  });

  it('include an alias without the asked type only if it has a SOA, for the smallest TTL of its records', () => {
    const answers = [alias(30, 'web.example.net')];
    expect(judged({ type: TYPE_AAAA, answers, authorities: [soa(300, 300)] })).toEqual({
      kind: CacheKind.nodata,
      seconds: 30,
    });
    expect(judged({ type: TYPE_AAAA, answers }).kind).toBe(CacheKind.no);
  });

  it('do not extend NXDOMAIN at the end of an alias to other types of the asked name (§2.1)', () => {
    const parts = { rcode: 3, answers: [alias(30, 'gone.example.net')], authorities: [soa(300, 300)] };
    expect(judged(parts)).toEqual({ kind: CacheKind.nodata, seconds: 30 });
  });

  it('do not include a referral', () => {
    const ns = { type: 2, ttlSeconds: 300, rdata: Uint8Array.of(1, 0x61, 0), owner: 'example.com' };
    expect(judged({ authorities: [ns] }).kind).toBe(CacheKind.no);
  });
});

describe('what is never kept as data', () => {
  it('a truncated answer (RFC 2181 §9)', () => {
    expect(judged({ truncated: true }).kind).toBe(CacheKind.no);
  });

  it('an answer with TSIG (RFC 5625 §4.5)', () => {
    const tsig = { type: 250, ttlSeconds: 0, rdata: new Uint8Array(16), owner: 'key' };
    expect(judged({ additionals: [tsig] }).kind).toBe(CacheKind.no);
  });

  it.each([1, 2, 4, 5, 6, 9])('RCODE %i is a failure', (rcode) => {
    expect(judged({ rcode, answers: [] }).kind).toBe(CacheKind.failure);
  });
});

describe('failures (RFC 9520 §3.2)', () => {
  it.each([
    { failureTtlSeconds: 5, seconds: [5, 10, 20, 40, 80, 160, 300, 300] },
    { failureTtlSeconds: 0, seconds: [1, 2, 4, 8, 16, 32, 64, 128] },
    { failureTtlSeconds: 400, seconds: [300, 300, 300, 300, 300, 300, 300, 300] },
  ])('are kept twice as long after each in a row: $failureTtlSeconds s', ({ failureTtlSeconds, seconds }) => {
    expect(seconds.map((_, before) => failureSeconds(failureTtlSeconds, before))).toEqual(seconds);
  });

  it('count as a row unless the last one expired five minutes ago', () => {
    expect(failuresBefore(3, 0)).toBe(3);
    expect(failuresBefore(3, 299_999)).toBe(3);
    expect(failuresBefore(3, 300_000)).toBe(0);
    expect(failuresBefore(100, 0)).toBe(16);
  });
});
