// The admin listener over the server's life: opened at start, moved by a reload, awaited while the
// process that we replace still has its address. The control plane owns it.
import type { AdminServer } from '../../admin/http.ts';
import type { Log } from '../../base/log.ts';
import type { RepeatLimiter } from '../../base/repeat-limiter.ts';
import { type Change, touches } from '../../config/changes.ts';
import type { Config, ListenAddress } from '../../config/config.ts';
import type { ServerFacts } from './server-facts.ts';

/** How often to try an address that the previous process still has. */
const RETRY_MS = 250;

/** A change of the listener that can still be undone. */
export interface AdminChange {
  /** Puts it into force. */
  commit(): Promise<void>;
  /** Leaves everything as it was. */
  cancel(): Promise<void>;
}

export class AdminListener {
  readonly #facts: ServerFacts;
  readonly #limiter: RepeatLimiter;
  readonly #log: Log;
  #server: AdminServer | null = null;
  #retry: NodeJS.Timeout | null = null;

  constructor(facts: ServerFacts, limiter: RepeatLimiter, log: Log) {
    this.#facts = facts;
    this.#limiter = limiter;
    this.#log = log;
  }

  /** Where it listens; null while it does not. */
  get address(): ListenAddress | null {
    return this.#server === null ? null : { host: this.#server.address, port: this.#server.port };
  }

  async open(config: Config): Promise<void> {
    this.#server = await this.#listen(config);
    if (this.#server === null && config.admin.listen !== null) this.#awaitAddress(config);
  }

  /**
   * Opens what `next` asks for, so that an unavailable address is detected before anything else
   * changes.
   */
  async prepare(changes: readonly Change[], next: Config): Promise<AdminChange> {
    const nothing = async () => {};
    if (!touches(changes, 'admin')) return { commit: nothing, cancel: nothing };
    if (!touches(changes, 'admin.listen')) {
      const commit = async () => {
        await this.close();
        await this.open(next);
      };
      return { commit, cancel: nothing };
    }
    const opened = await this.#listen(next);
    const commit = async () => {
      await this.close();
      this.#server = opened;
      if (opened === null && next.admin.listen !== null) this.#awaitAddress(next);
    };
    return { commit, cancel: async () => opened?.close() };
  }

  async close(): Promise<void> {
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#retry = null;
    const server = this.#server;
    this.#server = null;
    await server?.close();
  }

  /** Null when it is off, and while the previous process still has the address. */
  async #listen(config: Config): Promise<AdminServer | null> {
    const { listen, token, coredns } = config.admin;
    if (listen === null) return null;
    // Loaded late, as the first answers do not need it.
    const [{ startAdmin }, { AdminView }] = await Promise.all([
      import('../../admin/http.ts'),
      import('./admin-view.ts'),
    ]);
    const report = (error: Error) =>
      this.#limiter.report('admin', 'warn', { err: error }, 'the admin listener had an error');
    try {
      return await startAdmin({ listen, token, report }, new AdminView(this.#facts, coredns));
    } catch (error) {
      const { code } = ((error as Error).cause ?? {}) as NodeJS.ErrnoException;
      if (!config.takeOver || code !== 'EADDRINUSE') throw error;
      return null;
    }
  }

  /** The process that we replace has the admin address until it exits: it cannot be shared. */
  #awaitAddress(config: Config): void {
    this.#retry = setTimeout(() => {
      this.open(config).then(
        () => {
          if (this.#server !== null)
            this.#log.info({ admin: this.#server.port }, 'the admin listener is open');
        },
        (error: unknown) => this.#log.error({ err: error }, 'the admin listener cannot be opened'),
      );
    }, RETRY_MS);
  }
}
