// The top lists, a few seconds old at most: asking for them interrupts every worker, and the status
// page is drawn once a second.
import { setTimeout } from 'node:timers/promises';
import type { AdminSource, TopLists } from './admin-source.ts';
import { TOP_SHOWN } from './status-page-top.ts';

const FRESH_MS = 5000;
const WAIT_MS = 300;

export class RecentTop {
  readonly #source: AdminSource;
  #lists: TopLists | null = null;
  #askedMs = Number.NEGATIVE_INFINITY;
  #asking: Promise<void> | null = null;

  constructor(source: AdminSource) {
    this.#source = source;
  }

  /** What is known; null before the first lists have come. Asks for newer ones where it is time. */
  lists(nowMs: number): TopLists | null {
    if (this.#asking === null && nowMs - this.#askedMs >= FRESH_MS) {
      this.#asking = this.#ask(nowMs).then(() => {
        this.#asking = null;
      });
    }
    return this.#lists;
  }

  /** As lists(), but waits a moment for those that are asked for: a worker may hang. */
  async soon(nowMs: number): Promise<TopLists | null> {
    this.lists(nowMs);
    if (this.#asking !== null) await Promise.race([this.#asking, setTimeout(WAIT_MS, null, { ref: false })]);
    return this.#lists;
  }

  /** Never rejects: where newer ones cannot be had, the last ones stay. */
  async #ask(nowMs: number): Promise<void> {
    this.#askedMs = nowMs;
    try {
      this.#lists = await this.#source.top(TOP_SHOWN);
    } catch {
      // GET /top says what is wrong.
    }
  }
}
