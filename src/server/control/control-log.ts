// Lines that the main thread logs about what it hears: notices of discovery, once each, clients
// that are refused, and reloads that failed. Called by control-plane.
import { UnloopError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { RepeatLimiter } from '../../base/repeat-limiter.ts';
import type { Notice } from '../../discovery/discovery.ts';

/** Logs notices, and the same ones only once. */
export class NoticeLog {
  readonly #log: Log;
  #lastText = '';

  constructor(log: Log) {
    this.#log = log;
  }

  log(notices: readonly Notice[]): void {
    const text = JSON.stringify(notices);
    if (text === this.#lastText) return;
    this.#lastText = text;
    for (const { severity, code, message, remedy } of notices) {
      this.#log[severity]({ code, ...(remedy === '' ? {} : { remedy }) }, message);
    }
  }
}

/**
 * A refused client may be a pod in a network that we cannot know. Without this line, a counter
 * would be the only sign of it.
 *
 * @param facts.hasAllowList whether limits.allow is set
 * @param facts.isDetoured whether unloop-detour leads the node's pods here: it cannot see that one
 *     of them is refused, as its own questions come from the node
 */
export function reportRefusedClient(
  limiter: RepeatLimiter,
  client: string,
  { hasAllowList, isDetoured }: { hasAllowList: boolean; isDetoured: boolean },
): void {
  const remedy = hasAllowList
    ? 'If it is one of yours, add its network to limits.allow.'
    : 'If it is one of yours, set limits.allow to the networks that you serve, its own and the private ones.';
  const text = hasAllowList
    ? 'a client is REFUSED: its address is in none of the networks of limits.allow'
    : 'a client is REFUSED: its address is neither private nor on one of our own links';
  const effect = isDetoured ? '; if it is a pod, it has no DNS, as the detour leads it here' : '';
  limiter.report('refused', 'warn', { code: 'client-refused', client, remedy }, `${text}${effect}`);
}

/** The reader of dnstap is not there (`fault` says why), or, null, there again. */
export function reportDnstapReader(limiter: RepeatLimiter, output: string, fault: string | null): void {
  if (fault === null) {
    limiter.recovered('dnstap', { code: 'dnstap-reader', output }, 'the reader of dnstap is there again');
    return;
  }
  const remedy = 'Start the reader, or correct dnstap.output. Queries are answered all the same.';
  const text = 'the reader of dnstap cannot be reached: its events are dropped';
  limiter.report('dnstap', 'warn', { code: 'dnstap-unreachable', output, reason: fault, remedy }, text);
}

/** Another mistake in the next try is another line. */
export function reportReloadFailure(limiter: RepeatLimiter, error: unknown): void {
  const text = 'the new configuration cannot be used; the running one stays';
  limiter.report(`reload ${String(error)}`, 'error', fieldsOf(error), text);
}

/** The start went on with another configuration than the one that was asked for. */
export function reportFallback(log: Log, name: string, error: unknown): void {
  log.error(fieldsOf(error), `the configuration cannot be used; starting with ${name} until it is fixed`);
}

/** An error that people can fix, without a stack trace; any other as it is. */
function fieldsOf(error: unknown): object {
  if (!(error instanceof UnloopError)) return { err: error };
  const { code, message, remedy } = error;
  return { code, reason: message.replaceAll('\n', '; '), remedy };
}
