// How long an answer may be: what the client takes, and over UDP never more than fits any path.
import { describe, expect, it } from 'vitest';
import { STREAM, testQuery } from './queries.ts';

describe('answer limit', () => {
  it.each([
    [512, 512],
    [900, 900],
    [1232, 1232],
    [4096, 1232],
    [65_535, 1232],
  ])('over UDP, a client that takes %i bytes is sent at most %i', (udpSize, limit) => {
    expect(testQuery('example', { udpSize }).query.sizeLimit).toBe(limit);
  });

  it('over a stream is 65,535 bytes, whatever OPT says', () => {
    const { query } = testQuery('example', { udpSize: 512 });
    query.replyTo = STREAM;
    expect(query.sizeLimit).toBe(65_535);
  });
});
