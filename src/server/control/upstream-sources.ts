// Where the upstreams come from: the configuration, and what discovery finds for `auto` and for
// loopback stubs. Follows the files and tells the control plane whenever the plan changes. Main
// thread.
import { type Endpoint, type FoundUpstream, isFromConfiguration } from '../../base/endpoint.ts';
import type { Config, ListenAddress } from '../../config/config.ts';
import { discoverUpstreams, rewriteConfigured } from '../../discovery/discover.ts';
import type { Discovery, Notice } from '../../discovery/discovery.ts';
import type { DiscoverOptions } from '../../discovery/search.ts';
import { type DiscoveryWatch, watchConfigured, watchDiscovery } from '../../discovery/watch.ts';
import { NamedUpstreams } from './named-upstreams.ts';
import type { PlannedZone } from './upstream-registry.ts';

/** What is known of all upstreams at one time. */
export interface UpstreamPlan {
  /** zones[0] is the root. */
  readonly zones: readonly PlannedZone[];
  readonly notices: readonly Notice[];
}

/** An explicit list of upstreams: the root's, or a zone's. */
interface ExplicitList {
  readonly endpoints: readonly Endpoint[];
  found: Discovery;
}

export class UpstreamSources {
  readonly #config: Config;
  readonly #options: DiscoverOptions;
  readonly #onPlan: (plan: UpstreamPlan) => void;
  readonly #onError: (error: unknown) => void;
  /** The upstreams for `auto`; null if the configuration does not say auto. */
  #auto: Discovery | null = null;
  /** By zone suffix; '.' is the root. */
  readonly #explicit = new Map<string, ExplicitList>();
  #named: NamedUpstreams | null = null;
  #watches: DiscoveryWatch[] = [];

  private constructor(
    config: Config,
    listen: readonly ListenAddress[],
    onPlan: (plan: UpstreamPlan) => void,
    onError: (error: unknown) => void,
  ) {
    this.#config = config;
    const { resolvConf, root, rewriteLoopback } = config.discovery;
    this.#options = { resolvConf, root, rewriteLoopback, listen };
    this.#onPlan = onPlan;
    this.#onError = onError;
  }

  /** Finds the upstreams once. Nothing is watched until follow() is called. */
  static async find(
    config: Config,
    listen: readonly ListenAddress[],
    onPlan: (plan: UpstreamPlan) => void,
    onError: (error: unknown) => void,
  ): Promise<UpstreamSources> {
    const sources = new UpstreamSources(config, listen, onPlan, onError);
    const lists: [string, 'auto' | readonly Endpoint[]][] = [['.', config.upstreams]];
    for (const [suffix, zone] of Object.entries(config.zones)) lists.push([suffix, zone.upstreams]);
    for (const [suffix, upstreams] of lists) {
      if (upstreams === 'auto') sources.#auto ??= await discoverUpstreams(sources.#options);
      else {
        const found = await rewriteConfigured(upstreams, sources.#options);
        sources.#explicit.set(suffix, { endpoints: upstreams, found });
      }
    }
    sources.#named = await NamedUpstreams.find(config, sources.#auto, sources.#options, () =>
      onPlan(sources.plan()),
    );
    return sources;
  }

  /** Calls onPlan whenever something changes from now on. */
  follow(): void {
    this.#named?.follow();
    if (this.#auto !== null) {
      const onChange = (discovery: Discovery) => {
        this.#auto = discovery;
        this.#onPlan(this.plan());
      };
      this.#watches.push(watchDiscovery(this.#options, onChange, this.#onError, this.#auto));
    }
    for (const list of this.#explicit.values()) {
      // Without a stub among them there is nothing behind them to follow.
      if (list.found.files.length === 0) continue;
      const onChange = (found: Discovery) => {
        list.found = found;
        this.#onPlan(this.plan());
      };
      this.#watches.push(watchConfigured(list.endpoints, this.#options, onChange, this.#onError, list.found));
    }
  }

  close(): void {
    this.#named?.close();
    for (const watch of this.#watches) watch.close();
    this.#watches = [];
  }

  /** What is known now. */
  plan(): UpstreamPlan {
    const { policy, race, next, healthCheck } = this.#config.forward;
    const { type } = healthCheck;
    const check = { name: healthCheck.name, type };
    const zones: PlannedZone[] = [
      { suffix: '.', policy, race, next, check, upstreams: this.#upstreamsOf('.') },
    ];
    for (const [suffix, zone] of Object.entries(this.#config.zones)) {
      zones.push({
        suffix,
        policy: zone.policy,
        race: zone.race,
        next: zone.next,
        nxdomainCut: zone.nxdomainCut,
        search: zone.search,
        check: zone.healthCheck,
        upstreams: this.#upstreamsOf(suffix),
      });
    }
    // Split DNS that the stub did is done here (the configuration's own zones come first).
    const imported = this.#config.upstreams === 'auto' ? (this.#auto?.zones ?? []) : [];
    for (const { suffix, upstreams } of imported) {
      if (suffix in this.#config.zones) continue;
      zones.push({ suffix, policy, race, next, check: { name: suffix, type }, upstreams });
    }
    const notices = [this.#auto, ...[...this.#explicit.values()].map((list) => list.found)].flatMap(
      (discovery) => discovery?.notices ?? [],
    );
    return { zones, notices: [...notices, ...(this.#named?.notices() ?? [])] };
  }

  #upstreamsOf(suffix: string): readonly FoundUpstream[] {
    const list = this.#explicit.get(suffix);
    if (list === undefined) return this.#auto?.upstreams ?? [];
    return list.found.upstreams.flatMap((upstream) => this.#atAddresses(upstream));
  }

  /** The upstream itself, or if it is given by name one for each of its addresses. */
  #atAddresses(upstream: FoundUpstream): FoundUpstream[] {
    const { endpoint, origin } = upstream;
    const addresses = isFromConfiguration(upstream) ? this.#named?.addressesOf(endpoint) : null;
    return (
      addresses?.map((host) => ({
        endpoint: { ...endpoint, host },
        origin: { ...origin, hostName: endpoint.host },
      })) ?? [upstream]
    );
  }
}
