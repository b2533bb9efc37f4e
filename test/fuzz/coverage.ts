// Which bytes of the program's source have run, from V8's own block coverage through
// node:inspector. Used by the fuzzer to see whether a batch of inputs went where none had gone
// before.
import { Session } from 'node:inspector';

interface CoverageRange {
  readonly startOffset: number;
  readonly endOffset: number;
  readonly count: number;
}

interface ScriptCoverage {
  readonly scriptId: string;
  readonly url: string;
  readonly functions: readonly { readonly ranges: readonly CoverageRange[] }[];
}

/** Source that ran between two looks. */
export type Taken = readonly ScriptCoverage[];

/** Coverage of the scripts whose URL `covers` says yes to, summed up since start(). */
export class Coverage {
  readonly #session = new Session();
  readonly #covers: (url: string) => boolean;
  /**
   * Script and place of a function → 1 where a byte of it has run; those of inner functions are
   * theirs.
   */
  readonly #seen = new Map<string, Uint8Array>();

  constructor(covers: (url: string) => boolean) {
    this.#covers = covers;
  }

  start(): void {
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  stop(): void {
    this.#session.post('Profiler.stopPreciseCoverage');
    this.#session.disconnect();
  }

  /** What ran since the last call. */
  take(): Taken {
    let taken: Taken = [];
    // Answered before post() returns: the session is this thread's own.
    this.#session.post('Profiler.takePreciseCoverage', (error, found) => {
      if (error !== null) throw new Error(`coverage: ${error.message}`);
      taken = found.result.filter(({ url }) => this.#covers(url));
    });
    return taken;
  }

  /** How many bytes of source of what was taken had not run before. */
  countNew(taken: Taken): number {
    return this.#walk(taken, false);
  }

  /** The same, and counts them as run from now on. */
  add(taken: Taken): number {
    return this.#walk(taken, true);
  }

  /** Bytes of source that have run. */
  get size(): number {
    let size = 0;
    for (const seen of this.#seen.values()) for (const byte of seen) size += byte;
    return size;
  }

  #walk(taken: Taken, add: boolean): number {
    let fresh = 0;
    for (const { scriptId, functions } of taken) {
      for (const { ranges } of functions) {
        const whole = ranges[0]!;
        const runs = new Uint8Array(whole.endOffset - whole.startOffset);
        // Outer ranges come first, and inner ones say what of them is otherwise.
        for (const { startOffset, endOffset, count } of ranges) {
          runs.fill(count > 0 ? 1 : 0, startOffset - whole.startOffset, endOffset - whole.startOffset);
        }
        const seen = this.#seenOf(`${scriptId} ${whole.startOffset}`, runs.length);
        for (let i = 0; i < runs.length; i++) {
          if (runs[i] === 0 || seen[i] !== 0) continue;
          if (add) seen[i] = 1;
          fresh++;
        }
      }
    }
    return fresh;
  }

  #seenOf(key: string, length: number): Uint8Array {
    let seen = this.#seen.get(key);
    if (seen === undefined || seen.length < length) {
      seen = new Uint8Array(length);
      this.#seen.set(key, seen);
    }
    return seen;
  }
}
