// Says in the log which upstreams fail and why, from the workers' counters: an upstream that fails
// ten thousand times makes a handful of lines. Main thread, once a second.
import type { Log } from '../../base/log.ts';
import type { RepeatLimiter } from '../../base/repeat-limiter.ts';
import type { CounterTotals } from '../../metrics/counters.ts';
import { FAILURE_REASON_NAMES, FailureReason } from '../../upstream/exchange.ts';
import type { HealthChange } from '../../upstream/health.ts';
import type { SharedUpstreamState } from '../../upstream/shared-state.ts';
import { rcodeName } from '../../wire/codes.ts';
import type { SlowUpstreams } from './slow-upstreams.ts';
import type { UpstreamConduct } from './upstream-conduct.ts';
import type { UpstreamFaults } from './upstream-faults.ts';
import type { RegisteredUpstream } from './upstream-registry.ts';

const EXPLANATIONS: Readonly<Record<FailureReason, string>> = {
  [FailureReason.timeout]: 'did not answer in time',
  [FailureReason.unreachable]: 'cannot be reached',
  [FailureReason.closed]: 'closed the connection with queries unanswered',
  [FailureReason.tls]: 'failed the TLS handshake',
  [FailureReason.overload]: 'has too many queries in flight',
  [FailureReason.protocol]: 'did not answer with DNS',
  [FailureReason.rcode]: 'answered SERVFAIL, REFUSED or the like',
};

export class UpstreamLog {
  readonly #limiter: RepeatLimiter;
  readonly #totals: CounterTotals;
  readonly #faults: UpstreamFaults;
  /** Failures per slot and reason at the last look. */
  readonly #seen = new Map<number, number>();

  constructor(limiter: RepeatLimiter, totals: CounterTotals, faults: UpstreamFaults) {
    this.#limiter = limiter;
    this.#totals = totals;
    this.#faults = faults;
  }

  /** Compares the counters with the last time's. */
  look(upstreams: readonly RegisteredUpstream[]): void {
    for (const { spec, origin } of upstreams) {
      for (const reason of Object.values(FailureReason)) {
        const key = spec.slot * FAILURE_REASON_NAMES.length + reason;
        const total = this.#totals.upstreamFailures(spec.slot, reason);
        const count = total - (this.#seen.get(key) ?? 0);
        this.#seen.set(key, total);
        if (count <= 0) continue;
        // A server that answers with an error is at work: its errors are about names, not about
        // itself.
        const level = reason === FailureReason.rcode ? 'debug' : 'warn';
        const cause = this.#faults.textOf(spec.key, reason);
        this.#limiter.report(
          `upstream ${spec.key} ${FAILURE_REASON_NAMES[reason]}`,
          level,
          { upstream: spec.text, reason: FAILURE_REASON_NAMES[reason], count, source: origin.source },
          `upstream ${spec.text} ${EXPLANATIONS[reason]}${cause === '' ? '' : `: ${cause}`}`,
        );
      }
    }
  }
}

/** Says that all that an upstream answers are errors, and which; and that it is over. */
export function logConduct(
  log: Log,
  conduct: ReturnType<UpstreamConduct['look']>,
  state: SharedUpstreamState,
): void {
  for (const { spec, origin } of conduct.worse) {
    const rcode = rcodeName(state.errorRcode(spec.slot));
    const fields = { upstream: spec.text, reason: 'rcode', rcode, source: origin.source };
    log.warn(fields, `upstream ${spec.text} answers, but with errors only (${rcode})`);
  }
  for (const { spec } of conduct.better) {
    log.info({ upstream: spec.text }, `upstream ${spec.text} gives answers again`);
  }
}

/** Says that an upstream takes long to answer, and that it is over. */
export function logPace(
  log: Log,
  { slower, quicker }: ReturnType<SlowUpstreams['look']>,
  state: SharedUpstreamState,
): void {
  for (const { spec, origin } of slower) {
    const rttMs = Math.round(state.rttMs(spec.slot));
    const text = `upstream ${spec.text} is slow: it takes ${rttMs} ms to answer`;
    log.warn({ upstream: spec.text, reason: 'slow', rttMs, source: origin.source }, text);
  }
  for (const { spec } of quicker) {
    log.info({ upstream: spec.text }, `upstream ${spec.text} is no longer slow`);
  }
}

/** Says that an upstream went out of use or came back. */
export function logHealthChange(log: Log, { spec, state, reason, downMs }: HealthChange): void {
  if (state === 'down') {
    log.warn({ upstream: spec.text, reason }, `upstream ${spec.text} is down and out of use: ${reason}`);
  } else {
    log.info({ upstream: spec.text, downMs: Math.round(downMs) }, `upstream ${spec.text} is up again`);
  }
}
