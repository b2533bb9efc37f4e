// Watches the files a discovery depends on and repeats it when they change: inotify on their
// directories for speed, a slow poll for what inotify misses (bind mounts, overlays, network file
// systems). Called by the control plane.
import { type FSWatcher, watch } from 'node:fs';
import { basename } from 'node:path';
import { type Endpoint, type FoundUpstream, isFromConfiguration } from '../base/endpoint.ts';
import { discoverUpstreams, rewriteConfigured } from './discover.ts';
import type { Discovery } from './discovery.ts';
import { NodeFiles } from './node-files.ts';
import { describeLastGoodKept } from './notices.ts';
import type { DiscoverOptions } from './search.ts';
import { planWatches } from './watch-plan.ts';

export interface WatchTimes {
  /** Changes within this time of the first are one. */
  readonly debounceMs?: number;
  readonly pollMs?: number;
}

export type WatchOptions = DiscoverOptions & WatchTimes;

/** A directory that cannot be watched: the poll sees its changes, later. */
export class CannotWatch extends Error {
  /** What the operator does next, one sentence. */
  readonly remedy: string;

  constructor(path: string, cause: unknown) {
    const { code = '', message } = cause as NodeJS.ErrnoException;
    super(
      `${path} cannot be watched (${code || message}): its changes are seen within seconds, not at once`,
      {
        cause,
      },
    );
    this.name = 'CannotWatch';
    this.remedy = WATCH_REMEDIES[code] ?? 'Nothing needs doing, unless changes must be seen at once.';
  }
}

const WATCH_REMEDIES: Readonly<Record<string, string>> = {
  EACCES: 'Give the user of unloop the right to read this directory (chmod o+rx), or mount it readable.',
  ENOSPC: 'Raise fs.inotify.max_user_watches with sysctl.',
  EMFILE: 'Raise fs.inotify.max_user_instances with sysctl.',
};

/** Stops the watch; no callback comes after it. */
export interface DiscoveryWatch {
  close(): void;
}

/** A plan that changes while it is put into effect is made again, this often. */
const MAX_PLAN_ROUNDS = 3;

/**
 * Watches what discoverUpstreams depends on. `onChange` gets the first result too, unless it equals
 * `previous`; a result worse than the last good one is not handed on: the good one comes again,
 * with a notice.
 */
export function watchDiscovery(
  options: WatchOptions,
  onChange: (discovery: Discovery) => void,
  onError: (error: unknown) => void,
  previous: Discovery | null = null,
): DiscoveryWatch {
  return new Watcher(options, () => discoverUpstreams(options), onChange, onError, previous);
}

/** The same for explicitly configured upstreams, see rewriteConfigured. */
export function watchConfigured(
  endpoints: readonly Endpoint[],
  options: WatchOptions,
  onChange: (discovery: Discovery) => void,
  onError: (error: unknown) => void,
  previous: Discovery | null = null,
): DiscoveryWatch {
  return new Watcher(options, () => rewriteConfigured(endpoints, options), onChange, onError, previous);
}

class Watcher implements DiscoveryWatch {
  readonly #discover: () => Promise<Discovery>;
  readonly #onChange: (result: Discovery) => void;
  readonly #onError: (error: unknown) => void;
  readonly #locate: (path: string) => string;
  readonly #debounceMs: number;
  readonly #poll: NodeJS.Timeout;
  /** By path on this machine. */
  readonly #watchers = new Map<
    string,
    { readonly identity: string; readonly watcher: FSWatcher; names: ReadonlySet<string> }
  >();
  /** Paths that could not be watched, so that each is reported once. */
  readonly #failed = new Set<string>();
  /** The last result that found any, without what the watch itself adds. */
  #lastGood: Discovery | null;
  #lastText: string;
  #debounce: NodeJS.Timeout | null = null;
  #isRunning = false;
  #isDue = false;
  #isClosed = false;

  constructor(
    options: WatchOptions,
    discover: () => Promise<Discovery>,
    onChange: (result: Discovery) => void,
    onError: (error: unknown) => void,
    previous: Discovery | null,
  ) {
    const files = new NodeFiles(options.root);
    this.#locate = (path) => files.locate(path);
    this.#discover = discover;
    this.#onChange = onChange;
    this.#onError = onError;
    this.#debounceMs = options.debounceMs ?? 100;
    this.#lastGood = previous !== null && discovered(previous).length > 0 ? previous : null;
    this.#lastText = previous === null ? '' : comparableText(previous);
    this.#poll = setInterval(() => this.#run(), options.pollMs ?? 5000);
    this.#poll.unref();
    this.#run();
  }

