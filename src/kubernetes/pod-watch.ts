// Follows the pods of the cluster, or of one node: a list, page by page, and then a watch of what
// changes, for ever. Main thread. Never throws, and nothing waits for it.
//
//   list ─▶ watch ─▶ (ended, lost: after a pause) watch from where it was ─▶ …
//    ▲                 └─ 410: what it was at is forgotten ─┐
//    └──────────────────────────────────────────────────────┘
import { randomInt } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiServer, GoneError } from './api-server.ts';
import { linesOf } from './json-lines.ts';
import { MAX_PODS, PodTable, readPod } from './pod-table.ts';
import { unreadable, WatchFailure } from './watch-failure.ts';

/** Pods on a page: one is some 10 KB of JSON, and read as a whole. */
const PAGE = 100;
const MAX_PAGE_BYTES = 32 * 1024 * 1024;
/** etcd holds objects of up to 1.5 MiB. */
const MAX_EVENT_BYTES = 4 * 1024 * 1024;
/** The API server ends a watch after a random time in these bounds. */
const WATCH_SECONDS = [240, 300] as const;
const LIST_IDLE_MS = 30_000;
/** A bookmark comes about once a minute: with none for so long, the connection is dead. */
const WATCH_IDLE_MS = 150_000;
/** A round that lasted so long was a good one: the next pause is short again. */
const STEADY_MS = 10_000;
const PAUSES: Pauses = { firstMs: 1000, maxMs: 60_000 };

/** Doubling, each with a random part of half: many watch one API server. */
export interface Pauses {
  readonly firstMs: number;
  readonly maxMs: number;
}

export interface PodWatchOptions {
  /** Only the pods of this node; '': all. */
  readonly node: string;
  /** The folder of the service account. */
  readonly serviceAccount: string;
  readonly environment: NodeJS.ProcessEnv;
  /** The pods cannot be read, for another reason than the last time. */
  readonly onFailure: (failure: WatchFailure) => void;
  /** They can be read again. */
  readonly onRecovery: () => void;
  /** There are more than have room. */
  readonly onFull: (maxPods: number) => void;
  /** For tests. */
  readonly pauses?: Pauses;
  readonly maxPods?: number;
}

/** An event of a watch. */
interface WatchEvent {
  readonly type?: string;
  readonly object?: { readonly code?: number; readonly metadata?: { readonly resourceVersion?: string } };
}

interface PodList {
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
  readonly items?: readonly unknown[] | null;
}

export class PodWatch {
  /** Times that reading the pods failed. */
  failures = 0;
  /** When the API server last said something about pods: wall clock, ms since 1970; 0: never. */
  lastOkMs = 0;
  readonly #options: PodWatchOptions;
  readonly #maxPods: number;
  readonly #stopped = new AbortController();
  #table: PodTable;
  /** Where the watch goes on; '': a list comes first. */
  #version = '';
  /** The failure that was told last; '': none, or it is over. */
  #told = '';
  #isFullTold = false;

  constructor(options: PodWatchOptions) {
    this.#options = options;
    this.#maxPods = options.maxPods ?? MAX_PODS;
    this.#table = new PodTable(this.#maxPods);
  }

  /** Pods that are known. */
  get known(): number {
    return this.#table.size;
  }

  /** `namespace/name` of the pod with this address; null: none's. */
  podOf(address: string): string | null {
    return this.#table.podOf(address);
  }

  /** Goes on until stop(). */
  async run(): Promise<void> {
    const { firstMs, maxMs } = this.#options.pauses ?? PAUSES;
    let pauseMs = firstMs;
    while (!this.#isStopped) {
      const startedMs = performance.now();
      await this.#goRound();
      if (performance.now() - startedMs >= STEADY_MS) pauseMs = firstMs;
      await this.#pause(pauseMs / 2 + randomInt(Math.ceil(pauseMs / 2) + 1));
      pauseMs = Math.min(maxMs, pauseMs * 2);
    }
  }

  stop(): void {
    this.#stopped.abort();
  }

