// Where the upstreams come from: the configuration, and what discovery finds for `auto` and for
// loopback stubs. Follows the files and tells the control plane whenever the plan changes. Main
// thread.

import type { Config, ListenAddress, UpstreamAddress } from '../../config/config.ts';
import { formatHostAndPort } from '../../config/host-and-port.ts';
import { formatUpstream } from '../../config/upstream-address.ts';
import {
  type ConfiguredDiscovery,
  type DiscoverOptions,
  discoverUpstreams,
  rewriteConfigured,
} from '../../discovery/discover.ts';
import type { DiscoveredServer, Discovery, Notice } from '../../discovery/discovery.ts';
import { type DiscoveryWatch, watchConfigured, watchDiscovery } from '../../discovery/watch.ts';
import { NamedUpstreams } from './named-upstreams.ts';
import type { PlannedServer, PlannedZone } from './upstream-registry.ts';

/** What is known of all upstreams at one time. */
export interface UpstreamPlan {
  /** zones[0] is the root. */
  readonly zones: readonly PlannedZone[];
  readonly notices: readonly Notice[];
}

/** An explicit list of upstreams: the root's, or a zone's. */
interface ExplicitList {
  readonly upstreams: readonly UpstreamAddress[];
  found: ConfiguredDiscovery;
}

export class UpstreamSources {
  readonly #config: Config;
  readonly #options: DiscoverOptions;
  readonly #onPlan: (plan: UpstreamPlan) => void;
  readonly #onError: (error: unknown) => void;
  /** The servers for `auto`; null if the configuration does not say auto. */
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
    const lists: [string, 'auto' | readonly UpstreamAddress[]][] = [['.', config.upstreams]];
    for (const [suffix, zone] of Object.entries(config.zones)) lists.push([suffix, zone.upstreams]);
    for (const [suffix, upstreams] of lists) {
      if (upstreams === 'auto') sources.#auto ??= await discoverUpstreams(sources.#options);
      else {
        const found = await rewriteConfigured(upstreams, sources.#options);
        sources.#explicit.set(suffix, { upstreams, found });
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
      const onChange = (found: ConfiguredDiscovery) => {
        list.found = found;
        this.#onPlan(this.plan());
      };
      this.#watches.push(watchConfigured(list.upstreams, this.#options, onChange, this.#onError, list.found));
    }
  }

  close(): void {
    this.#named?.close();
    for (const watch of this.#watches) watch.close();
    this.#watches = [];
  }

  /** What is known now. */
  plan(): UpstreamPlan {
    const { policy, healthCheck } = this.#config.forward;
    const { type } = healthCheck;
    const check = { name: healthCheck.name, type };
    const zones: PlannedZone[] = [{ suffix: '.', policy, check, servers: this.#serversOf('.') }];
    for (const [suffix, zone] of Object.entries(this.#config.zones)) {
      zones.push({
        suffix,
        policy: zone.policy,
        check: zone.healthCheck,
        servers: this.#serversOf(suffix),
      });
    }
    // Split DNS that the stub did is done here (the configuration's own zones come first).
    const imported = this.#config.upstreams === 'auto' ? (this.#auto?.zones ?? []) : [];
    for (const { suffix, servers } of imported) {
      if (suffix in this.#config.zones) continue;
      zones.push({ suffix, policy, check: { name: suffix, type }, servers: servers.map(fromDiscovery) });
    }
    const notices = [this.#auto, ...[...this.#explicit.values()].map((list) => list.found)].flatMap(
      (discovery) => discovery?.notices ?? [],
    );
    return { zones, notices: [...notices, ...(this.#named?.notices() ?? [])] };
  }

  #serversOf(suffix: string): PlannedServer[] {
    const list = this.#explicit.get(suffix);
    if (list === undefined) return (this.#auto?.servers ?? []).map(fromDiscovery);
    return list.found.upstreams.flatMap((upstream) =>
      upstream.kind === 'configured'
        ? this.#fromConfiguration(upstream.upstream)
        : fromDiscovery(upstream.server),
    );
  }

  /** One server, or for an upstream given by name one for each of its addresses. */
  #fromConfiguration(upstream: UpstreamAddress): PlannedServer[] {
    const server = fromConfiguration(upstream);
    const addresses = this.#named?.addressesOf(upstream) ?? null;
    if (addresses === null) return [server];
    return addresses.map((host) => ({ ...server, text: `${server.text} (${host})`, host }));
  }
}

function fromConfiguration(upstream: UpstreamAddress): PlannedServer {
  const { transport, host, port, serverName, path } = upstream;
  return {
    text: formatUpstream(upstream),
    transport,
    host,
    port,
    serverName,
    path,
    source: 'configuration',
    replaces: null,
  };
}

/**
 * Port of DNS over TLS (RFC 7858 §3.1), and that of plain DNS, for which discovery writes it down.
 */
const TLS_PORT = 853;
const PLAIN_PORT = 53;

function fromDiscovery(server: DiscoveredServer): PlannedServer {
  const { address, source } = server;
  const replaces = server.replaces ?? null;
  if (server.tls !== true) {
    const text = formatHostAndPort(address, server.port);
    const rest = { serverName: '', path: '', source, replaces };
    return { text, transport: 'udp', host: address, port: server.port, ...rest };
  }
  const port = server.port === PLAIN_PORT ? TLS_PORT : server.port;
  const serverName = server.serverName ?? '';
  const upstream = { text: '', transport: 'tls', host: address, port, serverName, path: '' } as const;
  return { ...fromConfiguration(upstream), source, replaces };
}
