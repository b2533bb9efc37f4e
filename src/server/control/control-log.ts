// Lines that the main thread logs about what it hears: notices of discovery, once each, and clients
// that are refused. Called by control-plane.
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
 * @param hasAllowList whether limits.allow is set
 */
export function reportRefusedClient(limiter: RepeatLimiter, client: string, hasAllowList: boolean): void {
  const remedy = hasAllowList
    ? 'If it is one of yours, add its network to limits.allow.'
    : 'If it is one of yours, set limits.allow to the networks that you serve, its own and the private ones.';
  const text = hasAllowList
    ? 'a client is REFUSED: its address is in none of the networks of limits.allow'
    : 'a client is REFUSED: its address is neither private nor on one of our own links';
  limiter.report('refused', 'warn', { code: 'client-refused', client, remedy }, text);
}
