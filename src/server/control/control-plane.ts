// All the work of the main thread: finds upstreams, starts workers, watches for changes, reloads,
// drains. cli/serve.ts starts it and passes signals on. Nothing here can delay a query: workers do
// not wait for it.
import { setTimeout as sleep } from 'node:timers/promises';
import type { RefusedClient } from '../../admin/admin-source.ts';
import { Clock } from '../../base/clock.ts';
import { formatHostAndPort } from '../../base/host-and-port.ts';
import type { Log } from '../../base/log.ts';
import { RepeatLimiter } from '../../base/repeat-limiter.ts';
import { type Change, describeChanges, findChanges, touches } from '../../config/changes.ts';
import type { Config, ListenAddress } from '../../config/config.ts';
import { CannotWatch } from '../../discovery/watch.ts';
import { nativeStatus, supportsReusePort } from '../../io/open-socket.ts';
import { createKeyMaterial, type LoopKeyMaterial } from '../../loop/keys.ts';
import { SentQuestions } from '../../loop/sent-questions.ts';
import { Counters, CounterTotals, createCounterBlock } from '../../metrics/counters.ts';
import { createClientRates } from '../../pipeline/client-rates.ts';
import { SharedUpstreamState } from '../../upstream/shared-state.ts';
import type { BoundAddress, FromWorker } from '../worker/worker-channel.ts';
import { AdminListener } from './admin-listener.ts';
import { NoticeLog, reportDnstapReader, reportRefusedClient, reportReloadFailure } from './control-log.ts';
import { Dealing } from './dealing.ts';
import { KeptCache } from './kept-cache.ts';
import { claimed, listenOf, reportLeftOut, takeInherited } from './listen-addresses.ts';
import { LoopControl } from './loop-control.ts';
import { MainUpstreams } from './main-upstreams.ts';
import { PodNames } from './pod-names.ts';
import type { ServerFacts } from './server-facts.ts';
import { Supervisor } from './supervisor.ts';
import { UpstreamRegistry } from './upstream-registry.ts';
import { type UpstreamPlan, UpstreamSources } from './upstream-sources.ts';
import { UpstreamStates } from './upstream-states.ts';
import { UpstreamWatch } from './upstream-watch.ts';
import {
  changesLoopControl,
  loopKeysAfter,
  needsNewWorkers,
  withinLimits,
  workersFor,
} from './worker-plan.ts';

/**
 * After a stop, queries in flight are answered by their deadline; this much later the process exits
 * in any case.
 */
const DRAIN_MARGIN_MS = 200;
const LOOK_MS = 1000;

export class ControlPlane implements ServerFacts {
  config: Config;
  /** Addresses listened on, ports settled. */
  listen: readonly ListenAddress[] = [];
  draining = false;
  /** Runs with another configuration than the one that was asked for, until a reload succeeds. */
  isOnFallback = false;
  refusedClient: RefusedClient | null = null;
  readonly startedAtMs = Date.now();
  readonly reloads = { ok: 0, failed: 0, isLastOk: true, lastOkMs: this.startedAtMs };
  readonly totals = new CounterTotals();
  readonly state = new SharedUpstreamState();
  readonly registry = new UpstreamRegistry(this.state, this.totals);
  readonly states = new UpstreamStates(this.registry, this.state);
  readonly supervisor: Supervisor;
  readonly watch: UpstreamWatch;
  readonly pods: PodNames;
  readonly keptCache: KeptCache;
  loop: LoopControl;
  readonly #log: Log;
  readonly #clock = new Clock();
  readonly #limiter: RepeatLimiter;
  readonly #upstreams = new MainUpstreams(this.#clock);
  readonly #notices: NoticeLog;
  /**
   * Sockets that the service manager opened for us; where there are any, listen: is not used.
   */
  readonly #inherited: readonly BoundAddress[];
  /** Set before anything else is done with the control plane. */
  #sources!: UpstreamSources;
  readonly #admin: AdminListener;
  readonly #dealing: Dealing;
  /** The main thread counts its probes in a block of its own. */
  readonly #counters: Counters;
  #loopKeys: LoopKeyMaterial;
  #timer: NodeJS.Timeout | null = null;
  /** Reloads and new plans are carried out one after the other. */
  #work: Promise<void> = Promise.resolve();

