// A message that is no valid query: each verdict is counted under its own name, and gets the error
// that the RFCs ask for, or silence.
import { describe, expect, it } from 'vitest';
import { DROP_REASONS } from '../../src/metrics/counters.ts';
import { ruleForMalformed } from '../../src/pipeline/malformed.ts';
import { Rcode } from '../../src/wire/codes.ts';
import { QueryVerdict } from '../../src/wire/query.ts';

const SILENCE = -1;
const { ok, ...malformed } = QueryVerdict;

describe('malformed', () => {
  it.each(Object.entries(malformed))('counts %s under its own name', (name, verdict) => {
    const reason = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    expect(DROP_REASONS[ruleForMalformed(verdict).drop]).toBe(reason);
  });

  it.each([
    // Whoever answers these answers a forger's victim, or another server's answer.
    ['tooShort', SILENCE],
    ['response', SILENCE],
    ['opcode', Rcode.NOTIMP],
    ['questionCount', Rcode.FORMERR],
    ['badQuestion', Rcode.FORMERR],
    ['badRecord', Rcode.FORMERR],
    ['badOpt', Rcode.FORMERR],
    ['badVersion', Rcode.BADVERS],
    ['badType', Rcode.NOTIMP],
  ] as const)('answers %s with RCODE %i (−1: silence)', (name, rcode) => {
    expect(ruleForMalformed(QueryVerdict[name]).rcode).toBe(rcode);
  });
});
