import { describe, expect, it } from 'vitest';
import type { Flight } from '../../src/pipeline/pending/flight.ts';
import { RebindGuard } from '../../src/pipeline/rebind-guard.ts';
import { bytesOf, header, QNAME_POINTER, question, record } from '../wire/build-message.ts';
import { testQuery } from './queries.ts';

const PRIVATE = [192, 168, 0, 1];
const PUBLIC = [192, 0, 2, 1];

function blocks(
  qname: string,
  options: { address?: number[]; exceptions?: readonly string[]; zone?: string } = {},
): boolean {
  const { address = PRIVATE, exceptions = [], zone = '.' } = options;
  const { bytes, q } = testQuery(qname);
  const message = bytesOf(
    header(0x8180, 1, 1, 0, 0),
    question(qname, 1),
    record(QNAME_POINTER, 1, 60, Uint8Array.from(address)),
  );
  const flight = { query: bytes, qnameLength: q.qnameLength, zone: { suffix: zone } } as unknown as Flight;
  return new RebindGuard(exceptions).blocks(flight, message, message.length);
}

describe('RebindGuard', () => {
  it('blocks a private address of a public name, and no public one', () => {
    expect(blocks('www.example')).toBe(true);
    expect(blocks('www.example', { address: PUBLIC })).toBe(false);
  });

  it('lets a zone with upstreams of its own return any address', () => {
    expect(blocks('www.corp.example', { zone: 'corp.example' })).toBe(false);
  });

  it.each([
    ['corp.example', false],
    ['a.b.CORP.example', false],
    ['xcorp.example', true],
    ['corp.example.org', true],
    ['example', true],
  ])('excepts a suffix and the names below it: %s is blocked: %s', (qname, expected) => {
    expect(blocks(qname, { exceptions: ['corp.example'] })).toBe(expected);
  });

  it('always excepts localhost', () => {
    expect(['localhost', 'a.localhost'].map((name) => blocks(name))).toEqual([false, false]);
    expect(blocks('xlocalhost')).toBe(true);
  });
});
