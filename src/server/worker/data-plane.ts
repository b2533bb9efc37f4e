// One thread's whole data path, put together: cache, flights, upstreams, listeners and the clock's
// tick. worker.ts runs it.
import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Clock } from '../../base/clock.ts';
import { RandomPool } from '../../base/random.ts';
import { TimerWheel } from '../../base/timer-wheel.ts';
import { readVersion } from '../../base/version.ts';
import { MessageCache } from '../../cache/message-cache.ts';
import type { Config } from '../../config/config.ts';
import { LoopDetector } from '../../loop/detector.ts';
import { SentQuestions } from '../../loop/sent-questions.ts';
import { Counter, Counters } from '../../metrics/counters.ts';
import { Answers } from '../../pipeline/answers.ts';
import { ForwardPath } from '../../pipeline/forward-path.ts';
import { LoopGuard } from '../../pipeline/loop-guard.ts';
import { MarkLessons } from '../../pipeline/mark-lessons.ts';
import { OutgoingQuery } from '../../pipeline/outgoing-query.ts';
import { WaiterPool } from '../../pipeline/pending/waiter.ts';
import { QueryLog } from '../../pipeline/query-log.ts';
import { QueryPath } from '../../pipeline/query-path.ts';
import { RebindGuard } from '../../pipeline/rebind-guard.ts';
import { ResponsePath } from '../../pipeline/response-path.ts';
import { SharedUpstreamState } from '../../upstream/shared-state.ts';
import { servedNetworks } from '../listen/client-networks.ts';
import { TcpListener } from '../listen/tcp-listener.ts';
import { UdpListener } from '../listen/udp-listener.ts';
import { Heartbeat } from './heartbeat.ts';
import { Routing } from './routing.ts';
import type { RoutingSpec } from './routing-spec.ts';
import type { BoundAddress, FromWorker, ToWorker, WorkerStart } from './worker-channel.ts';
import { gateFor, shareOf, timesOf } from './worker-shares.ts';

/**
 * How often due time-outs are looked for, while there are any: an idle thread wakes up once a
 * second.
 */
const TICK_MS = 10;
/**
 * A tick so much later than the one before: the thread stood still, and what came meanwhile still
 * waits in the sockets.
 */
const LATE_TICK_MS = 100;
/**
 * How often gauges and socket counters are brought up to date, and the main thread is shown that
 * the event loop turns.
 */
const PUBLISH_MS = 1000;
/** Networks of our own are read again at most this often. */
const NETWORKS_MS = 10_000;
/** Ports of the kernel's choice that are tried until one is free for UDP and TCP. */
const PORT_ATTEMPTS = 20;

export class DataPlane {
  /** Where it listens, ports settled. */
  readonly bound: BoundAddress[] = [];
  readonly #start: WorkerStart;
  readonly #tell: (message: FromWorker) => void;
  /** limits.allow as it is now. */
  #allow: readonly string[];
  #networksReadMs = Number.NEGATIVE_INFINITY;
  readonly #clock = new Clock();
  readonly #wheel = new TimerWheel(this.#clock.nowMs, TICK_MS, () => this.#startTicks());
  readonly #counters: Counters;
  readonly #cache: MessageCache;
  readonly #answers: Answers;
  readonly #forward: ForwardPath;
  readonly #waiters: WaiterPool;
  readonly #responses: ResponsePath;
  readonly #outgoing: OutgoingQuery;
  readonly #loopGuard: LoopGuard;
  readonly #queryPath: QueryPath;
  readonly #routing: Routing;
  readonly #udpListeners: UdpListener[] = [];
  readonly #tcpListeners: TcpListener[] = [];
  /** Runs from the first time-out that is armed until none is. */
  #ticks: NodeJS.Timeout | null = null;
  #isTicking = false;
  readonly #publishing: NodeJS.Timeout;
  readonly #heartbeat: Heartbeat;
  #lastTickMs = this.#clock.nowMs;
  #wasLate = false;
  /** The exceptions of the rebinding protection in force, in one text; null: it is off. */
  #rebindExceptions: string | null = null;

