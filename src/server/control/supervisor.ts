// Manages the workers: starts the configured number, replaces those that die, passes orders on to
// all of them.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../../base/log.ts';
import type { Config } from '../../config/config.ts';
import { dealtTo } from '../../io/deal-by-name.ts';
import { Counter, type CounterTotals, createCounterBlock } from '../../metrics/counters.ts';
import { OUT_OF_MEMORY } from '../worker/heap-limit.ts';
import type { RoutingSpec } from '../worker/routing-spec.ts';
import type {
  BoundAddress,
  FromWorker,
  WorkerAnswer,
  WorkerOrder,
  WorkerStart,
} from '../worker/worker-channel.ts';
import { dismissSpares, prepareWorkers, WorkerHandle, WorkerHangs } from '../worker/worker-handle.ts';
import { logUndealt } from './dealing.ts';
import { StandIns } from './stand-ins.ts';

/** Pause before a dead worker is replaced: doubled each time that one dies soon after its start. */
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 5000;
/** After a worker that lived this long, the pause is the first one again. */
const STABLE_MS = 60_000;
/** What one worker may take to start, or to retire, before the next one has its turn. */
const TURN_MS = 1000;
/**
 * How often the program that deals by name is attached again: another process on the port may have
 * attached its own, and left.
 */
const DEAL_AGAIN_MS = 5000;

/** What all workers are given alike. */
export type CommonStart = Omit<WorkerStart, 'counterBlock' | 'heartbeat' | 'listen'>;

/** The workers of one start or reload: started together, and ended together. */
interface Generation {
  /** What they are given; those who are yet to replace a dead one, too. */
  common: CommonStart;
  /** Ports settled once the first has started. */
  listen: readonly BoundAddress[];
  /** By index; null: dead, to be replaced. */
  readonly handles: (WorkerHandle | null)[];
  readonly standIns: StandIns;
  /** Counter blocks by index; they outlive their workers, so the numbers never go back. */
  readonly blocks: SharedArrayBuffer[];
  /** For each worker that is starting: routes to leave that it has not been told of. */
  readonly starting: Set<WorkerOrder[]>;
  /**
   * Workers open their sockets one after the other, so that each has the same index in the
   * SO_REUSEPORT group of every address: the kernel deals names by that index.
   */
  turn: Promise<unknown>;
  /**
   * Why the kernel did not take the program that deals queries by name, the system's code; '': it
   * did, from some worker, which is enough; null: no worker has tried yet.
   */
  undealt: string | null;
  /** It is about to exit: dead workers are not replaced. */
  leaving: boolean;
}

export class Supervisor {
  restarts = 0;
  /** The running workers. */
  #current: Generation;
  /** The next generation, while some of its workers still start; the others serve already. */
  #next: Generation | null = null;
  /** Queries of the workers that are gone for good, by index. */
  readonly #pastQueries: number[] = [];
  #dealAgainMs = 0;
  readonly #totals: CounterTotals;
  readonly #log: Log;
  readonly #onReport: (message: FromWorker) => void;

  constructor(common: CommonStart, totals: CounterTotals, log: Log, onReport: (message: FromWorker) => void) {
    this.#current = createGeneration(common, []);
    this.#totals = totals;
    this.#log = log;
    this.#onReport = onReport;
  }

  /** Workers that serve now. */
  get running(): number {
    return this.#current.handles.filter((handle) => handle !== null).length;
  }

  /** Workers among which the kernel deals queries by name; 0: it does not. */
  get dealtByName(): number {
    const { common, undealt } = this.#current;
    return common.deal !== null && undealt === '' ? this.running : 0;
  }

