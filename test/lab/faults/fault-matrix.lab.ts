// The fault matrix, unloop beside today's dnsdist, unbound and dnsmasq in one run: 100 unique
// questions at 50 a second, 8 s of patience.
import { beforeAll, describe, expect, it } from 'vitest';
import { FAULTS, MOST_TRIES } from '../../faults/faults.ts';
import { SYSTEMS } from './forwarders.ts';
import { type Matrix, runMatrix } from './run-matrix.ts';
import { writeTable } from './table.ts';

const [UNLOOP] = SYSTEMS;
const PATIENCE = { questions: 100, perSecond: 50, patienceMs: 8000, askAgainMs: 5000 };
/** Rows at a time: they mostly wait. */
const AT_ONCE = 12;
/** A worker's buffers and code, warmed up; what a fault may not make of it is hundreds. */
const MAX_GROWTH_MIB = 48;

let matrix: Matrix;
beforeAll(async () => {
  matrix = await runMatrix(FAULTS, SYSTEMS, PATIENCE, AT_ONCE);
  writeTable(matrix, SYSTEMS);
}, 180_000);

describe.each(FAULTS)('upstream fault: $title', (fault) => {
  const figures = () => matrix.get(fault)!.get(UNLOOP)!;
  const peers = () => [...matrix.get(fault)!].filter(([system]) => system !== UNLOOP);

  it('is tolerated: no crash, nothing wrong, nothing twice, nothing late', () => {
    expect(figures()).toMatchObject({ crashed: false, wrong: 0, surplus: 0, late: 0 });
    expect(figures().grownMib).toBeLessThan(MAX_GROWTH_MIB);
  });

  it('gives the expected result', () => {
    expect(figures().answeredInTime).toBe(PATIENCE.questions);
    if (fault.due === 'good') expect(figures().goodInTime).toBe(PATIENCE.questions);
    if (fault.due !== 'error') expect(figures().good).toBe(PATIENCE.questions);
  });

  it('costs few messages upstream', () => {
    // A client that gets no true answer asks twice, 5 s apart: a failure is not remembered that
    // long while all upstreams are out.
    const asked = fault.due === 'good' ? 1 : 2;
    expect(figures().mostMessages).toBeLessThanOrEqual(asked * (fault.tries ?? MOST_TRIES));
    expect(figures().mostByTransport).toBeLessThanOrEqual(asked * (fault.triesByTransport ?? MOST_TRIES));
  });

  it('is tolerated as well as by the best peer', () => {
    for (const [{ name }, peer] of peers()) {
      expect(figures().answeredInTime, name).toBeGreaterThanOrEqual(peer.answeredInTime);
      expect(figures().goodInTime, name).toBeGreaterThanOrEqual(peer.goodInTime);
      expect(figures().good, name).toBeGreaterThanOrEqual(peer.good);
    }
  });
});
