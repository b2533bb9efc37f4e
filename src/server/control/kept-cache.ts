// Keeps the cache over a restart (`cache.file`): the answers that workers hand over at their end
// are written to a file, and the next process gives them to its workers, each to the one that its
// name is dealt to. docs/adr/0036 says why it is a file. Main thread.
import { lstat } from 'node:fs/promises';
import type { Log } from '../../base/log.ts';
import { readRecords } from '../../cache/cache-dump.ts';
import type { Config } from '../../config/config.ts';
import type { KeptCacheCounts } from '../../metrics/metrics-snapshot.ts';
import { HEADER_LENGTH } from '../../wire/header.ts';
import type { WorkerOrder } from '../worker/worker-channel.ts';
import { type KeptAnswers, readCacheFile, writeCacheFile } from './cache-file.ts';
import type { Supervisor } from './supervisor.ts';
import type { UpstreamRegistry } from './upstream-registry.ts';

/** Records that a worker takes in at once, bytes: a few milliseconds. */
const PIECE_BYTES = 64 * 1024;
/**
 * How long the file of a process that ends beside us is waited for, and how often it is looked for:
 * a new one takes over while the old one still serves.
 */
const TAKE_OVER_MS = 60_000;
const LOOK_MS = 1000;

/** Records on their way to one worker. */
interface Piece {
  readonly parts: Uint8Array[];
  length: number;
}
type RestoreOrder = Extract<WorkerOrder, { readonly type: 'restore-cache' }>;

export class KeptCache {
  readonly counts: KeptCacheCounts = { restored: 0, refused: 0, saved: 0, failed: 0 };
  readonly #log: Log;
  readonly #supervisor: Supervisor;
  readonly #registry: UpstreamRegistry;
  /** The file that was read last; 0: none. */
  #inode = 0;
  /**
   * Our sockets joined those of another process. When its ones leave, the kernel renumbers ours:
   * it is not known which worker a name comes to.
   */
  #isShared = false;
  /** The workers have not been given all of it yet. */
  #isRestoring = false;
  #isClosed = false;
  #looking: NodeJS.Timeout | null = null;

  constructor(log: Log, supervisor: Supervisor, registry: UpstreamRegistry) {
    this.#log = log;
    this.#supervisor = supervisor;
    this.#registry = registry;
  }

  /** Gives the workers what the file has, and for a while what another process still writes. */
  async begin(config: Config): Promise<void> {
    if (config.cache.file === '') return;
    this.#isShared = config.takeOver;
    this.#isRestoring = true;
    await this.#look(config);
    this.#isRestoring = false;
    if (this.#isClosed) return;
    const untilMs = performance.now() + TAKE_OVER_MS + config.lameduckMs;
    this.#looking = setInterval(() => {
      if (performance.now() > untilMs) this.close();
      else void this.#look(config);
    }, LOOK_MS);
    this.#looking.unref();
  }

  /** Reads the file if it is another one than the last. */
  async #look(config: Config): Promise<void> {
    const now = await lstat(config.cache.file).catch(() => null);
    if (now === null || now.ino === this.#inode) return;
    this.#inode = now.ino;
    await this.#restore(config);
  }

  async #restore(config: Config): Promise<void> {
    const { file, maxBytes } = config.cache;
    try {
      const kept = await readCacheFile(file, maxBytes);
      if (kept === null) return;
      const ageMs = Date.now() - kept.savedAtMs;
      if (!(ageMs >= 0)) throw new Error('it was written later than now: the clock went back');
      if (kept.withheld !== withheldBy(config)) throw new Error('limits.rebindProtection was another one');
      const entries = await this.#deal(kept, ageMs);
      this.counts.restored += entries;
      this.#log.info({ file, entries, ageSeconds: Math.round(ageMs / 1000) }, 'the cache was restored');
    } catch (error) {
      this.counts.refused++;
      const { message: reason } = error as Error;
      const remedy = 'The next stop writes a new one. If others may write to its folder, choose another.';
      this.#log.warn({ file, reason, remedy }, 'the cache file is not used: the cache starts empty');
    }
  }

  /** Each record goes to the worker of its name, piece by piece. Returns how many were filed. */
  async #deal({ partitions, records }: KeptAnswers, ageMs: number): Promise<number> {
    const today = this.#registry.partitionNames();
    const pairs = [...partitions].flatMap(([old, name]): [number, number][] => {
      const now = today.get(name);
      return now === undefined ? [] : [[old, now]];
    });
    const of = { pairs, ageMs };
    const pieces = new Map<number | null, Piece>();
    let filed = 0;
    // A worker hands over what was used last first: that is to come last here.
    const all = records.flatMap((part) => [...readRecords(part)]).reverse();
    for (const { message, bytes } of all) {
      const owner = this.#isShared ? null : this.#supervisor.ownerOf(message.subarray(HEADER_LENGTH));
      const piece = pieces.get(owner) ?? { parts: [], length: 0 };
      piece.parts.push(bytes);
      piece.length += bytes.length;
      pieces.set(owner, piece);
      if (piece.length < PIECE_BYTES) continue;
      pieces.delete(owner);
      filed += await this.#give(owner, piece, of);
    }
    for (const [owner, piece] of pieces) filed += await this.#give(owner, piece, of);
    return filed;
  }

  /** To the worker of that index; null: to all, as the name may come to any. */
  async #give(
    owner: number | null,
    { parts }: Piece,
    of: Omit<RestoreOrder, 'type' | 'records'>,
  ): Promise<number> {
    const order: RestoreOrder = { type: 'restore-cache', records: Buffer.concat(parts), ...of };
    const answers =
      owner === null ? await this.#supervisor.broadcast(order) : [await this.#supervisor.order(owner, order)];
    return Math.max(0, ...answers.map((answer) => (typeof answer === 'number' ? answer : 0)));
  }

  /** Writes what the workers handed over. */
  async save(config: Config, records: readonly Uint8Array[]): Promise<void> {
    const { file } = config.cache;
    // What was not read to its end is better than a part of it.
    if (file === '' || this.#isRestoring) return;
    const partitions = new Map([...this.#registry.partitionNames()].map(([name, number]) => [number, name]));
    try {
      if (records.length === 0) throw new Error('no worker has handed over its cache');
      const kept = { savedAtMs: Date.now(), partitions, withheld: withheldBy(config), records };
      await writeCacheFile(file, kept);
      this.counts.saved++;
    } catch (error) {
      this.counts.failed++;
      const { message: reason } = error as Error;
      this.#log.warn(
        { file, reason },
        'the cache could not be kept: the next start has an older one, or none',
      );
    }
  }

  close(): void {
    this.#isClosed = true;
    if (this.#looking !== null) clearInterval(this.#looking);
  }
}

/** Settings by which an answer is withheld before it is stored. */
function withheldBy({ limits }: Config): string {
  return limits.rebindProtection ? `rebind ${limits.rebindExceptions.toSorted().join(' ')}` : '';
}
