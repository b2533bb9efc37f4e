// The faults, in their order: each for a few seconds, with a pause after it. The whole list comes
// round again and again.
import type { Behavior, TruthfulUpstream } from './truthful-upstream.ts';

/** What the faults are done to. */
export interface Stage {
  /** The first two are in use; the third is what resolv.conf is swapped to. */
  readonly upstreams: readonly [TruthfulUpstream, TruthfulUpstream, TruthfulUpstream];
  useUpstreams(numbers: readonly number[]): void;
  reload(): void;
  killWorker(): void;
}

export interface ScheduledFault {
  readonly name: string;
  /** A true answer cannot always be had: SERVFAIL is right then. */
  readonly mayFail: boolean;
  /** Queries die with the thread that has them. */
  readonly mayLose: boolean;
  begin(stage: Stage): void | Promise<void>;
  end(stage: Stage): void | Promise<void>;
}

/** One of the two upstreams in use; `both`: all of them, and nobody is left to ask. */
function upstreamFault(behavior: Behavior, who: 'one' | 'both', mayFail: boolean): ScheduledFault {
  const set = async ({ upstreams }: Stage, next: Behavior) => {
    await upstreams[0].behave(next);
    if (who === 'both') await upstreams[1].behave(next);
  };
  return {
    name: `${who === 'one' ? 'one upstream' : 'both upstreams'}: ${behavior}`,
    mayFail,
    mayLose: false,
    begin: (stage) => set(stage, behavior),
    end: (stage) => set(stage, 'sound'),
  };
}

export const FAULTS: readonly ScheduledFault[] = [
  upstreamFault('silent', 'one', false),
  upstreamFault('loses a third', 'both', true),
  upstreamFault('late', 'both', false),
  upstreamFault('flaps', 'one', false),
  upstreamFault('SERVFAIL', 'one', false),
  upstreamFault('wrong ID', 'both', false),
  upstreamFault('garbage', 'one', false),
  upstreamFault('TCP refused', 'one', true),
  upstreamFault('sends back', 'one', false),
  upstreamFault('silent', 'both', true),
  upstreamFault('SERVFAIL', 'both', true),
  upstreamFault('sends back', 'both', true),
  {
    name: 'resolv.conf names another upstream',
    mayFail: false,
    mayLose: false,
    begin: (stage) => stage.useUpstreams([2, 1]),
    end: (stage) => stage.useUpstreams([0, 1]),
  },
  {
    name: 'SIGHUP with another configuration',
    mayFail: false,
    mayLose: false,
    begin: (stage) => stage.reload(),
    end: (stage) => stage.reload(),
  },
  {
    name: 'a worker is killed',
    mayFail: false,
    mayLose: true,
    begin: (stage) => stage.killWorker(),
    end: () => {},
  },
];

export const CALM = 'calm';
/** The pause after a fault under which a true answer could be had throughout: it can be now. */
export const AFTERMATH = 'after a fault';
/**
 * The pause after one under which it could not: what is remembered of it (failures, quarantine) may
 * still show.
 */
export const HARD_AFTERMATH = 'after a fault that left no upstream';

const MAY_FAIL_FAULTS = FAULTS.filter((fault) => fault.mayFail).map((fault) => fault.name);

/** Errors are right under these. */
export const MAY_FAIL: ReadonlySet<string> = new Set([HARD_AFTERMATH, ...MAY_FAIL_FAULTS]);
/** Queries may be lost under these. */
export const MAY_LOSE: ReadonlySet<string> = new Set(
  FAULTS.filter((fault) => fault.mayLose).map((fault) => fault.name),
);
/**
 * These also meet queries that were sent before they began. Pauses do not: what was sent under a
 * fault is that fault's.
 */
export const BEGINNINGS: ReadonlySet<string> = new Set(FAULTS.map((fault) => fault.name));