  private constructor(start: WorkerStart, tell: (message: FromWorker) => void) {
    const { config, workers } = start;
    const clock = this.#clock;
    const counters = new Counters(start.counterBlock);
    counters.resetGauges();
    const state = new SharedUpstreamState(start.upstreamState);
    const maxInFlight = Math.ceil(config.forward.maxInFlight / workers);
    const cache = new MessageCache(
      {
        ...config.cache,
        maxEntries: Math.ceil(config.cache.maxEntries / workers),
        maxBytes: Math.ceil(config.cache.maxBytes / workers),
      },
      counters,
    );
    const detector = new LoopDetector({
      material: start.loopKeys,
      clock,
      sentQuestions: new SentQuestions(start.sentQuestions),
      maxHops: config.loop.maxHops,
    });
    const waiters = new WaiterPool(maxInFlight);
    const answers = new Answers(counters, cache, waiters, clock);
    const outgoing = new OutgoingQuery(config.loop, detector, state, clock);
    const forward = new ForwardPath(
      maxInFlight,
      timesOf(config),
      clock,
      this.#wheel,
      cache,
      counters,
      state,
      answers,
      outgoing,
    );
    this.#start = start;
    this.#tell = tell;
    this.#allow = config.limits.allow;
    this.#heartbeat = new Heartbeat(start.heartbeat);
    this.#counters = counters;
    this.#cache = cache;
    this.#answers = answers;
    this.#forward = forward;
    this.#waiters = waiters;
    this.#outgoing = outgoing;
    this.#responses = new ResponsePath(
      forward,
      clock,
      cache,
      counters,
      state,
      answers,
      new MarkLessons(clock, state, outgoing.domains, (slot, marks, domain) =>
        tell({ type: 'stumbled', slot, marks, domain }),
      ),
    );
    this.#loopGuard = new LoopGuard({
      detector,
      clock,
      wheel: this.#wheel,
      counters,
      state,
      answers,
      forward,
      reporter: {
        sighted: (sightings) => tell({ type: 'sighted', sightings }),
        suspected: (routeSlot, isWeak) => tell({ type: 'suspected', routeSlot, isWeak }),
      },
    });
    this.#responses.loopGuard = this.#loopGuard;
    this.#queryPath = new QueryPath(
      clock,
      counters,
      cache,
      gateFor(config, workers),
      this.#loopGuard,
      forward,
      answers,
      waiters,
      randomInt(2 ** 31),
    );
    this.#useLimits(config);
    this.#routing = new Routing({
      random: new RandomPool(),
      clock,
      counters,
      state,
      onFault: (upstream, reason, text) =>
        tell({ type: 'upstream-fault', upstream: upstream.text, reason, text }),
    });
    this.#publishing = setInterval(() => this.#publish(), PUBLISH_MS);
  }

  /** Opens everything; rejects with the system's error when an address cannot be listened on. */
  static async open(start: WorkerStart, tell: (message: FromWorker) => void): Promise<DataPlane> {
    const plane = new DataPlane(start, tell);
    await plane.#useQueryLog(start.config);
    await plane.#useIdentity(start.config);
    await plane.#useRouting(start.routing);
    try {
      await plane.#listen();
    } catch (error) {
      await plane.#close();
      throw error;
    }
    return plane;
  }

  async #listen(): Promise<void> {
    for (const address of this.#start.listen) {
      for (let attempt = 1; ; attempt++) {
        try {
          this.bound.push({ ...address, port: await this.#listenOn(address), claim: false });
          break;
        } catch (error) {
          // The kernel's choice for UDP may be taken for TCP: then it may choose again.
          const taken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
          if (address.port !== 0 || !taken || attempt === PORT_ATTEMPTS) throw error;
        }
      }
    }
  }

  /** UDP and TCP on one port, which it resolves with. */
  async #listenOn(address: BoundAddress): Promise<number> {
    const { config, listen, reusePort, workers } = this.#start;
    const { host, port, udpFd = -1, tcpFd = -1, claim = false } = address;
    const udp = await UdpListener.open(this.#queryPath, this.#clock, this.#counters, {
      address: host,
      port,
      reusePort,
      claim,
      ...(udpFd < 0 ? {} : { fd: udpFd }),
    });
    try {
      const tcp = await TcpListener.open(this.#queryPath, this.#clock, this.#wheel, this.#counters, {
        address: host,
        port: udp.port,
        reusePort,
        claim,
        fd: tcpFd,
        maxConnections: Math.ceil(config.limits.tcpConnections / (workers * listen.length)),
        idleMs: config.limits.tcpIdleMs,
      });
      this.#tcpListeners.push(tcp);
    } catch (error) {
      await udp.close();
      throw error;
    }
    this.#udpListeners.push(udp);
    return udp.port;
  }

  /** Carries out an order of the main thread; the number identifies the reply. */
  async take(message: ToWorker): Promise<number> {
    this.#clock.refresh();
    switch (message.type) {
      case 'routing':
        await this.#useRouting(message.routing);
        return 0;
      case 'config':
        await this.#useConfig(message.config);
        return 0;
      case 'flush':
        return this.#flush(message.name, message.zone);
      case 'leave-route':
        this.#loopGuard.leaveRoute(message.routeSlot);
        return 0;
      case 'ping':
        return 0;
      case 'drain':
        await this.#drain(message.graceMs);
        return 0;
    }
  }

  async #useRouting(spec: RoutingSpec): Promise<void> {
    const zones = await this.#routing.apply(spec);
    this.#queryPath.zones = zones;
    this.#loopGuard.zones = zones;
  }

  /**
   * Applies the settings that can change while running; for the others the supervisor starts new
   * workers.
   */
  async #useConfig(config: Config): Promise<void> {
    this.#forward.times = timesOf(config);
    this.#outgoing.policy = config.loop;
    this.#allow = config.limits.allow;
    this.#queryPath.gate = gateFor(config, this.#start.workers);
    this.#useLimits(config);
    await this.#useQueryLog(config);
    await this.#useIdentity(config);
  }

  #useLimits(config: Config): void {
    const { perClientWaiting, rebindProtection, rebindExceptions } = config.limits;
    this.#waiters.perClientLimit = shareOf(perClientWaiting, this.#start.workers);
    const exceptions = rebindProtection ? rebindExceptions.join(' ') : null;
    if (exceptions === this.#rebindExceptions) return;
    this.#rebindExceptions = exceptions;
    this.#responses.rebindGuard = rebindProtection ? new RebindGuard(rebindExceptions) : null;
    // What was let pass before may be in it.
    this.#cache.flush();
  }

  /** Loaded by those only who tell what they are. */
  async #useIdentity({ identity }: Config): Promise<void> {
    if (!identity.version && identity.name === '') {
      this.#queryPath.identity = null;
      return;
    }
    const { IdentityAnswers } = await import('../../local/identity-answers.ts');
    const version = identity.version ? `unloop ${readVersion()}` : '';
    this.#queryPath.identity = new IdentityAnswers({ version, name: identity.name });
  }

  /**
   * Workers write this log themselves, past the main thread. What it needs is loaded by those only
   * who want it.
   */
  async #useQueryLog(config: Config): Promise<void> {
    if (config.log.queries === (this.#answers.queryLog !== null)) return;
    if (!config.log.queries) {
      this.#answers.queryLog = null;
      return;
    }
    const { openLog } = await import('../../base/log.ts');
    this.#answers.queryLog = new QueryLog(openLog({ ...config.log, level: 'info' }).log, this.#clock);
  }

  #flush(name: string, zoneSuffix: string): number {
    const zone = this.#queryPath.zones.zones.find((candidate) => candidate.suffix === zoneSuffix);
    if (zoneSuffix !== '' && zone === undefined) return 0;
    return this.#cache.flush(name === '' ? undefined : name, zone?.partition);
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
    this.#clock.refresh();
    this.#counters.values[Counter.inFlight] = this.#forward.pool.inUse - this.#forward.pool.settled;
    for (const listener of this.#udpListeners) listener.publishCounters();
    this.#routing.publishCounters();
    this.#lookForStrangers();
  }

  /**
   * Interfaces and routes come and go, as pods do: where somebody is refused, they are looked at
   * again.
   */
  #lookForStrangers(): void {
    const { gate } = this.#queryPath;
    const client = gate.takeStranger();
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
    const tcpClosed = Promise.all(this.#tcpListeners.map((listener) => listener.drain()));
    const untilMs = this.#clock.refresh() + graceMs;
    // What is in the sockets' queues was sent to us alone: it is read before anything is closed.
    await Promise.all(this.#udpListeners.map((listener) => listener.retire()));
    while (this.#waiters.inUse > 0 && this.#clock.refresh() < untilMs) await sleep(TICK_MS);
    // Answers that were just given are still on their way out of our sockets: clients are let read
    // them and close.
    await Promise.race([tcpClosed, sleep(Math.max(0, untilMs - this.#clock.refresh()))]);
    await this.#close();
  }

  async #close(): Promise<void> {
    clearInterval(this.#publishing);
    clearTimeout(this.#ticks ?? undefined);
    for (const listener of this.#tcpListeners) listener.destroy();
    await Promise.all(this.#udpListeners.map((listener) => listener.close()));
    this.#forward.closing = true;
    await this.#routing.close();
  }
}
