// The unloop that is put through the soak: its process, its files, what it says, and what it holds.
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Child } from '../../src/base/child-process.ts';
import { readProcessCost } from '../../src/load/process-cost.ts';
import { portOf, type ReadyLine, readReadyLine } from '../../src/load/unloop-process.ts';
import type { Order } from './in-server.ts';

const PROGRAM = new URL('../../unloop/main.js', import.meta.url).pathname;
const PRELOAD = new URL('./in-server.js', import.meta.url).href;
const START_TIMEOUT_MS = 60_000;
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
  readonly #folder = mkdtempSync(join(tmpdir(), 'unloop-soak-'));
  readonly #config: Readonly<Record<string, unknown>>;
  readonly #complaints: string[] = [];
  #child!: Child;
  #reloads = 0;

  /**
   * `config` is all but the upstreams; they are named in resolv.conf, or in the configuration where
   * their ports are not 53.
   */
  constructor(config: Readonly<Record<string, unknown>>) {
    this.#config = config;
  }

  get pid(): number {
    return this.#child.pid;
  }

  get hasEnded(): boolean {
    return this.#child.hasEnded;
  }

  /** Log lines of level error and above, and what came over stderr. */
  get complaints(): readonly string[] {
    const { stderr } = this.#child;
    return stderr === '' ? this.#complaints : [...this.#complaints, `stderr: ${stderr.slice(-2000)}`];
  }

  async start(): Promise<void> {
    let ready: ReadyLine | null = null;
    const args = ['--import', PRELOAD, PROGRAM, 'run', '--config', join(this.#folder, 'unloop.yaml')];
    this.#child = new Child([process.execPath, ...args], {
      ipc: true,
      env: { ...process.env, UNLOOP_CONFIG: '' },
      stopWithinMs: STOP_TIMEOUT_MS,
      onLine: (line) => {
        ready ??= readReadyLine(line);
        this.#readLine(line);
      },
    });
    const { listen } = await this.#child.until(() => ready, START_TIMEOUT_MS);
    this.port = portOf(listen[0]!);
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
    this.#child.process.kill('SIGHUP');
  }

  #upstreams: 'auto' | readonly string[] = 'auto';

  killWorker(): void {
    this.#child.process.send('kill a worker' satisfies Order);
  }

  async holdings(): Promise<Holdings | null> {
    if (this.hasEnded) return null;
    const told = once(this.#child.process, 'message', { signal: AbortSignal.timeout(TELL_TIMEOUT_MS) });
    this.#child.process.send('tell heaps' satisfies Order);
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
    const code = await this.#child.stop();
    rmSync(this.#folder, { recursive: true });
    return code;
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

  #readLine(line: string): void {
    try {
      const { level } = JSON.parse(line) as { level?: string };
      if (level === 'error' || level === 'fatal') this.#complain(line);
    } catch {
      this.#complain(`no JSON: ${line}`);
    }
  }

  #complain(text: string): void {
    if (this.#complaints.length < 200) this.#complaints.push(text.slice(0, 500));
  }
}