  private constructor(config: Config, inherited: readonly BoundAddress[], log: Log) {
    this.config = config;
    this.#inherited = inherited;
    this.#log = log;
    this.#notices = new NoticeLog(log);
    this.pods = new PodNames(log);
    this.#limiter = new RepeatLimiter(log, this.#clock);
    this.#loopKeys = createKeyMaterial(config.loop.clusterKey, config.loop.ring);
    // The first block: what workers counted that are gone is added to it.
    const counterBlock = createCounterBlock();
    this.totals.add(counterBlock);
    this.#counters = new Counters(counterBlock);
    this.#dealing = new Dealing(inherited.length > 0, log);
    const workers = workersFor(config, log);
    this.supervisor = new Supervisor(
      {
        workers,
        deal: this.#dealing.programFor(workers),
        reusePort: supportsReusePort(),
        config,
        routing: this.registry.routing,
        upstreamState: this.state.buffer,
        sentQuestions: new SentQuestions().buffer,
        clientRates: createClientRates(),
        loopKeys: this.#loopKeys,
      },
      this.totals,
      log,
      (message) => this.#onReport(message),
    );
    this.keptCache = new KeptCache(log, this.supervisor, this.registry);
    this.watch = new UpstreamWatch({
      clock: this.#clock,
      log,
      limiter: this.#limiter,
      state: this.state,
      totals: this.totals,
      registry: this.registry,
      upstreams: this.#upstreams,
      settings: config.forward.healthCheck,
    });
    this.loop = this.#openLoopControl();
    this.#admin = new AdminListener(this, this.#limiter, log);
  }

  #openLoopControl(): LoopControl {
    return new LoopControl({
      config: this.config,
      clock: this.#clock,
      log: this.#log,
      state: this.state,
      upstreams: this.#upstreams,
      counters: this.#counters,
      keys: this.#loopKeys,
      listen: listenOf(this.config, this.#inherited)
        .map((address) => formatHostAndPort(address.host, address.port))
        .join(', '),
      leaveRoute: (routeSlot) => {
        void this.supervisor.broadcast({ type: 'leave-route', routeSlot });
      },
    });
  }

  /** Finds the upstreams, listens, serves. Rejects with an UnloopError when it cannot. */
  static async start(config: Config, log: Log): Promise<ControlPlane> {
    const inherited = takeInherited(log);
    const fitting = withinLimits(config, log);
    reportLeftOut(fitting, inherited, log);
    const plane = new ControlPlane(fitting, inherited, log);
    try {
      await plane.#start();
    } catch (error) {
      // Nothing may keep the process alive that says it cannot start.
      await plane.#close(0);
      throw error;
    }
    return plane;
  }

