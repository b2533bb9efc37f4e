// A model of N workers before a cluster's traffic: which questions a worker has in its cache, which
// wait for one that is on its way, and which go upstream. It knows TTLs, bounded caches and
// coalescing, and nothing else of unloop: no prefetching, no stale answers.
//
//   separate   the kernel deals clients by their port: each worker has a cache of its own
//   by name    the kernel deals questions by a hash of their name: each name has one worker
import { LRUCache } from 'lru-cache';
import { FastRandom } from '../../src/load/fast-random.ts';
import { LONGEST_QUERY, type QuerySource } from '../../src/load/query-source.ts';

export type Dealing = 'separate' | 'by name';

/** Kubernetes' own Corefile says 30 for its names, and for names that do not exist. */
const CLUSTER_TTL_MS = 30_000;
const NEGATIVE_TTL_MS = 30_000;
const OUTSIDE_TTL_MS = 60_000;
const CLUSTER_ANSWER_MS = 1;
const OUTSIDE_ANSWER_MS = 20;

const HEADER_LENGTH = 12;
const TYPE_AND_CLASS = 4;
const SERVICE = /^[^.]+\.[^.]+\.svc\.cluster\.local$/;

/** Questions in the order in which they come, made once for all runs. */
export interface Traffic {
  readonly rate: number;
  /** Those that leave together come at the same time, from one port. */
  readonly together: number;
  /** By question: its name. */
  readonly names: Uint32Array;
  /** By question: 0 for A, 1 for AAAA. */
  readonly types: Uint8Array;
  /** By name: whether it does not exist. */
  readonly missing: readonly boolean[];
  readonly ttlMs: readonly number[];
  readonly answerMs: readonly number[];
}

/** Takes so many questions of a source, as they come at that rate. */
export function recordTraffic(source: QuerySource, rate: number, count: number): Traffic {
  const out = new Uint8Array(LONGEST_QUERY);
  const ids = new Map<string, number>();
  const names = new Uint32Array(count);
  const types = new Uint8Array(count);
  const missing: boolean[] = [];
  const ttlMs: number[] = [];
  const answerMs: number[] = [];
  for (let i = 0; i < count; i++) {
    const length = source.write(out, 0);
    const name = readName(out, HEADER_LENGTH);
    let id = ids.get(name);
    if (id === undefined) {
      id = ids.size;
      ids.set(name, id);
      const isCluster = name.endsWith('.cluster.local');
      const isMissing = name.endsWith('.missing') || (isCluster && !SERVICE.test(name));
      missing.push(isMissing);
      ttlMs.push(isMissing ? NEGATIVE_TTL_MS : isCluster ? CLUSTER_TTL_MS : OUTSIDE_TTL_MS);
      answerMs.push(isCluster ? CLUSTER_ANSWER_MS : OUTSIDE_ANSWER_MS);
    }
    names[i] = id;
    types[i] = out[length - TYPE_AND_CLASS + 1] === 1 ? 0 : 1;
  }
  return { rate, together: source.together, names, types, missing, ttlMs, answerMs };
}

function readName(bytes: Uint8Array, at: number): string {
  const labels: string[] = [];
  for (let i = at; bytes[i] !== 0; i += bytes[i]! + 1)
    labels.push(String.fromCharCode(...bytes.subarray(i + 1, i + 1 + bytes[i]!)));
  return labels.join('.').toLowerCase();
}

export interface Setting {
  readonly workers: number;
  readonly dealing: Dealing;
  /** Of all workers together. */
  readonly entries: number;
  /** Questions before those that count, which fill the caches. */
  readonly warmup: number;
}

export interface Outcome {
  readonly asked: number;
  /** Answered from a cache. */
  readonly hits: number;
  /** Waited for a question that was on its way. */
  readonly joined: number;
  readonly upstream: number;
  /** Share of the questions that the busiest worker got. */
  readonly busiest: number;
}

/** Keys of one name: it does not exist; its A; its AAAA. */
const KEYS_PER_NAME = 3;

export function simulate(traffic: Traffic, setting: Setting): Outcome {
  const { names, types, missing, ttlMs, answerMs, rate, together } = traffic;
  const { workers, dealing, warmup } = setting;
  // Each entry is the time at which its answer came, or will come.
  const caches = Array.from(
    { length: workers },
    () => new LRUCache<number, number>({ max: Math.max(1, Math.floor(setting.entries / workers)) }),
  );
  const random = new FastRandom(1);
  const perWorker = new Array<number>(workers).fill(0);
  let hits = 0;
  let joined = 0;
  let upstream = 0;
  let portsWorker = 0;
  for (let i = 0; i < names.length; i++) {
    const name = names[i]!;
    const nowMs = (Math.floor(i / together) * together * 1000) / rate;
    if (i % together === 0) portsWorker = random.uint32() % workers;
    const worker = dealing === 'separate' ? portsWorker : scatter(name) % workers;
    const cache = caches[worker]!;
    const isMissing = missing[name]!;
    const own = name * KEYS_PER_NAME + 1 + types[i]!;
    const lifetimeMs = ttlMs[name]!;
    const nowhereMs = isMissing ? cache.get(name * KEYS_PER_NAME) : undefined;
    const ownMs = cache.get(own);
    const counts = i >= warmup;
    if (counts) perWorker[worker]!++;
    if (isFresh(nowhereMs, nowMs, lifetimeMs) || (!isMissing && isFresh(ownMs, nowMs, lifetimeMs))) {
      if (counts) hits++;
    } else if (ownMs !== undefined && ownMs > nowMs) {
      if (counts) joined++;
    } else {
      if (counts) upstream++;
      cache.set(own, nowMs + answerMs[name]!);
      if (isMissing && !(nowhereMs !== undefined && nowhereMs > nowMs))
        cache.set(name * KEYS_PER_NAME, nowMs + answerMs[name]!);
    }
  }
  const asked = names.length - warmup;
  return { asked, hits, joined, upstream, busiest: Math.max(...perWorker) / asked };
}

function isFresh(cameMs: number | undefined, nowMs: number, lifetimeMs: number): boolean {
  return cameMs !== undefined && cameMs <= nowMs && nowMs < cameMs + lifetimeMs;
}

/** Numbers of names are no hash of them: they follow each other. */
function scatter(name: number): number {
  let x = Math.imul(name + 1, 0x9e3779b1);
  x ^= x >>> 15;
  x = Math.imul(x, 0x85ebca6b);
  return (x ^ (x >>> 13)) >>> 0;
}
