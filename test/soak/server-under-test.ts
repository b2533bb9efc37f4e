// The unloop that is put through the soak: its process, its files, what it says, and what it holds.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { readProcessCost } from '../../src/load/process-cost.ts';
import type { Order } from './in-server.ts';

const PROGRAM = new URL('../../unloop/main.js', import.meta.url).pathname;
const PRELOAD = new URL('./in-server.js', import.meta.url).href;
const START_TIMEOUT_MS = 20_000;
const STOP_TIMEOUT_MS = 20_000;
const TELL_TIMEOUT_MS = 5000;

/** What the process holds now. */
export interface Holdings {
  readonly rssBytes: number;
  /** All threads. */
  readonly heapBytes: number;
  readonly descriptors: number;
}

export class ServerUnderTest {
  port = 0;
  /** Log lines of level error and above, and what came over stderr. */
  readonly complaints: string[] = [];
  readonly #folder = mkdtempSync(join(tmpdir(), 'unloop-soak-'));
  readonly #config: Readonly<Record<string, unknown>>;
  #child!: ChildProcess;
  #ended!: Promise<unknown>;
  #reloads = 0;

  /**
   * `config` is all but the upstreams; they are named in resolv.conf, or in the configuration where
   * their ports are not 53.
   */
  constructor(config: Readonly<Record<string, unknown>>) {
    this.#config = config;
  }

  get pid(): number {
    return this.#child.pid!;
  }

  get exitCode(): number | null {
    return this.#child.signalCode === null ? this.#child.exitCode : -1;
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  async start(): Promise<void> {
    const args = ['--import', PRELOAD, PROGRAM, 'run', '--config', join(this.#folder, 'unloop.yaml')];
    this.#child = spawn(process.execPath, args, {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { ...process.env, UNLOOP_CONFIG: '' },
    });
    this.#ended = once(this.#child, 'exit');
    this.#child.stderr!.on('data', (chunk: Buffer) => this.#complain(`stderr: ${chunk}`));
    const ready = new Promise<void>((resolve) => {
      createInterface({ input: this.#child.stdout! }).on('line', (line) => {
        if (this.#readLine(line)) resolve();
      });
    });
    const late = new Promise<void>((resolve) => setTimeout(resolve, START_TIMEOUT_MS).unref());
    await Promise.race([ready, this.#ended, late]);
    if (this.port === 0) throw new Error(`unloop did not start: ${this.complaints.join('\n')}`);
  }

  /** ADDRESS:PORT each. Port 53: through resolv.conf. */
  useUpstreams(addresses: readonly string[]): void {
    if (addresses.every((address) => address.endsWith(':53'))) {
      const lines = addresses.map((address) => `nameserver ${address.slice(0, -3)}\n`);
      this.#replaceFile('resolv.conf', lines.join(''));
      this.#writeConfig('auto');
    } else this.#writeConfig(addresses);
  }

  /** A setting changes there and back. */
  reload(): void {
    this.#reloads++;
    this.#writeConfig(this.#upstreams);
    this.#child.kill('SIGHUP');
  }

  #upstreams: 'auto' | readonly string[] = 'auto';

  killWorker(): void {
    this.#child.send('kill a worker' satisfies Order);
  }

  async holdings(): Promise<Holdings | null> {
    if (this.hasEnded) return null;
    const told = once(this.#child, 'message', { signal: AbortSignal.timeout(TELL_TIMEOUT_MS) });
    this.#child.send('tell heaps' satisfies Order);
    try {
      const [{ heapBytes }] = (await told) as [{ heapBytes: number }];
      const descriptors = readdirSync(`/proc/${this.pid}/fd`).length;
      return { heapBytes, descriptors, rssBytes: readProcessCost([this.pid])!.rssBytes };
    } catch {
      return null;
    }
  }

  /** SIGTERM; the exit code, −1 where a signal ended it. */
  async stop(): Promise<number> {
    if (!this.hasEnded) {
      this.#child.kill('SIGTERM');
      const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_TIMEOUT_MS);
      await this.#ended;
      clearTimeout(timer);
    }
    rmSync(this.#folder, { recursive: true });
    return this.exitCode!;
  }

  #writeConfig(upstreams: 'auto' | readonly string[]): void {
    this.#upstreams = upstreams;
    const config = {
      ...this.#config,
      upstreams,
      discovery: { resolvConf: join(this.#folder, 'resolv.conf'), rewriteLoopback: 'never' },
      lameduck: `${this.#reloads % 2}s`,
    };
    this.#replaceFile('unloop.yaml', JSON.stringify(config));
  }

  /** As those who care do it: nobody sees half a file. */
  #replaceFile(name: string, text: string): void {
    const path = join(this.#folder, name);
    try {
      if (readFileSync(path, 'utf8') === text) return;
    } catch {
      // The first time.
    }
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
  }

  /** Whether this line says that the server is ready. */
  #readLine(line: string): boolean {
    let entry: { level?: string; msg?: string; listen?: unknown };
    try {
      entry = JSON.parse(line);
    } catch {
      this.#complain(`no JSON: ${line}`);
      return false;
    }
    if (entry.level === 'error' || entry.level === 'fatal') this.#complain(line);
    if (!entry.msg?.includes('unloop is ready')) return false;
    this.port = Number(/:(\d+)/.exec(JSON.stringify(entry.listen))?.[1] ?? 0);
    return true;
  }

  #complain(text: string): void {
    if (this.complaints.length < 200) this.complaints.push(text.slice(0, 500));
  }
}
