// One thread's whole data path: sockets, upstreams and the clock's tick around the pipeline, and
// the orders of the main thread. worker.ts runs it.
import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { getHeapStatistics } from 'node:v8';
import { Clock } from '../../base/clock.ts';
import { RandomPool } from '../../base/random.ts';
import { TimerWheel } from '../../base/timer-wheel.ts';
import { MessageCache } from '../../cache/message-cache.ts';
import type { Config } from '../../config/config.ts';
import type { DnstapTap } from '../../dnstap/dnstap-tap.ts';
import { LoopDetector } from '../../loop/detector.ts';
import { SentQuestions } from '../../loop/sent-questions.ts';
import { Counter, Counters, Drop } from '../../metrics/counters.ts';
import { ClientRates } from '../../pipeline/client-rates.ts';
import type { ExplainQuestion } from '../../pipeline/explain.ts';
import { Pipeline, type PipelineSettings } from '../../pipeline/pipeline.ts';
import { SharedUpstreamState } from '../../upstream/shared-state.ts';
import { servedNetworks } from '../listen/client-networks.ts';
import { checkHeap } from './heap-limit.ts';
import { Heartbeat } from './heartbeat.ts';
import { Listeners } from './listeners.ts';
import { openTap } from './open-tap.ts';
import { settingsFor } from './pipeline-settings.ts';
import { Routing } from './routing.ts';
import type { RoutingSpec } from './routing-spec.ts';
import type { FromWorker, ToWorker, WorkerAnswer, WorkerStart } from './worker-channel.ts';

/**
 * How often due time-outs are looked for, while there are any: an idle thread wakes up once a
 * second.
 */
const TICK_MS = 10;
/**
 * A tick this much after the one before is late: the thread stood still, and what came meanwhile
 * still waits in the sockets.
 */
const LATE_TICK_MS = 100;
/**
 * How often gauges and socket counters are brought up to date, and the main thread is shown that
 * the event loop turns.
 */
const PUBLISH_MS = 1000;
/** Networks of our own are read again at most this often. */
const NETWORKS_MS = 10_000;

type RestoreOrder = Extract<ToWorker, { readonly type: 'restore-cache' }>;

export class DataPlane {
  readonly listeners: Listeners;
  readonly #start: WorkerStart;
  readonly #tell: (message: FromWorker) => void;
  /** limits.allow as it is now. */
  #allow: readonly string[];
  #networksReadMs = Number.NEGATIVE_INFINITY;
  readonly #clock = new Clock();
  readonly #wheel = new TimerWheel(this.#clock.nowMs, TICK_MS, () => this.#startTicks());
  readonly #counters: Counters;
  readonly #cache: MessageCache;
  readonly #pipeline: Pipeline;
  /** As in force. */
  #settings: PipelineSettings;
  readonly #routing: Routing;
  readonly #tap: DnstapTap | null;
  /** Runs from the first time-out that is armed until none is. */
  #ticks: NodeJS.Timeout | null = null;
  #isTicking = false;
  readonly #publishing: NodeJS.Timeout;
  readonly #heartbeat: Heartbeat;
  #lastTickMs = this.#clock.nowMs;
  #wasLate = false;