  /** Undoes what another process on the port may have done to the dealing. */
  look(nowMs: number): void {
    const { common, handles } = this.#current;
    // New workers have attached theirs, which is to stay.
    if (common.deal === null || this.#next !== null || nowMs < this.#dealAgainMs) return;
    this.#dealAgainMs = nowMs + DEAL_AGAIN_MS;
    void handles.find((handle) => handle !== null && !handle.isSilent)?.order({ type: 'deal' });
  }

  /** Queries that workers of each index have received. */
  queriesByWorker(): number[] {
    const sums = [...this.#pastQueries];
    for (const generation of this.#generations())
      for (const [index, block] of generation.blocks.entries())
        sums[index] = (sums[index] ?? 0) + queriesIn(block);
    return sums;
  }

  #generations(): Generation[] {
    return this.#next === null ? [this.#current] : [this.#current, this.#next];
  }

  /** Starts all workers; resolves with the addresses they listen on, rejects when they cannot. */
  async start(listen: readonly BoundAddress[]): Promise<readonly BoundAddress[]> {
    this.#current.listen = listen;
    await this.#startGeneration(this.#current);
    return this.#current.listen;
  }

  async #startGeneration(generation: Generation): Promise<void> {
    const { workers } = generation.common;
    prepareWorkers(workers);
    try {
      // The first settles the ports that were left to the kernel.
      generation.listen = await this.#startInTurn(generation, 0, FIRST_PAUSE_MS);
      // In turn with those that replace one that has died meanwhile.
      for (let index = 1; index < workers; index++)
        await this.#startInTurn(generation, index, FIRST_PAUSE_MS);
    } finally {
      dismissSpares();
    }
    if (generation.undealt) logUndealt(this.#log, generation.undealt);
  }

  /** Starts a worker when those before it have started, or have had the time for it. */
  #startInTurn(generation: Generation, index: number, pauseMs: number): Promise<readonly BoundAddress[]> {
    const started = generation.turn.then(() => this.#startWorker(generation, index, pauseMs));
    generation.turn = Promise.race([started.catch(() => {}), sleep(TURN_MS, undefined, { ref: false })]);
    return started;
  }

  async #startWorker(
    generation: Generation,
    index: number,
    pauseMs: number,
  ): Promise<readonly BoundAddress[]> {
    const counterBlock = this.#blockFor(generation, index);
    const startedMs = performance.now();
    const given = generation.common;
    const missed: WorkerOrder[] = [];
    generation.starting.add(missed);
    const { handle, bound, undealt } = await WorkerHandle.start(
      { ...given, counterBlock, listen: generation.listen },
      {
        onReport: this.#onReport,
        onSilence: (isSilent) =>
          isSilent ? generation.standIns.silent(index) : generation.standIns.back(index),
        onDeath: (error) => this.#onDeath(generation, index, error, performance.now() - startedMs, pauseMs),
      },
    ).finally(() => generation.starting.delete(missed));
    if (generation.leaving) {
      await handle.terminate();
      return bound;
    }
    generation.handles[index] = handle;
    generation.standIns.back(index);
    if (generation.undealt !== '') generation.undealt = undealt ?? generation.undealt;
    // What changed while it was starting was told to the others only.
    const { config, routing } = generation.common;
    if (config !== given.config) void handle.order({ type: 'config', config });
    if (routing !== given.routing) void handle.order({ type: 'routing', routing });
    for (const order of missed) void handle.order(order);
    return bound;
  }

  #blockFor(generation: Generation, index: number): SharedArrayBuffer {
    const known = generation.blocks[index];
    if (known !== undefined) return known;
    const block = createCounterBlock();
    generation.blocks[index] = block;
    this.#totals.add(block);
    return block;
  }

