// What became of the queries, by the fault that was on when they were sent.
import { BEGINNINGS, MAY_FAIL, MAY_LOSE } from './schedule.ts';

/** The counts of one fault. */
export interface Outcome {
  times: number;
  sent: number;
  good: number;
  stale: number;
  truncated: number;
  /** SERVFAIL or REFUSED. */
  errors: number;
  /** No reply within the patience. */
  lost: number;
  /**
   * The connection ended before the reply, as one may that is idle or whose server restarts: asked
   * again.
   */
  askedAgain: number;
  /** Errors and losses of those above that were sent before the fault began. */
  caught: number;
  wrong: number;
  /** Replies to nothing that was asked: duplicates too. */
  unexpected: number;
}

/** What was wrong with replies is told for this many. */
const MAX_EXAMPLES = 200;
/** forward.deadline, 1.8 s, and the way. */
const DEADLINE_MS = 2000;

export class Outcomes {
  readonly byFault = new Map<string, Outcome>();
  readonly examples: string[] = [];
  #now = '';
  /** When the last fault began (performance.now()), and which: pauses aside. */
  #beganMs = Number.NEGATIVE_INFINITY;
  #began = '';

  /** From now on queries are sent under this fault. */
  begin(fault: string): void {
    this.#now = fault;
    this.of(fault).times++;
    if (!BEGINNINGS.has(fault)) return;
    this.#beganMs = performance.now();
    this.#began = fault;
  }

  get current(): string {
    return this.#now;
  }

  of(fault: string): Outcome {
    let outcome = this.byFault.get(fault);
    if (outcome === undefined) {
      outcome = {
        times: 0,
        sent: 0,
        good: 0,
        stale: 0,
        truncated: 0,
        errors: 0,
        lost: 0,
        askedAgain: 0,
        caught: 0,
        wrong: 0,
        unexpected: 0,
      };
      this.byFault.set(fault, outcome);
    }
    return outcome;
  }

  addWrong(fault: string, what: string, query: Buffer): void {
    this.of(fault).wrong++;
    if (this.examples.length < MAX_EXAMPLES)
      this.examples.push(`${what}, under "${fault}": query ${query.toString('hex')}`);
  }

  /**
   * SERVFAIL or REFUSED for a question first asked under this fault. Told in detail where a true
   * answer can be had.
   */
  addError(fault: string, askedMs: number, reply: Buffer): void {
    const cause = this.#causeOf(fault, askedMs, performance.now(), MAY_FAIL);
    this.of(cause).errors++;
    if (!MAY_FAIL.has(cause)) this.#tell('error', cause, askedMs, reply);
  }

  /**
   * No reply to a question first asked under this fault and last sent at `sentMs`: whoever had it
   * lost it by its deadline.
   */
  addLost(fault: string, askedMs: number, sentMs: number, query: Buffer): void {
    const cause = this.#causeOf(fault, askedMs, sentMs + DEADLINE_MS, MAY_LOSE);
    this.of(cause).lost++;
    if (!MAY_LOSE.has(cause)) this.#tell('lost', cause, askedMs, query);
  }

  /**
   * The fault that a question was asked under, or the one that began before its end and explains
   * it: then it was caught in flight.
   */
  #causeOf(fault: string, askedMs: number, endMs: number, explains: ReadonlySet<string>): string {
    const began = askedMs < this.#beganMs && this.#beganMs <= endMs;
    if (explains.has(fault) || !began || !explains.has(this.#began)) return fault;
    this.of(this.#began).caught++;
    return this.#began;
  }

  #tell(what: string, fault: string, askedMs: number, message: Buffer): void {
    if (this.examples.length >= MAX_EXAMPLES) return;
    const nowMs = performance.now();
    const asked = new Date(Date.now() - (nowMs - askedMs)).toISOString();
    const text = message.toString('latin1').replace(/[^ -~]+/g, '·');
    this.examples.push(
      `${what}, "${fault}": asked ${asked}, ${(askedMs - this.#beganMs).toFixed(0)} ms after "${this.#began}" began, ` +
        `ended after ${(nowMs - askedMs).toFixed(0)} ms: ${text}`,
    );
  }

  /** Queries whose end is known. */
  settled(): number {
    const ends = ['good', 'stale', 'errors', 'lost', 'wrong'] as const;
    return ends.reduce((sum, end) => sum + this.total(end), 0);
  }

  total(field: keyof Outcome): number {
    let sum = 0;
    for (const outcome of this.byFault.values()) sum += outcome[field];
    return sum;
  }
}