  private constructor(
    start: WorkerStart,
    settings: PipelineSettings,
    tap: DnstapTap | null,
    tell: (message: FromWorker) => void,
  ) {
    const { config, workers } = start;
    const clock = this.#clock;
    const counters = new Counters(start.counterBlock);
    counters.resetGauges();
    const state = new SharedUpstreamState(start.upstreamState);
    this.#start = start;
    this.#settings = settings;
    this.#tell = tell;
    this.#tap = tap;
    this.#allow = config.limits.allow;
    this.#heartbeat = new Heartbeat(start.heartbeat);
    this.#counters = counters;
    this.#cache = new MessageCache(
      {
        ...config.cache,
        maxEntries: Math.ceil(config.cache.maxEntries / workers),
        maxBytes: Math.ceil(config.cache.maxBytes / workers),
      },
      counters,
    );
    this.#pipeline = new Pipeline({
      clock,
      wheel: this.#wheel,
      counters,
      state,
      settings,
      cache: this.#cache,
      detector: new LoopDetector({
        material: start.loopKeys,
        clock,
        sentQuestions: new SentQuestions(start.sentQuestions),
        maxHops: config.loop.maxHops,
      }),
      reporter: {
        sighted: (sightings) => tell({ type: 'sighted', sightings }),
        suspected: (routeSlot, isWeak) => tell({ type: 'suspected', routeSlot, isWeak }),
        stumbled: (slot, marks, domain) => tell({ type: 'stumbled', slot, marks, domain }),
      },
      maxInFlight: Math.ceil(config.forward.maxInFlight / workers),
      clientSeed: randomInt(2 ** 31),
      workers,
      tap,
    });
    this.listeners = new Listeners(start, this.#pipeline, clock, this.#wheel, counters);
    this.#routing = new Routing({
      random: new RandomPool(),
      clock,
      counters,
      state,
      onFault: (upstream, reason, text) => tell({ type: 'upstream-fault', key: upstream.key, reason, text }),
    });
    this.#publishing = setInterval(() => this.#publish(), PUBLISH_MS);
  }

  /** Opens everything; rejects with the system's error when an address cannot be listened on. */
  static async open(start: WorkerStart, tell: (message: FromWorker) => void): Promise<DataPlane> {
    const rates = new ClientRates(start.clientRates);
    const settings = await settingsFor(start.config, start.workers, rates, null);
    const tap = await openTap(start.config, new Counters(start.counterBlock), (fault) =>
      tell({ type: 'dnstap-reader', fault }),
    );
    const plane = new DataPlane(start, settings, tap, tell);
    await plane.#useRouting(start.routing);
    try {
      await plane.listeners.open();
    } catch (error) {
      await plane.#close();
      throw error;
    }
    return plane;
  }

  /** Carries out an order of the main thread, and answers it. */
  async take(message: ToWorker): Promise<WorkerAnswer> {
    this.#clock.refresh();
    switch (message.type) {
      case 'routing':
        await this.#useRouting(message.routing);
        return 0;
      case 'config':
        await this.#useConfig(message.config);
        return 0;
      case 'flush':
        return this.#pipeline.flush(message.name, message.zone);
      case 'list-cache':
        return this.#pipeline.listCache(message.wanted);
      case 'top':
        return this.#pipeline.reportTop();
      case 'kept-queries':
        return this.#pipeline.reportKept();
      case 'explain':
        return this.#explain(message.question);
      case 'leave-route':
        this.#pipeline.leaveRoute(message.routeSlot);
        return 0;
      case 'deal':
        this.listeners.dealAgain();
        return 0;
      case 'read-also':
        await this.listeners.readAlso(message.worker, message.descriptors);
        return 0;
      case 'retire':
        void this.listeners.retire();
        return 0;
      case 'ping':
        return 0;
      case 'restore-cache':
        return this.#restoreCache(message);
      case 'drain':
        await this.#drain(message.graceMs);
        return message.keepBytes === 0 ? 0 : this.#cache.dump(message.keepBytes, this.#clock.nowMs);
    }
  }

  /** The only order that takes part in queries and may fail: queries go on. */
  async #explain(question: ExplainQuestion): Promise<WorkerAnswer> {
    try {
      return await this.#pipeline.explain(question);
    } catch (error) {
      this.#counters.drop(Drop.internal_error);
      return { failure: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    }
  }

  /** A piece of at most some thousand answers: queries wait for it as they do for a batch. */
  async #restoreCache({ records, pairs, ageMs }: RestoreOrder): Promise<number> {
    const { restoreRecords } = await import('../../cache/cache-restore.ts');
    const nowMs = this.#clock.refresh();
    return restoreRecords(this.#cache, records, { partitions: new Map(pairs), ageMs }, nowMs);
  }

  async #useRouting(spec: RoutingSpec): Promise<void> {
    this.#pipeline.setZones(await this.#routing.apply(spec));
  }

  /**
   * Applies the settings that can change while running; for the others the supervisor starts new
   * workers.
   */
  async #useConfig(config: Config): Promise<void> {
    this.#settings = await settingsFor(
      config,
      this.#start.workers,
      new ClientRates(this.#start.clientRates),
      this.#settings.queryLog,
    );
    this.#allow = config.limits.allow;
    this.#pipeline.configure(this.#settings);
  }

  #startTicks(): void {
    if (this.#isTicking) return;
    this.#isTicking = true;
    this.#lastTickMs = this.#clock.nowMs;
    if (this.#ticks === null) this.#ticks = setTimeout(() => this.#tick(), TICK_MS);
    else this.#ticks.refresh();
  }

  #tick(): void {
    const nowMs = this.#clock.refresh();
    // The event loop runs timers before it reads: replies that came in time would be taken for
    // missing. They get one tick.
    this.#wasLate = nowMs - this.#lastTickMs > LATE_TICK_MS && !this.#wasLate;
    this.#lastTickMs = nowMs;
    if (!this.#wasLate) this.#wheel.advance(nowMs);
    this.#isTicking = this.#wheel.armed > 0;
    if (this.#isTicking) this.#ticks!.refresh();
  }

  #publish(): void {
    this.#heartbeat.beat();
    checkHeap(getHeapStatistics().used_heap_size);
    this.#clock.refresh();
    this.#counters.values[Counter.inFlight] = this.#pipeline.flights.live;
    this.listeners.publishCounters();
    this.#routing.publishCounters();
    this.#pipeline.tick();
    this.#lookForDeniedClient();
  }

  /**
   * Interfaces and routes come and go, as pods do: where somebody is refused, they are looked at
   * again.
   */
  #lookForDeniedClient(): void {
    const { gate } = this.#settings;
    const client = gate.takeDeniedClient();
    if (client === null) return;
    const nowMs = this.#clock.nowMs;
    if (nowMs - this.#networksReadMs >= NETWORKS_MS) {
      this.#networksReadMs = nowMs;
      gate.allow = servedNetworks(this.#allow);
    }
    if (!gate.serves(client)) this.#tell({ type: 'refused', client });
  }

  /** Accepts nothing new, answers queries in flight (for at most graceMs), closes. */
  async #drain(graceMs: number): Promise<void> {
    const tcpClosed = this.listeners.drainConnections();
    const untilMs = this.#clock.refresh() + graceMs;
    // What is in the sockets' queues was sent to us alone: it is read before anything is closed.
    await this.listeners.retire();
    await this.#pipeline.drain(untilMs);
    // Answers that were just given are still on their way out of our sockets: clients are let read
    // them and close.
    await Promise.race([tcpClosed, sleep(Math.max(0, untilMs - this.#clock.refresh()))]);
    await this.#close();
  }

  async #close(): Promise<void> {
    clearInterval(this.#publishing);
    clearTimeout(this.#ticks ?? undefined);
    await this.listeners.close();
    this.#pipeline.close();
    await this.#routing.close();
    await this.#tap?.output.close();
  }
}