  #onDeath(
    generation: Generation,
    index: number,
    error: Error | null,
    livedMs: number,
    lastPauseMs: number,
  ): void {
    generation.handles[index] = null;
    if (generation.leaving) return;
    generation.standIns.ended(index);
    this.restarts++;
    this.#log.error(
      { worker: index, ...describeDeath(error), err: error ?? undefined, livedMs: Math.round(livedMs) },
      'a worker died and is replaced',
    );
    const pauseMs = livedMs > STABLE_MS ? FIRST_PAUSE_MS : lastPauseMs;
    const nextPauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
    setTimeout(() => {
      if (generation.leaving) return;
      this.#startInTurn(generation, index, nextPauseMs).catch((cause: Error) =>
        this.#onDeath(generation, index, cause, 0, nextPauseMs),
      );
    }, pauseMs);
  }

  /** Tells all workers; resolves with their answers. */
  broadcast(order: WorkerOrder): Promise<WorkerAnswer[]> {
    const generations = this.#generations();
    // A worker listens before we hear of it, and what it then sends by a looping route must not
    // wait.
    if (order.type === 'leave-route')
      for (const { starting } of generations) for (const missed of starting) missed.push(order);
    const handles = generations.flatMap((generation) => generation.handles);
    return Promise.all(handles.map((handle) => handle?.order(order) ?? 0));
  }

  /** The worker that the kernel deals a name's queries to; null: it deals by address. */
  ownerOf(name: Uint8Array): number | null {
    const { deal } = this.#current.common;
    return deal === null || this.dealtByName === 0 ? null : dealtTo(deal, this.dealtByName, name);
  }

  /** Tells one worker; resolves with its answer, or 0 when there is none. */
  async order(index: number, order: WorkerOrder): Promise<WorkerAnswer> {
    return (await this.#current.handles[index]?.order(order)) ?? 0;
  }

  /** New routing for all, and for workers yet to come. */
  async useRouting(routing: RoutingSpec): Promise<void> {
    this.#current.common = { ...this.#current.common, routing };
    await this.broadcast({ type: 'routing', routing });
  }

  /** New settings for all workers; some only take effect in a new worker and need replaceAll(). */
  async useConfig(config: Config): Promise<void> {
    this.#current.common = { ...this.#current.common, config };
    await this.broadcast({ type: 'config', config });
  }

  /**
   * Starts new workers, then lets the old ones finish: nothing is lost where ports can be shared.
   * Resolves with the addresses listened on. Rejects when the new ones cannot start: then the old
   * ones serve as before.
   */
  async replaceAll(
    change: Pick<CommonStart, 'config' | 'workers' | 'routing' | 'deal'> &
      Partial<Pick<CommonStart, 'loopKeys'>>,
    listen: readonly BoundAddress[],
    graceMs: number,
  ): Promise<readonly BoundAddress[]> {
    const old = this.#current;
    const generation = createGeneration({ ...old.common, ...change }, listen);
    const canShare = generation.common.reusePort;
    if (!canShare) await this.#drainGeneration(old, graceMs);
    this.#next = generation;
    try {
      await this.#startGeneration(generation);
    } catch (error) {
      this.#next = null;
      await this.#drainGeneration(generation, 0);
      if (!canShare) {
        this.#current = createGeneration(old.common, old.listen);
        await this.#startGeneration(this.#current);
      }
      // New ones that did start had attached a program for their number.
      await this.broadcast({ type: 'deal' });
      throw error;
    }
    this.#next = null;
    this.#current = generation;
    if (canShare) await this.#drainGeneration(old, graceMs);
    return generation.listen;
  }

  /** Lets a generation finish what is in flight, stops its workers and keeps their counts. */
  async #drainGeneration(generation: Generation, graceMs: number): Promise<void> {
    generation.leaving = true;
    await this.#retireGeneration(generation);
    await Promise.all(generation.handles.map((handle) => handle?.drain(graceMs, 0)));
    for (const [index, block] of generation.blocks.splice(0).entries()) {
      this.#pastQueries[index] = (this.#pastQueries[index] ?? 0) + queriesIn(block);
      this.#totals.retire(block);
    }
  }

  /** The sockets leave their groups in the same order on every address (Generation.turn). */
  async #retireGeneration(generation: Generation): Promise<void> {
    if (generation.common.deal === null) return;
    for (const handle of generation.handles) {
      if (handle === null) continue;
      await Promise.race([handle.order({ type: 'retire' }), sleep(TURN_MS, undefined, { ref: false })]);
    }
  }

  /**
   * Lets all workers finish what is in flight, then ends them. Resolves with what is to be kept of
   * their caches, keepBytes in all.
   */
  async drain(graceMs: number, keepBytes: number): Promise<Uint8Array[]> {
    this.#current.leaving = true;
    await this.#retireGeneration(this.#current);
    const { handles } = this.#current;
    const share = Math.floor(keepBytes / handles.length);
    const kept = await Promise.all(handles.map((handle) => handle?.drain(graceMs, share) ?? null));
    return kept.filter((records) => records !== null);
  }
}

function queriesIn(block: SharedArrayBuffer): number {
  const values = new Float64Array(block);
  return values[Counter.queriesUdp]! + values[Counter.queriesTcp]!;
}

/** What ended a worker, and what may be done so that it does not happen again. */
function describeDeath(error: Error | null): { reason: string; remedy: string } {
  const report =
    'Another worker replaces it automatically. This is a defect of unloop: report it with this line.';
  if (error instanceof WorkerHangs) return { reason: 'hang', remedy: report };
  if ((error as NodeJS.ErrnoException | null)?.code === OUT_OF_MEMORY) {
    const remedy =
      'Another worker replaces it automatically. Lower forward.maxInFlight, or report it with this line.';
    return { reason: 'memory', remedy };
  }
  return { reason: error === null ? 'exit' : 'exception', remedy: report };
}

function createGeneration(common: CommonStart, listen: readonly BoundAddress[]): Generation {
  const handles: Generation['handles'] = [];
  return {
    common,
    listen,
    handles,
    standIns: new StandIns(handles),
    blocks: [],
    starting: new Set(),
    turn: Promise.resolve(),
    undealt: null,
    leaving: false,
  };
}
