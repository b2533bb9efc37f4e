// What became of the queries, by the fault that was on when they were sent.

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
  /** The connection ended before the reply, as one may that is idle or whose server restarts: asked again. */
  askedAgain: number;
  wrong: number;
  /** Replies to nothing that was asked: duplicates too. */
  unexpected: number;
}

/** What was wrong with replies is told for this many. */
const MAX_EXAMPLES = 20;

export class Outcomes {
  readonly byFault = new Map<string, Outcome>();
  readonly examples: string[] = [];
  readonly #mayFail: ReadonlySet<string>;
  #now = '';

  /** `mayFail`: the faults under which a true answer cannot always be had. */
  constructor(mayFail: ReadonlySet<string>) {
    this.#mayFail = mayFail;
  }

  /** From now on queries are sent under this fault. */
  begin(fault: string): void {
    this.#now = fault;
    this.of(fault).times++;
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

  /** `reply` is SERVFAIL or REFUSED; told in detail where a true answer can be had. */
  addError(fault: string, reply: Buffer, latencyMs: number): void {
    this.of(fault).errors++;
    if (this.#mayFail.has(fault) || this.examples.length >= MAX_EXAMPLES) return;
    const when = new Date().toISOString();
    this.examples.push(
      `error ${when} after ${latencyMs.toFixed(0)} ms, "${fault}": ${reply.toString('latin1').replace(/[^ -~]+/g, '·')}`,
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
