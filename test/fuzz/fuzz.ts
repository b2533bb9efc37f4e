// A coverage-guided fuzzer for one target: mutates what it knows, keeps what reached new source or
// was of a new kind, and makes the first input that breaks an invariant as small as it can. Guided
// by V8's block coverage (docs/adr/0008).
//
//   corpus ─pick─▶ mutate ─▶ a batch of inputs ─▶ target ─▶ new source? one by one again: who was it? ─▶ corpus
import type { Coverage } from './coverage.ts';
import { Generator } from './generator.ts';
import { mutate } from './mutate.ts';
import type { FuzzTarget } from './target.ts';

/** Inputs between two looks at the coverage: a look costs as much as some hundred inputs. */
const BATCH = 512;
/** Runs that go into making a finding smaller. */
const MINIMIZING_RUNS = 5000;

export interface FuzzLimits {
  readonly runs: number;
  readonly forMs: number;
}

export interface FuzzReport {
  readonly target: string;
  readonly runs: number;
  readonly elapsedMs: number;
  /** Inputs in the corpus: those given, and those found. */
  readonly seeds: number;
  readonly corpus: readonly Uint8Array[];
  /** Bytes of source reached by the seeds, and in the end. */
  readonly coveredBySeeds: number;
  readonly covered: number;
  /** The input that broke an invariant, minimized. */
  readonly finding: Finding | null;
}

export interface Finding {
  readonly input: Uint8Array;
  readonly error: string;
}

/**
 * Fuzzes a target until the limits are reached or an invariant is broken. The same seed and runs:
 * the same inputs.
 */
export async function fuzz(
  target: FuzzTarget,
  seeds: readonly Uint8Array[],
  coverage: Coverage,
  limits: FuzzLimits,
  randomSeed: number,
): Promise<FuzzReport> {
  await target.prepare?.();
  const random = new Generator(randomSeed);
  const corpus = seeds.length > 0 ? [...seeds] : [new Uint8Array(12)];
  const kinds = new Set<number>();
  const startMs = performance.now();
  const batch = Array.from({ length: BATCH }, () => new Uint8Array(target.maxLength));
  const lengths = new Int32Array(BATCH);
  const inputOf = (i: number) => batch[i]!.subarray(0, lengths[i]!);
  let finding: Finding | null = null;
  const run = (input: Uint8Array): number => {
    try {
      return target.run(input);
    } catch (error) {
      finding = { input: input.slice(), error: textOf(error) };
      return -1;
    }
  };

  coverage.add(coverage.take());
  for (const seed of corpus) {
    kinds.add(run(seed));
    if (finding !== null) break;
  }
  coverage.add(coverage.take());
  const coveredBySeeds = coverage.size;
  let runs = corpus.length;
  while (finding === null && runs < limits.runs && performance.now() - startMs < limits.forMs) {
    let kept = 0;
    for (let i = 0; i < BATCH && finding === null; i++) {
      lengths[i] = mutate(random, pickSeed(random, corpus), random.pick(corpus), batch[i]!, target.maxLength);
      const kind = run(inputOf(i));
      runs++;
      if (kinds.has(kind)) continue;
      kinds.add(kind);
      corpus.push(inputOf(i).slice());
      kept++;
    }
    const taken = coverage.take();
    if (kept > 0) {
      // Most likely it was one of those.
      coverage.add(taken);
      continue;
    }
    if (finding !== null || coverage.countNew(taken) === 0) continue;
    // Somebody of this batch went where none had gone: which one, halving the batch and running it
    // again tells.
    let [from, end] = [0, BATCH];
    while (end - from > 1 && finding === null) {
      const middle = (from + end) >> 1;
      for (let i = from; i < middle; i++) run(inputOf(i));
      if (coverage.countNew(coverage.take()) > 0) end = middle;
      else from = middle;
    }
    run(inputOf(from));
    // Where it took more than this input to get there, the way is not asked for again.
    if (coverage.add(coverage.take()) > 0) corpus.push(inputOf(from).slice());
    else coverage.add(taken);
  }
  const found = finding as Finding | null;
  const smallest = found === null ? null : minimize(target, found);
  await target.finish?.();
  return {
    target: target.name,
    runs,
    elapsedMs: performance.now() - startMs,
    seeds: seeds.length,
    corpus,
    coveredBySeeds,
    covered: coverage.size,
    finding: smallest,
  };
}

/** The newest inputs are where the news is: every other pick is one of them. */
function pickSeed(random: Generator, corpus: readonly Uint8Array[]): Uint8Array {
  const { length } = corpus;
  const newest = Math.ceil(length / 4);
  return corpus[random.below(2) === 0 ? random.below(length) : length - 1 - random.below(newest)]!;
}

/** Takes bytes out, or makes them 0, as long as the same invariant is broken. */
export function minimize(target: FuzzTarget, finding: Finding): Finding {
  let { input } = finding;
  let runs = 0;
  const breaks = (candidate: Uint8Array): boolean => {
    runs++;
    try {
      target.run(candidate);
      return false;
    } catch (error) {
      return textOf(error) === finding.error;
    }
  };
  for (let size = input.length; size >= 1 && runs < MINIMIZING_RUNS; size = Math.floor(size / 2)) {
    for (let at = 0; at < input.length && runs < MINIMIZING_RUNS; ) {
      const without = Uint8Array.of(...input.subarray(0, at), ...input.subarray(at + size));
      if (breaks(without)) {
        input = without;
        continue;
      }
      const zeroed = input.slice();
      zeroed.subarray(at, at + size).fill(0);
      if (!Buffer.from(zeroed).equals(input) && breaks(zeroed)) input = zeroed;
      at += size;
    }
  }
  return { input, error: finding.error };
}

function textOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
