// One worker thread as the main thread sees it: starts it, sends it orders, takes its answers and
// ends it. The supervisor keeps a list.
import { realpathSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import { UnloopError } from '../../base/errors.ts';
import { nameTooFewOpenFiles } from '../../base/open-files.ts';
import { isOneFile, readWorkerScript } from '../../base/own-files.ts';
import { embeddedAddon } from '../../io/embedded-addon.ts';
import { listenError } from '../listen/listen-error.ts';
import { HEAP_LIMIT_MIB } from './heap-limit.ts';
import { HANG_MS, HeartbeatWatch, LOOK_MS, SILENT_MS } from './heartbeat.ts';
import type {
  BoundAddress,
  FromWorker,
  ToWorker,
  WorkerAnswer,
  WorkerOrder,
  WorkerStart,
} from './worker-channel.ts';

/** What the owner of a worker is told. */
export interface WorkerEvents {
  /** What it reports unasked: sightings, suspicions, stumbles, refused clients, faults. */
  onReport(message: FromWorker): void;
  /** It has given no sign of life for SILENT_MS, or gives one again. */
  onSilence(isSilent: boolean): void;
  /** The thread ended without being asked to; `error` is what it died of, when it said so. */
  onDeath(error: Error | null): void;
}

/** A worker that serves. */
export interface Started {
  readonly handle: WorkerHandle;
  readonly bound: readonly BoundAddress[];
  /** As FromWorker's. */
  readonly undealt: string | null;
}

/** A worker that has not ended this long after its grace period hangs. */
const DRAIN_PATIENCE_MS = 1000;
const ENTRY = new URL(`./worker${import.meta.url.slice(-3)}`, import.meta.url);

/** What a worker died of whose event loop stood still, so that the main thread ended it. */
export class WorkerHangs extends Error {
  constructor() {
    super(`its event loop stood still for ${HANG_MS} ms, so it was ended`);
    this.name = 'WorkerHangs';
  }
}

/** Threads that load their code already, for the next workers to be started. */
const spares: Worker[] = [];

/**
 * Starts threads ahead of need until there are `count`: half of a start is loading code, and there
 * is more than one CPU. They do not keep the process alive.
 */
export function prepareWorkers(count: number): void {
  while (spares.length < count) {
    const thread = createThread();
    spares.push(thread);
    thread.unref();
    // One that cannot load its code is not waited for: the thread that is started in its place says
    // why.
    thread.on('error', () => {});
    thread.once('exit', () => forget(thread));
  }
}

/** Ends the threads that are not needed after all. */
export function dismissSpares(): void {
  for (const thread of spares.splice(0)) void thread.terminate();
}

function forget(thread: Worker): void {
  const index = spares.indexOf(thread);
  if (index >= 0) spares.splice(index, 1);
}

/**
 * V8 would collect all garbage, again and again, whenever a thread allocates little: pauses of some
 * 10 ms for a few MiB. A flag holds for the threads that begin after it; the main thread, where
 * nobody waits, gives its memory back as before.
 */
setFlagsFromString('--no-memory-reducer');

/**
 * A thread asks for the working directory as it begins, and dies where that was removed: no worker
 * could then be replaced. Not process.cwd(): this thread has it from before.
 */
function leaveRemovedFolder(): void {
  try {
    realpathSync.native('.');
  } catch {
    process.chdir('/');
  }
}

function createThread(): Worker {
  leaveRemovedFolder();
  const options = { resourceLimits: { maxOldGenerationSizeMb: HEAP_LIMIT_MIB } };
  if (!isOneFile) return new Worker(ENTRY, options);
  return new Worker(readWorkerScript(), { ...options, eval: true, workerData: embeddedAddon() });
}

function takeThread(): Worker {
  const thread = spares.shift() ?? createThread();
  thread.ref();
  return thread;
}

export class WorkerHandle {
  readonly #thread: Worker;
  readonly #pending = new Map<number, (result: WorkerAnswer) => void>();
  #nextId = 0;
  #expectedToEnd = false;
  #hasEnded = false;
  #death: Error | null = null;
  readonly #heartbeat = new HeartbeatWatch(performance.now());
  #watch: NodeJS.Timeout | null = null;
  /** It may hang. */
  isSilent = false;
  /** FromWorker's. */
  descriptors: readonly number[] = [];

  private constructor(thread: Worker) {
    this.#thread = thread;
  }

  /**
   * Starts a worker; resolves when it listens, rejects with UNLOOP_LISTEN_FAILED or
   * UNLOOP_WORKER_FAILED.
   */
  static async start(start: Omit<WorkerStart, 'heartbeat'>, events: WorkerEvents): Promise<Started> {
    const thread = takeThread();
    const handle = new WorkerHandle(thread);
    return new Promise((resolve, reject) => {
      let started = false;
      thread.on('message', (message: FromWorker) => {
        if (message.type === 'ready') {
          started = true;
          handle.#watchHeartbeat(events);
          handle.descriptors = message.descriptors;
          resolve({ handle, bound: message.bound, undealt: message.undealt });
        } else if (message.type === 'cannot-start') {
          reject(startError(message.code, message.message));
          void handle.terminate();
        } else if (message.type === 'done') {
          handle.#answer(message.id, message.result);
        } else {
          events.onReport(message);
        }
      });
      thread.on('error', (error: Error) => {
        handle.#death = error;
      });
      thread.on('exit', () => {
        handle.#hasEnded = true;
        handle.#stopWatching();
        // A caller that waits for an answer gets none better than this.
        for (const id of [...handle.#pending.keys()]) handle.#answer(id, 0);
        if (!started) {
          reject(deathAtStart(handle.#death));
        } else if (!handle.#expectedToEnd) {
          events.onDeath(handle.#death);
        }
      });
      thread.postMessage({ ...start, heartbeat: handle.#heartbeat.buffer } satisfies WorkerStart);
    });
  }

  #watchHeartbeat(events: WorkerEvents): void {
    this.#watch = setInterval(() => {
      const silentMs = this.#heartbeat.silentMs(performance.now());
      const isSilent = silentMs >= SILENT_MS;
      if (isSilent !== this.isSilent) {
        this.isSilent = isSilent;
        events.onSilence(isSilent);
      }
      if (silentMs < HANG_MS) return;
      this.#stopWatching();
      this.#death = new WorkerHangs();
      void this.#thread.terminate();
    }, LOOK_MS);
  }

  #stopWatching(): void {
    if (this.#watch !== null) clearInterval(this.#watch);
  }

  /**
   * Tells the worker something; resolves with its answer, or 0 when it dies over it or has ended.
   */
  order(order: WorkerOrder): Promise<WorkerAnswer> {
    if (this.#hasEnded) return Promise.resolve(0);
    const id = this.#nextId++;
    return new Promise((resolve) => {
      this.#pending.set(id, resolve);
      this.#thread.postMessage({ ...order, id } satisfies ToWorker);
    });
  }

  #answer(id: number, result: WorkerAnswer): void {
    this.#pending.get(id)?.(result);
    this.#pending.delete(id);
  }

  /**
   * Lets it finish what is in flight, then ends it; one that hangs too. Resolves with at most
   * keepBytes of its cache, for cache-restore.ts; null: there is nothing.
   */
  async drain(graceMs: number, keepBytes: number): Promise<Uint8Array | null> {
    this.#expectedToEnd = true;
    this.#stopWatching();
    const patience = setTimeout(() => void this.#thread.terminate(), graceMs + DRAIN_PATIENCE_MS);
    const kept = await this.order({ type: 'drain', graceMs, keepBytes });
    clearTimeout(patience);
    await this.#thread.terminate();
    return kept instanceof Uint8Array ? kept : null;
  }

  /** Ends it at once. */
  async terminate(): Promise<void> {
    this.#expectedToEnd = true;
    this.#stopWatching();
    await this.#thread.terminate();
  }
}

function deathAtStart(error: Error | null): unknown {
  const named = nameTooFewOpenFiles(error);
  if (named !== error) return named;
  const reason = error?.message ?? 'it ended without a word';
  const remedy = 'Report this with the message above.';
  return new UnloopError('UNLOOP_WORKER_FAILED', `a worker cannot start: ${reason}`, remedy);
}

function startError(code: string, message: string): UnloopError {
  if (code === '') {
    const remedy = 'This is a defect of unloop: report it with the message above.';
    return new UnloopError('UNLOOP_WORKER_FAILED', `a worker cannot start: ${message}`, remedy);
  }
  return listenError(code, message);
}