  close(): void {
    this.#isClosed = true;
    clearInterval(this.#poll);
    if (this.#debounce !== null) clearTimeout(this.#debounce);
    for (const { watcher } of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  /**
   * The first change starts the clock and later ones do not restart it: a file that never rests is
   * still followed.
   */
  #schedule(): void {
    if (this.#isClosed || this.#debounce !== null) return;
    this.#debounce = setTimeout(() => {
      this.#debounce = null;
      this.#run();
    }, this.#debounceMs);
    this.#debounce.unref();
  }

  /** One discovery at a time; what happens meanwhile leads to another one. */
  #run(): void {
    if (this.#isRunning) {
      this.#isDue = true;
      return;
    }
    this.#isRunning = true;
    this.#isDue = false;
    this.#discoverAndWatch()
      .catch((error: unknown) => {
        if (!this.#isClosed) this.#onError(error);
      })
      .finally(() => {
        this.#isRunning = false;
        if (this.#isDue) this.#schedule();
      });
  }

  async #discoverAndWatch(): Promise<void> {
    let result = await this.#discover();
    // What changed between the reading and the new watches would be seen by neither: read again
    // until the watches stand.
    for (let round = 0; round < MAX_PLAN_ROUNDS && !this.#isClosed; round++) {
      if (!(await this.#follow(result.files))) break;
      result = await this.#discover();
    }
    if (!this.#isClosed) this.#take(result);
  }

  #take(fresh: Discovery): void {
    const reason = this.#lastGood === null ? '' : whyWorse(fresh, this.#lastGood);
    const result = reason === '' ? fresh : keepGood(this.#lastGood!, fresh, reason);
    if (reason === '' && discovered(fresh).length > 0) this.#lastGood = fresh;
    const text = comparableText(result);
    if (text === this.#lastText) return;
    this.#lastText = text;
    this.#onChange(result);
  }

  /** Puts the watches where the files are now; true when that changed any. */
  async #follow(files: readonly string[]): Promise<boolean> {
    const plan = await planWatches(files, this.#locate);
    if (this.#isClosed) return false;
    let isChanged = false;
    const wanted = new Map(plan.map((directory) => [directory.hostPath, directory]));
    for (const [hostPath, standing] of this.#watchers) {
      const directory = wanted.get(hostPath);
      if (directory !== undefined && directory.identity === standing.identity) {
        standing.names = directory.names;
        continue;
      }
      standing.watcher.close();
      this.#watchers.delete(hostPath);
    }
    for (const { hostPath, identity, names } of plan) {
      if (!this.#watchers.has(hostPath))
        isChanged = this.#watchDirectory(hostPath, identity, names) || isChanged;
    }
    return isChanged;
  }

  /** False when it cannot be watched: the poll follows it then. */
  #watchDirectory(hostPath: string, identity: string, names: ReadonlySet<string>): boolean {
    try {
      const watcher = watch(hostPath, { persistent: false }, (_event, name) => this.#onEvent(hostPath, name));
      watcher.on('error', (error) => {
        // The next round watches it again, if possible.
        watcher.close();
        this.#watchers.delete(hostPath);
        this.#reportOnce(hostPath, error);
      });
      this.#watchers.set(hostPath, { identity, watcher, names });
      return true;
    } catch (error) {
      this.#reportOnce(hostPath, error);
      return false;
    }
  }

  #onEvent(hostPath: string, name: string | null): void {
    const standing = this.#watchers.get(hostPath);
    if (standing === undefined) return;
    // The directory's own name means that it was itself moved or deleted.
    const isOurs =
      name === null || standing.names.has(name) || standing.names.has('*') || name === basename(hostPath);
    if (isOurs) this.#schedule();
  }

  #reportOnce(hostPath: string, error: unknown): void {
    if (this.#isClosed || this.#failed.has(hostPath) || this.#failed.size > 256) return;
    this.#failed.add(hostPath);
    this.#onError(new CannotWatch(hostPath, error));
  }
}

/** Why a result must not take the place of a good one; '' when it may. */
function whyWorse(fresh: Discovery, good: Discovery): string {
  if (fresh.resolvConfState !== 'read' && good.resolvConfState === 'read') {
    return fresh.resolvConfState === 'empty'
      ? 'resolv.conf names no server'
      : `resolv.conf is ${fresh.resolvConfState}`;
  }
  // The file with the real servers is gone: going back to the stub would be going back to the loop.
  const lost = fresh.keptStubs.find((stub) => good.upstreams.some(({ origin }) => origin.replaces === stub));
  if (lost !== undefined) return `the servers behind ${lost} can no longer be read`;
  return discovered(fresh).length === 0 ? 'no usable server is left' : '';
}

/** Those that the configuration does not name itself. */
function discovered({ upstreams }: Discovery): FoundUpstream[] {
  return upstreams.filter((upstream) => !isFromConfiguration(upstream));
}

/**
 * The good result with the fresh one's notices and files: they tell what is wrong and where the
 * cure will show.
 */
function keepGood(good: Discovery, fresh: Discovery, reason: string): Discovery {
  return { ...good, files: fresh.files, notices: [...fresh.notices, describeLastGoodKept(reason)] };
}

/** All that matters to those who use a result; the list of files is the watch's own affair. */
function comparableText(discovery: Discovery): string {
  return JSON.stringify({ ...discovery, files: undefined });
}
