// A server's numbers, made up: two workers, three upstream slots (one text twice), two routes.
import { EVIDENCE_NAMES } from '../../src/loop/evidence.ts';
import { Counter, Counters, CounterTotals, createCounterBlock, Drop } from '../../src/metrics/counters.ts';
import type {
  MetricsRoute,
  MetricsSnapshot,
  MetricsUpstream,
  ReloadCounts,
} from '../../src/metrics/metrics-snapshot.ts';
import { FAILURE_REASON_NAMES, FailureReason } from '../../src/upstream/exchange.ts';
import { MARK_NAMES } from '../../src/upstream/marks.ts';

/** Changes with what the workers count. */
export class SampleSnapshot implements MetricsSnapshot {
  readonly totals = new CounterTotals();
  readonly build = { version: '1.2.3', node: '20.19.0', socket: 'batch' };
  readonly failureReasons = FAILURE_REASON_NAMES;
  readonly evidenceNames = EVIDENCE_NAMES;
  readonly markNames = MARK_NAMES;
  readonly workerCounters: readonly Counters[];
  upstreamList: MetricsUpstream[] = [
    { slot: 0, address: '10.0.0.2:53', state: 'down', rttMs: 2, learned: [] },
    { slot: 3, address: '127.0.0.1:5398', state: 'quarantined', rttMs: null, learned: [] },
    { slot: 4, address: '10.0.0.2:53', state: 'up', rttMs: 1.5, learned: [] },
  ];
  routeList: MetricsRoute[] = [
    { slot: 0, upstream: '10.0.0.2:53', zone: '.', quarantined: false, usable: false },
    { slot: 7, upstream: '127.0.0.1:5398', zone: 'corp.example', quarantined: true, usable: false },
  ];
  #restarts = 1;

  constructor() {
    this.workerCounters = [createCounterBlock(), createCounterBlock()].map((block) => {
      this.totals.add(block);
      return new Counters(block);
    });
  }

  get listen(): readonly string[] {
    return ['127.0.0.1:5300', '[::1]:5300'];
  }

  get upstreams(): readonly MetricsUpstream[] {
    return this.upstreamList;
  }

  get routes(): readonly MetricsRoute[] {
    return this.routeList;
  }

  get workers(): number {
    return this.workerCounters.length;
  }

  get workersDealtByName(): number {
    return this.workerCounters.length;
  }

  get workerQueries(): number[] {
    return this.workerCounters.map(({ values }) => values[Counter.queriesUdp]! + values[Counter.queriesTcp]!);
  }

  get workerRestarts(): number {
    return this.#restarts;
  }

  readonly isOnFallback = false;
  readonly keptCache = { restored: 900, refused: 1, saved: 3, failed: 2 };
  readonly pods = { known: 12, failures: 1, lastOkMs: 1_700_000_000_500 };

  get zones(): readonly string[] {
    return ['.', 'corp.example', 'empty.example'];
  }

  get reloads(): ReloadCounts {
    return { ok: 4, failed: 2, isLastOk: false, lastOkMs: 1_700_000_000_500 };
  }

  get rewrittenUpstreams(): number {
    return 1;
  }
}

/** Of a server that has seen one of everything. */
export function createBusySnapshot(): SampleSnapshot {
  const source = new SampleSnapshot();
  const [first, second] = source.workerCounters;
  for (const counter of Object.values(Counter)) {
    if (counter !== Counter.durationSumSeconds) first!.values[counter] = counter + 1;
  }
  second!.increment(Counter.queriesUdp);
  for (const drop of Object.values(Drop)) first!.drop(drop);
  for (let rcode = 0; rcode < 40; rcode++) second!.response(rcode);
  for (const durationMs of [0.01, 0.0625, 0.2, 0.25, 3, 4096, 9000]) first!.duration(durationMs, 1);
  second!.duration(0.3, 10);
  for (const slot of [0, 3, 4]) {
    first!.upstreamRequest(slot);
    second!.upstreamRequest(slot);
    second!.upstreamFailure(slot, FailureReason.timeout);
    first!.upstreamDuration(slot, 12);
    second!.upstreamDuration(slot, 0.1);
  }
  for (const evidence of EVIDENCE_NAMES.keys()) second!.loopDetected(7, evidence);
  return source;
}
