// The fault matrix, unloop beside today's dnsdist, unbound and dnsmasq in one run: 100 unique
// questions at 50 a second, 8 s of patience.
import { beforeAll, describe, expect, it } from 'vitest';
import { FAULTS, type Fault, MOST_TRIES } from '../../faults/faults.ts';
import { SYSTEMS } from './forwarders.ts';
import { type Matrix, type RowFigures, runMatrix } from './run-matrix.ts';
import { writeTable } from './table.ts';

const [UNLOOP] = SYSTEMS;
const PATIENCE = { questions: 100, perSecond: 50, patienceMs: 8000, askAgainMs: 5000 };
/** A worker's buffers and code, warmed up; what a fault may not make of it is hundreds. */
const MAX_GROWTH_MIB = 48;

/** What must hold of a row. */
const DEMANDS: Readonly<Record<string, (fault: Fault, row: RowFigures) => void>> = {
  'is tolerated: no crash, nothing wrong, nothing twice, nothing late': (_fault, row) => {
    const figures = row.get(UNLOOP)!;
    expect(figures).toMatchObject({ crashed: false, wrong: 0, surplus: 0, late: 0 });
    expect(figures.grownMib).toBeLessThan(MAX_GROWTH_MIB);
  },

  'gives the expected result': ({ due }, row) => {
    const { answeredInTime, goodInTime, good } = row.get(UNLOOP)!;
    expect(answeredInTime).toBe(PATIENCE.questions);
    if (due === 'good') expect(goodInTime).toBe(PATIENCE.questions);
    if (due !== 'error') expect(good).toBe(PATIENCE.questions);
  },

  'costs few messages upstream': ({ due, tries, triesByTransport }, row) => {
    const { mostMessages, mostByTransport } = row.get(UNLOOP)!;
    // A client that gets no true answer asks twice, 5 s apart: a failure is not remembered that
    // long while all upstreams are out.
    const asked = due === 'good' ? 1 : 2;
    expect(mostMessages).toBeLessThanOrEqual(asked * (tries ?? MOST_TRIES));
    expect(mostByTransport).toBeLessThanOrEqual(asked * (triesByTransport ?? MOST_TRIES));
  },

  'is tolerated as well as by the best peer': (_fault, row) => {
    const figures = row.get(UNLOOP)!;
    for (const [{ name }, peer] of row) {
      expect(figures.answeredInTime, name).toBeGreaterThanOrEqual(peer.answeredInTime);
      expect(figures.goodInTime, name).toBeGreaterThanOrEqual(peer.goodInTime);
      expect(figures.good, name).toBeGreaterThanOrEqual(peer.good);
    }
  },
};

/** What a row falls short of; '': nothing. */
function shortfallOf(fault: Fault, row: RowFigures): string {
  for (const [title, demand] of Object.entries(DEMANDS)) {
    try {
      demand(fault, row);
    } catch (error) {
      return `${title}: ${(error as Error).message}`;
    }
  }
  return '';
}

let matrix: Matrix;
beforeAll(async () => {
  matrix = await runMatrix(FAULTS, SYSTEMS, PATIENCE, shortfallOf);
  writeTable(matrix, SYSTEMS);
}, 300_000);

describe.each(FAULTS)('upstream fault: $title', (fault) => {
  it.each(Object.entries(DEMANDS))('%s', (_title, demand) => demand(fault, matrix.get(fault)!));
});
