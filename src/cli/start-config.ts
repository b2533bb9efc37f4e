// Which configuration to start with. A host refuses a faulty file; a pod that other containers
// depend on (UNLOOP_FALLBACK_CONFIG) starts with the last good one, its fallback, or the defaults.
// Called by serve. docs/adr/0024 says why.
import { renameSync, writeFileSync } from 'node:fs';
import { type ConfigText, type LoadedConfig, loadConfig } from '../config/load.ts';
import { readTextFile } from '../config/read-text-file.ts';
import type { RunFlags } from './flags.ts';

/** One configuration to try. */
export interface StartConfig {
  /** For the log: "the fallback (UNLOOP_FALLBACK_CONFIG)"; '' is the one that was asked for. */
  readonly name: string;
  /** Throws an UnloopError where it has faults. */
  load(): LoadedConfig;
}

/** Reads the configuration at start and at reloads. */
export class ConfigReader {
  readonly #flags: RunFlags;
  readonly #environment: NodeJS.ProcessEnv;
  /** Text of a configuration that is always good; '' on a host. */
  readonly #fallback: string;
  /** Where the last good configuration is kept; '' nowhere. */
  readonly #lastGoodPath: string;
  /** Secrets have been read: from now on one that is gone is a fault. */
  #hasSecrets: boolean;

  constructor(flags: RunFlags, environment: NodeJS.ProcessEnv = process.env) {
    this.#flags = flags;
    this.#environment = environment;
    this.#fallback = environment.UNLOOP_FALLBACK_CONFIG ?? '';
    this.#lastGoodPath = this.#fallback === '' ? '' : (environment.UNLOOP_LAST_GOOD ?? '');
    this.#hasSecrets = this.#fallback === '';
  }

  /** What to try at start, in this order; on a host, the file alone. */
  startConfigs(): StartConfig[] {
    const asked: StartConfig = { name: '', load: () => this.load() };
    if (this.#fallback === '') return [asked];
    const path = this.#lastGoodPath;
    const fallback = { name: 'UNLOOP_FALLBACK_CONFIG', text: this.#fallback };
    const lastGood: StartConfig = {
      name: `the last good configuration (${path})`,
      load: () => {
        const loaded = this.#loadText({ name: path, text: readTextFile(path) });
        if (loaded.setsNothing) throw new Error(`${path} is empty`);
        return loaded;
      },
    };
    return [
      asked,
      ...(path === '' ? [] : [lastGood]),
      { name: 'the fallback (UNLOOP_FALLBACK_CONFIG)', load: () => this.#loadText(fallback) },
      { name: 'the defaults', load: () => this.#loadText({ name: 'the defaults', text: '' }) },
    ];
  }

  /** The first of them that has no fault. Throws what is wrong with the one that was asked for. */
  loadFirst(): LoadedConfig {
    let refused: unknown = null;
    for (const { load } of this.startConfigs()) {
      try {
        return load();
      } catch (error) {
        refused ??= error;
      }
    }
    throw refused;
  }

  /** What the file says now. Throws an UnloopError where it has faults. */
  load(): LoadedConfig {
    const loaded = loadConfig({ ...this.#options(), withoutSecrets: !this.#hasSecrets });
    if (loaded.missing.length === 0) this.#hasSecrets = true;
    return loaded;
  }

  /** Whether load() would return. */
  isLoadable(): boolean {
    try {
      this.load();
      return true;
    } catch {
      return false;
    }
  }

  /** Keeps what the file said, for the next start in this pod. Throws what the file system says. */
  keep({ text }: LoadedConfig): void {
    if (this.#lastGoodPath === '') return;
    const next = `${this.#lastGoodPath}.next`;
    // It may hold a key.
    writeFileSync(next, text, { mode: 0o600 });
    renameSync(next, this.#lastGoodPath);
  }

  #loadText(instead: ConfigText): LoadedConfig {
    return loadConfig({ ...this.#options(), instead, withoutSecrets: true });
  }

  #options() {
    const { configPath: path, overrides } = this.#flags;
    return { path, overrides, environment: this.#environment };
  }
}
