// The addresses of an upstream that is given by name: resolved at start and again when they expire,
// through given servers so that we never ask ourselves. Runs on the main thread.
import { promises as dns } from 'node:dns';

/** A name is asked for again no sooner … */
const MIN_PAUSE_MS = 5000;
/** … and no later than this, whatever its TTL. */
const MAX_PAUSE_MS = 3_600_000;
/** Patience with each server, and attempts. */
const TIMEOUT_MS = 1500;
const TRIES = 2;

export interface HostResolverOptions {
  readonly host: string;
  /** Servers to ask: "10.0.0.2", "10.0.0.2:5353", "[2001:db8::2]:53"; none: the system's. */
  readonly servers: readonly string[];
  /** Called when the addresses are others than before. IPv4 first, each family sorted as text. */
  readonly onChange: (addresses: readonly string[]) => void;
  /** Called each time that no address could be had; the last good ones stay in use. */
  readonly onFailure: (reason: string) => void;
  /** Bounds of the pause between two questions; for tests. */
  readonly minPauseMs?: number;
  readonly maxPauseMs?: number;
}

interface Resolved {
  readonly addresses: readonly string[];
  readonly ttlSeconds: number;
}

/** Keeps one name resolved. */
export class HostResolver {
  readonly #options: HostResolverOptions;
  readonly #resolver = new dns.Resolver({ timeout: TIMEOUT_MS, tries: TRIES });
  #addresses: readonly string[] = [];
  #timer: NodeJS.Timeout | null = null;
  #stopped = false;

  constructor(options: HostResolverOptions) {
    this.#options = options;
    if (options.servers.length > 0) this.#resolver.setServers(options.servers);
  }

  /** The last good addresses; empty while there are none. */
  get addresses(): readonly string[] {
    return this.#addresses;
  }

  /** Resolves the name for the first time, and keeps it resolved until stop(). Never rejects. */
  async start(): Promise<readonly string[]> {
    await this.#resolve();
    return this.#addresses;
  }

  stop(): void {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#resolver.cancel();
  }

  async #resolve(): Promise<void> {
    const { host, onChange, onFailure } = this.#options;
    let ttlSeconds = 0;
    try {
      const resolved = await this.#ask(host);
      if (this.#stopped) return;
      ttlSeconds = resolved.ttlSeconds;
      if (resolved.addresses.join() !== this.#addresses.join()) {
        this.#addresses = resolved.addresses;
        onChange(resolved.addresses);
      }
    } catch (error) {
      if (this.#stopped) return;
      onFailure(error instanceof Error ? error.message : String(error));
    }
    const { minPauseMs = MIN_PAUSE_MS, maxPauseMs = MAX_PAUSE_MS } = this.#options;
    const pauseMs = Math.min(maxPauseMs, Math.max(minPauseMs, ttlSeconds * 1000));
    this.#timer = setTimeout(() => void this.#resolve(), pauseMs);
    this.#timer.unref();
  }

  /** Both families; one may be missing, or fail, as long as the other is there. */
  async #ask(host: string): Promise<Resolved> {
    const [ipv4, ipv6] = await Promise.allSettled([
      this.#resolver.resolve4(host, { ttl: true }),
      this.#resolver.resolve6(host, { ttl: true }),
    ]);
    const records = [
      ...(ipv4.status === 'fulfilled' ? sorted(ipv4.value) : []),
      ...(ipv6.status === 'fulfilled' ? sorted(ipv6.value) : []),
    ];
    if (records.length === 0)
      throw ipv4.status === 'rejected' ? ipv4.reason : new Error(`${host} has no address`);
    return {
      addresses: records.map(({ address }) => address),
      ttlSeconds: Math.min(...records.map(({ ttl }) => ttl)),
    };
  }
}

/** Servers rotate their records: that is no change. */
function sorted<T extends { address: string }>(records: readonly T[]): T[] {
  return records.toSorted((left, right) => (left.address < right.address ? -1 : 1));
}
