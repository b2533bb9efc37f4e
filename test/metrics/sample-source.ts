// A server's numbers, made up: two workers, three upstream slots (one text twice), two routes.
import { EVIDENCE_NAMES } from '../../src/loop/evidence.ts';
import { Counter, Counters, CounterTotals, createCounterBlock, Drop } from '../../src/metrics/counters.ts';
import type { MetricsRoute, MetricsSource, MetricsUpstream } from '../../src/metrics/metrics-source.ts';
import { FAILURE_REASON_NAMES, FailureReason } from '../../src/upstream/exchange.ts';
import { MARK_NAMES } from '../../src/upstream/marks.ts';

/** A class, as a real server is one: the tables must not call its methods without it. */
export class SampleSource implements MetricsSource {
  readonly totals = new CounterTotals();
  readonly build = { version: '1.2.3', node: '20.19.0', socket: 'batch' };
  readonly failureReasons = FAILURE_REASON_NAMES;
  readonly evidenceNames = EVIDENCE_NAMES;
  readonly markNames = MARK_NAMES;
  readonly workerCounters: readonly Counters[];
  upstreamList: MetricsUpstream[] = [
    { slot: 0, text: '10.0.0.2:53', state: 'down', rttMs: 2, learned: [] },
    { slot: 3, text: '127.0.0.1:5398', state: 'quarantined', rttMs: 0, learned: [] },
    { slot: 4, text: '10.0.0.2:53', state: 'up', rttMs: 1.5, learned: [] },
  ];
  routeList: MetricsRoute[] = [
    { slot: 0, upstream: '10.0.0.2:53', zone: '.', quarantined: false },
    { slot: 7, upstream: '127.0.0.1:5398', zone: 'corp.example', quarantined: true },
  ];
  #restarts = 1;

  constructor() {
    this.workerCounters = [createCounterBlock(), createCounterBlock()].map((block) => {
      this.totals.add(block);
      return new Counters(block);
    });
  }

  listen(): readonly string[] {
    return ['127.0.0.1:5300', '[::1]:5300'];
  }

  upstreams(): readonly MetricsUpstream[] {
    return this.upstreamList;
  }

  routes(): readonly MetricsRoute[] {
    return this.routeList;
  }

  workers(): number {
    return this.workerCounters.length;
  }

  workersDealtByName(): number {
    return this.workerCounters.length;
  }

  workerQueries(): number[] {
    return this.workerCounters.map(({ values }) => values[Counter.queriesUdp]! + values[Counter.queriesTcp]!);
  }

  workerRestarts(): number {
    return this.#restarts;
  }

  reloads(): { ok: number; failed: number } {
    return { ok: 4, failed: 2 };
  }

  rewrittenUpstreams(): number {
    return 1;
  }
}

/** A source that has seen one of everything. */
export function createBusySource(): SampleSource {
  const source = new SampleSource();
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