  get #isStopped(): boolean {
    return this.#stopped.signal.aborted;
  }

  /** A list where there is none, and the watch until it ends. */
  async #goRound(): Promise<void> {
    let server: ApiServer | null = null;
    try {
      server = new ApiServer(this.#options.serviceAccount, this.#options.environment);
      if (this.#version === '') await this.#list(server);
      await this.#follow(server);
    } catch (error) {
      if (error instanceof GoneError) this.#version = '';
      else if (!this.#isStopped) this.#failed(error, server);
    } finally {
      server?.close();
    }
  }

  /** The names known before are in use until all pages have come. */
  async #list(server: ApiServer): Promise<void> {
    const table = new PodTable(this.#maxPods);
    let next = '';
    for (;;) {
      const query = this.#query({ limit: String(PAGE), ...(next === '' ? {} : { continue: next }) });
      const body = await server.get(query, LIST_IDLE_MS, this.#stopped.signal);
      const { items, metadata = {} } = (await readPage(body)) as PodList;
      // An empty list is null where the API server's code has a nil slice.
      for (const item of items ?? []) {
        const pod = readPod(item);
        if (pod !== null) table.set(pod);
      }
      next = metadata.continue ?? '';
      if (next !== '') continue;
      this.#table = table;
      this.#version = metadata.resourceVersion ?? '';
      this.#worked();
      return;
    }
  }

  async #follow(server: ApiServer): Promise<void> {
    const timeoutSeconds = String(randomInt(...WATCH_SECONDS));
    const resourceVersion = this.#version;
    const query = this.#query({ watch: '1', allowWatchBookmarks: 'true', resourceVersion, timeoutSeconds });
    const body = await server.get(query, WATCH_IDLE_MS, this.#stopped.signal);
    this.#worked();
    const lines = linesOf(body, MAX_EVENT_BYTES);
    for (;;) {
      const line = await lines.next().catch(() => null);
      if (line === null) {
        // The connection is lost, or says what no pod can be. If it cannot be opened again, that
        // is told.
        if (!this.#isStopped) this.failures++;
        body.destroy();
        return;
      }
      if (line.done === true) return;
      if (line.value !== '') this.#take((parse(line.value) ?? {}) as WatchEvent);
    }
  }

  #take({ type, object }: WatchEvent): void {
    if (type === 'ERROR') {
      // 410 in most cases; whatever it is, a list is a way out.
      throw new GoneError(`watch: ${object?.code}`);
    }
    this.#version = object?.metadata?.resourceVersion ?? this.#version;
    this.#worked();
    if (type === 'BOOKMARK') return;
    const pod = readPod(object);
    if (pod === null) return;
    if (type === 'DELETED') this.#table.remove(pod.id);
    else this.#table.set(pod);
    this.#tellIfFull();
  }

  #query(parameters: Readonly<Record<string, string>>): string {
    const { node } = this.#options;
    const fields = node === '' ? {} : { fieldSelector: `spec.nodeName=${node}` };
    return `/api/v1/pods?${new URLSearchParams({ ...parameters, ...fields })}`;
  }

  #worked(): void {
    this.lastOkMs = Date.now();
    this.#tellIfFull();
    if (this.#told === '') return;
    this.#told = '';
    this.#options.onRecovery();
  }

  #failed(error: unknown, server: ApiServer | null): void {
    this.failures++;
    const failure =
      error instanceof WatchFailure || server === null
        ? (error as WatchFailure)
        : server.failureOf(error as Error);
    if (failure.message === this.#told) return;
    this.#told = failure.message;
    this.#options.onFailure(failure);
  }

  #tellIfFull(): void {
    if (this.#isFullTold || this.#table.left === 0) return;
    this.#isFullTold = true;
    this.#options.onFull(this.#maxPods);
  }

  async #pause(ms: number): Promise<void> {
    try {
      await sleep(ms, undefined, { ref: false, signal: this.#stopped.signal });
    } catch {
      // Stopped.
    }
  }
}

async function readPage(body: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    chunks.push(chunk as Buffer);
    bytes += (chunk as Buffer).length;
    if (bytes > MAX_PAGE_BYTES) throw unreadable(`a page of more than ${MAX_PAGE_BYTES} bytes`);
  }
  return parse(Buffer.concat(chunks).toString('utf8'));
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw unreadable('text that is no JSON');
  }
}
