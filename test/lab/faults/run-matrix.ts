// Runs rows of the fault matrix: every system in front of upstreams of its own that commit the same
// fault, all at the same time.
import { readFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { askThrough, type ClientFigures, type Patience, suffixOf } from '../../faults/ask-through.ts';
import type { Fault } from '../../faults/faults.ts';
import { FaultyUpstreams } from '../../faults/faulty-upstreams.ts';
import type { Forwarder, System } from './forwarders.ts';
import { goFirst } from './go-first.ts';

/** How one system fared with one fault. */
export interface Figures extends ClientFigures {
  /** Messages sent upstream about the questions, in all and about the one that took most. */
  readonly messages: number;
  readonly mostMessages: number;
  /** … to one server over one transport. */
  readonly mostByTransport: number;
  /** Resident before the questions, and how much more at the worst, MiB. */
  readonly residentMib: number;
  readonly grownMib: number;
  /** It ended by itself. */
  readonly crashed: boolean;
}

/** Rows whose servers are started together. */
const STARTS_AT_ONCE = 4;

/**
 * A row during which this process, and so surely others, stood still for longer is not worth its
 * paper: it is run again.
 */
const MAX_STALL_MS = 150;

/**
 * Rows at a time, by pass: they mostly wait. What falls short of anything is run again once all
 * others have ended, and at last alone: a machine with other work holds a process up now and then,
 * and a fault of ours is there in every run.
 */
const ROWS_AT_ONCE = [10, 4, 1];
/** Between the first questions of two rows: code that runs for the first time takes long. */
const BETWEEN_ROWS_MS = 300;

/** By system: those that speak the fault's transport. */
export type RowFigures = ReadonlyMap<System, Figures>;

/** By fault, in the order given. */
export type Matrix = ReadonlyMap<Fault, RowFigures>;

/** `shortfallOf`: what a row falls short of; '': nothing. */
export async function runMatrix(
  faults: readonly Fault[],
  systems: readonly System[],
  patience: Patience,
  shortfallOf: (fault: Fault, row: RowFigures) => string,
): Promise<Matrix> {
  const goBack = goFirst();
  const matrix = new Map<Fault, RowFigures>(faults.map((fault) => [fault, new Map()]));
  let due = faults;
  for (const atOnce of ROWS_AT_ONCE) {
    const short: Fault[] = [];
    await runPass(await startRows(due, systems), atOnce, patience, ({ fault }, { figures, stalledMs }) => {
      matrix.set(fault, figures);
      const shortfall = shortfallOf(fault, figures);
      // Printed, so that a fault that comes and goes is not hidden.
      if (shortfall !== '') {
        console.log(`${fault.title}, ${atOnce} at once, stalled ${stalledMs.toFixed()} ms: ${shortfall}`);
      }
      if (shortfall !== '' || stalledMs > MAX_STALL_MS) short.push(fault);
    });
    due = short;
  }
  goBack();
  return matrix;
}

/** All are started before the first question: a start takes time from those that are timed. */
async function startRows(faults: readonly Fault[], systems: readonly System[]): Promise<Row[]> {
  const rows: Row[] = [];
  for (let i = 0; i < faults.length; i += STARTS_AT_ONCE) {
    const some = faults.slice(i, i + STARTS_AT_ONCE);
    rows.push(...(await Promise.all(some.map((fault) => startRow(fault, systems)))));
  }
  return rows;
}

async function runPass(
  rows: Row[],
  atOnce: number,
  patience: Patience,
  onRun: (row: Row, run: Run) => void,
): Promise<void> {
  const runRows = async (_: unknown, index: number) => {
    await sleep(index * BETWEEN_ROWS_MS);
    for (let row = rows.shift(); row !== undefined; row = rows.shift())
      onRun(row, await runRow(row, patience));
  };
  await Promise.all(Array.from({ length: atOnce }, runRows));
}

/** A system in front of its upstreams. */
interface Stand {
  readonly system: System;
  readonly upstreams: FaultyUpstreams;
  readonly forwarder: Forwarder;
}

interface Row {
  readonly fault: Fault;
  readonly stands: readonly Stand[];
}

async function startRow(fault: Fault, systems: readonly System[]): Promise<Row> {
  const { transport = 'udp' } = fault;
  const stands = await Promise.all(
    systems
      .filter(({ speaks }) => speaks.includes(transport))
      .map(async (system) => {
        const upstreams = await FaultyUpstreams.start(fault);
        return { system, upstreams, forwarder: await system.start(upstreams.upstreams) };
      }),
  );
  return { fault, stands };
}

interface Run {
  readonly figures: RowFigures;
  /** The longest time that this process stood still meanwhile. */
  readonly stalledMs: number;
}

async function runRow({ fault, stands }: Row, patience: Patience): Promise<Run> {
  const stalls = monitorEventLoopDelay({ resolution: 10 });
  stalls.enable();
  const row = await Promise.all(
    stands.map(async ({ system, upstreams, forwarder }) => {
      const before = residentMib(forwarder.pid, 'VmRSS');
      const figures = await askThrough(fault, forwarder.port, patience);
      const peak = residentMib(forwarder.pid, 'VmHWM');
      const { total, most, mostByTransport } = upstreams.messagesBelow(suffixOf(fault));
      return [
        system,
        {
          ...figures,
          messages: total,
          mostMessages: most,
          mostByTransport,
          residentMib: before,
          grownMib: Math.max(0, peak - before),
          crashed: Number.isNaN(peak),
        },
      ] as const;
    }),
  );
  await Promise.all(stands.map(({ forwarder }) => forwarder.stop()));
  await Promise.all(stands.map(({ upstreams }) => upstreams.close()));
  stalls.disable();
  return { figures: new Map(row), stalledMs: stalls.max / 1e6 };
}

/** From /proc; NaN when the process is no more. */
function residentMib(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const kib = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status);
    return Number(kib?.[1]) / 1024;
  } catch {
    return Number.NaN;
  }
}
