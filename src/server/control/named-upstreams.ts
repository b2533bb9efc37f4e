// Upstreams that are given by name: https://dns.example/dns-query, tls://dns.example. Keeps their
// addresses, asked of servers that need no name themselves, so that we never ask ourselves. Belongs
// to upstream-sources. Main thread.
import { isIP } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Endpoint } from '../../base/endpoint.ts';
import { formatHostAndPort } from '../../base/host-and-port.ts';
import type { Config } from '../../config/config.ts';
import { discoverUpstreams } from '../../discovery/discover.ts';
import type { Discovery, Notice } from '../../discovery/discovery.ts';
import type { DiscoverOptions } from '../../discovery/search.ts';
import { HostResolver } from '../../upstream/host-resolver.ts';

/**
 * A start or a reload waits no longer for addresses; those that come later are put to use when they
 * come.
 */
const START_PATIENCE_MS = 3000;

export class NamedUpstreams {
  readonly #resolvers = new Map<string, HostResolver>();
  /** Why a host has no address, as long as it has none. */
  readonly #failures = new Map<string, string>();
  readonly #onChange: () => void;
  #following = false;

  private constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /**
   * Resolves every host name in the configuration. Never rejects: a host may have no address yet.
   */
  static async find(
    config: Config,
    auto: Discovery | null,
    options: DiscoverOptions,
    onChange: () => void,
  ): Promise<NamedUpstreams> {
    const named = new NamedUpstreams(onChange);
    const hosts = hostNames(config);
    if (hosts.size === 0) return named;
    const servers = await bootstrapServers(config, auto, options);
    const starts = [...hosts].map((host) => named.#add(host, servers).start());
    const patience = new AbortController();
    const late = sleep(START_PATIENCE_MS, undefined, { signal: patience.signal }).catch(() => {});
    await Promise.race([Promise.all(starts), late]);
    patience.abort();
    return named;
  }

  #add(host: string, servers: readonly string[]): HostResolver {
    this.#failures.set(host, 'no answer yet');
    const resolver = new HostResolver({
      host,
      servers,
      onChange: () => {
        this.#failures.delete(host);
        if (this.#following) this.#onChange();
      },
      onFailure: (reason) => {
        // The last good addresses stay in use, so no message is needed.
        if (!this.#failures.has(host) || this.#failures.get(host) === reason) return;
        this.#failures.set(host, reason);
        if (this.#following) this.#onChange();
      },
    });
    this.#resolvers.set(host, resolver);
    return resolver;
  }

  /** Calls onChange from now on. */
  follow(): void {
    this.#following = true;
  }

  /**
   * The addresses of an upstream that is given by name; null for one that is given by its address.
   */
  addressesOf({ host }: Endpoint): readonly string[] | null {
    return this.#resolvers.get(host)?.addresses ?? null;
  }

  /** What people should know about hosts without an address. */
  notices(): Notice[] {
    return [...this.#failures].map(([host, reason]) => ({
      severity: 'warn',
      code: 'upstream-unresolved',
      message: `the upstream ${host} has no address yet (${reason}): it is not in use`,
      remedy: `Give its address instead of the name, or make sure that the other upstreams resolve ${host}.`,
    }));
  }

  close(): void {
    this.#following = false;
    for (const resolver of this.#resolvers.values()) resolver.stop();
  }
}

function hostNames(config: Config): Set<string> {
  const lists = [config.upstreams, ...Object.values(config.zones).map((zone) => zone.upstreams)];
  const endpoints = lists.flatMap((list) => (list === 'auto' ? [] : list));
  return new Set(endpoints.map(({ host }) => host).filter((host) => isIP(host) === 0));
}

/**
 * Which servers to ask for the addresses: the root's plain upstreams, else what discovery finds.
 * Neither can be us, as the system's own resolver may be; it is asked only where there is nothing
 * else.
 */
async function bootstrapServers(
  config: Config,
  auto: Discovery | null,
  options: DiscoverOptions,
): Promise<string[]> {
  const configured = config.upstreams === 'auto' ? [] : config.upstreams;
  const plain = configured.filter(isBootstrap);
  const found =
    plain.length > 0
      ? plain
      : (auto ?? (await discoverUpstreams(options))).upstreams
          .map(({ endpoint }) => endpoint)
          .filter(isBootstrap);
  return found.map(({ host, port }) => formatHostAndPort(host, port));
}

/** Plain DNS at an address. Node's resolver takes no zone in it. */
function isBootstrap({ transport, host }: Endpoint): boolean {
  return (transport === 'udp' || transport === 'tcp') && isIP(host) !== 0 && !host.includes('%');
}