  async #start(): Promise<void> {
    this.#sources = await this.#findSources(this.config);
    await this.#usePlan(this.#sources.plan());
    if (this.registry.upstreams.length === 0) {
      this.#log.warn(
        { code: 'UNLOOP_NO_UPSTREAM' },
        'no upstream is known yet: queries are answered SERVFAIL. Name one under upstreams:, or see `unloop doctor`',
      );
    }
    this.listen = await this.supervisor.start(claimed(this.config, this.#inherited, []));
    this.#sources.follow();
    this.watch.health.start();
    await this.#admin.open(this.config);
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
    this.#log.info(
      {
        listen: this.listen.map((address) => formatHostAndPort(address.host, address.port)),
        upstreams: this.registry.upstreams.map((upstream) => upstream.spec.text),
        workers: this.supervisor.running,
        socket: nativeStatus().available ? 'batch' : 'node',
        admin: this.#adminText(),
      },
      'unloop is ready',
    );
    await this.pods.follow(this.config.kubernetes);
    // Beside the first queries.
    void this.keptCache.begin(this.config);
  }

  #adminText(): string {
    const { address } = this.#admin;
    if (address !== null) return formatHostAndPort(address.host, address.port);
    return this.config.admin.listen === null ? 'off' : 'awaited';
  }

  /** Finds out where the upstreams are; what changes later is used as long as these sources are. */
  async #findSources(config: Config): Promise<UpstreamSources> {
    const onPlan = () =>
      this.#enqueue(async () => {
        if (this.#sources === sources) await this.#usePlan(sources.plan());
      });
    const onError = (error: unknown) => {
      if (error instanceof CannotWatch)
        this.#log.warn({ code: 'cannot-watch', remedy: error.remedy }, error.message);
      else this.#log.error({ err: error }, 'the machine’s resolver files cannot be followed');
    };
    const sources = await UpstreamSources.find(config, listenOf(config, this.#inherited), onPlan, onError);
    return sources;
  }

  async #usePlan(plan: UpstreamPlan): Promise<void> {
    this.#notices.log(plan.notices);
    this.registry.update(plan.zones);
    await this.supervisor.useRouting(this.registry.routing);
    this.watch.followRegistry();
    this.loop.setRoutes(this.registry.routes);
  }

  /**
   * Runs after the current task, unless we stop first. An error is logged, as there is no caller to
   * report it to.
   */
  #enqueue(work: () => Promise<void>): void {
    const unlessStopping = () => (this.draining ? undefined : work());
    this.#work = this.#work.then(unlessStopping).catch((error: unknown) => {
      this.#log.error({ err: error }, 'a change could not be carried out; the server goes on as it was');
    });
  }

  #onReport(message: FromWorker): void {
    if (message.type === 'sighted') this.loop.sighted(message.sightings);
    else if (message.type === 'suspected') this.loop.suspected(message.routeSlot, message.isWeak);
    else if (message.type === 'stumbled') this.watch.stumbled(message.slot, message.marks, message.domain);
    else if (message.type === 'refused') this.#reportRefused(message.client);
    else if (message.type === 'dnstap-reader')
      reportDnstapReader(this.#limiter, this.config.dnstap.output, message.fault);
    else if (message.type === 'upstream-fault') this.watch.failed(message.key, message.reason, message.text);
  }

  #reportRefused(client: string): void {
    this.#clock.refresh();
    this.refusedClient = { client, at: new Date().toISOString() };
    const hasAllowList = this.config.limits.allow.length > 0;
    const isDetoured = (process.env.UNLOOP_DETOUR ?? '') !== '';
    reportRefusedClient(this.#limiter, client, { hasAllowList, isDetoured });
  }

  #look(): void {
    this.#clock.refresh();
    this.watch.look();
    this.states.look();
    this.supervisor.look(this.#clock.nowMs);
    this.#limiter.tick();
  }

  /**
   * Takes over a new configuration; `load` throws when it has faults: then everything stays as it
   * is. Resolves to what `load` returned once that is in force, else to null.
   */
  async reload<T extends { readonly config: Config }>(load: () => T): Promise<T | null> {
    let inForce: T | null = null;
    this.#enqueue(async () => {
      try {
        const loaded = load();
        const changes = await this.#useConfig(loaded.config);
        // The operator who reloads may have fixed the way to a server.
        this.watch.health.checkNow();
        this.reloads.ok++;
        this.reloads.isLastOk = true;
        this.reloads.lastOkMs = Date.now();
        this.isOnFallback = false;
        inForce = loaded;
        this.#log.info({ changes: describeChanges(changes) }, 'the configuration was reloaded');
      } catch (error) {
        this.reloads.failed++;
        this.reloads.isLastOk = false;
        reportReloadFailure(this.#limiter, error);
      }
    });
    await this.#work;
    return inForce;
  }

  /** Rejects before anything has changed, or after everything is again as it was. */
  async #useConfig(wanted: Config): Promise<readonly Change[]> {
    const config = withinLimits(wanted, this.#log);
    const changes = findChanges(this.config, config);
    if (changes.length === 0) return changes;
    const sources = await this.#findSources(config);
    const admin = await this.#admin.prepare(changes, config).catch((error: unknown) => {
      sources.close();
      throw error;
    });
    const loopKeys = loopKeysAfter(changes, config);
    try {
      if (needsNewWorkers(changes)) await this.#replaceWorkers(changes, config, sources, loopKeys);
      else await this.supervisor.useConfig(config);
    } catch (error) {
      sources.close();
      await admin.cancel();
      await this.#usePlan(this.#sources.plan());
      throw error;
    }
    this.#sources.close();
    this.#sources = sources;
    this.config = config;
    if (loopKeys !== null) this.#loopKeys = loopKeys;
    if (changesLoopControl(changes)) {
      this.loop.close();
      this.loop = this.#openLoopControl();
    }
    this.watch.health.configure(config.forward.healthCheck);
    await this.#usePlan(sources.plan());
    sources.follow();
    await admin.commit();
    await this.pods.follow(config.kubernetes);
    return changes;
  }

  async #replaceWorkers(
    changes: readonly Change[],
    config: Config,
    sources: UpstreamSources,
    loopKeys: LoopKeyMaterial | null,
  ): Promise<void> {
    const listenChanged = this.#inherited.length === 0 && touches(changes, 'listen');
    if (listenChanged) reportLeftOut(config, [], this.#log);
    this.registry.update(sources.plan().zones);
    const { routing } = this.registry;
    const workers = workersFor(config, this.#log);
    this.listen = await this.supervisor.replaceAll(
      {
        config,
        workers,
        routing,
        deal: this.#dealing.programFor(workers),
        ...(loopKeys === null ? {} : { loopKeys }),
      },
      listenChanged ? claimed(config, this.#inherited, this.listen) : this.listen,
      config.forward.deadlineMs + DRAIN_MARGIN_MS,
    );
  }

  /** The start was with another configuration than the one that was asked for. */
  noteFallback(): void {
    this.isOnFallback = true;
    this.reloads.isLastOk = false;
  }

  /** Resolves when every worker has said that it is alive: one that hangs leaves it waiting. */
  async isAlive(): Promise<void> {
    await this.supervisor.broadcast({ type: 'ping' });
  }

  /**
   * Goes out of service: not ready any more, but answering, for config.lameduckMs; then takes
   * nothing new and finishes what is in flight.
   */
  async stop(): Promise<void> {
    if (this.draining) return;
    this.draining = true;
    this.#sources.close();
    const { lameduckMs } = this.config;
    if (lameduckMs > 0) {
      this.#log.info({ lameduckMs }, 'stopping: still answering for a while');
      await sleep(lameduckMs);
    }
    const graceMs = this.config.forward.deadlineMs + DRAIN_MARGIN_MS;
    // A change that a worker does not carry out must not hold up the end.
    await Promise.race([this.#work, sleep(2 * graceMs, undefined, { ref: false })]);
    await this.#close(graceMs);
    this.#log.info({}, 'unloop has stopped');
  }

  /** Stops everything; workers may take graceMs to finish queries in flight. */
  async #close(graceMs: number): Promise<void> {
    // There are none where the start failed early.
    (this.#sources as UpstreamSources | undefined)?.close();
    this.keptCache.close();
    const { file, maxBytes } = this.config.cache;
    const kept = await this.supervisor.drain(graceMs, file === '' ? 0 : maxBytes);
    if (this.draining) await this.keptCache.save(this.config, kept);
    if (this.#timer !== null) clearInterval(this.#timer);
    this.loop.close();
    this.watch.health.stop();
    this.pods.close();
    await this.#upstreams.close();
    await this.#admin.close();
  }
}
