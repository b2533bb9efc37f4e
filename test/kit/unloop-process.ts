// Unloop as users run it: the built program as a process of its own, on ports the kernel picks. For
// scenario and lab tests; `npm test` builds dist first.
//
//   const unloop = await startUnloop({ config: { upstreams: ['127.0.0.1:5353'], workers: 1 } });
//   await askUdp(unloop.port, { name: 'www.example' });
//   expect(await unloop.stop()).toBe(0);
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { Child } from '../../src/base/child-process.ts';
import { portOf } from '../../src/load/unloop-process.ts';
import { type Family, parsePrometheusText } from './prometheus-text.ts';

const MAIN = fileURLToPath(new URL('../../dist/unloop/main.js', import.meta.url));

/** A machine under load needs time to start a process. */
const READY_WITHIN_MS = 45_000;
/** SIGKILL follows when stop() took this long. */
const STOP_WITHIN_MS = 30_000;
/** Patience with what the log or the metrics are to tell. */
const TOLD_WITHIN_MS = 30_000;

export interface UnloopOptions {
  /**
   * The configuration: an object, or YAML as a user would write it. Where it says nothing of them,
   * `listen` and `admin` are 127.0.0.1:0. Where an object has no `forward.deadline`, it is that of
   * vitest.config.ts (in the laboratory: as shipped).
   */
  readonly config?: object | string;
  /** More arguments of `unloop run`. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** false: node:dgram instead of the addon. */
  readonly native?: boolean;
  /** A command before `node`, such as ['ip', 'netns', 'exec', 'pod']. */
  readonly prefix?: readonly string[];
}

/** One line of the log. */
export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly [key: string]: unknown;
}

/** What /metrics said at one time. */
export class Metrics {
  readonly families: Map<string, Family>;

  constructor(text: string) {
    this.families = parsePrometheusText(text);
  }

  /** The sum over all series of that name which have these labels; 0 where there are none. */
  value(name: string, labels: Readonly<Record<string, string>> = {}): number {
    const family = this.families.get(name) ?? this.families.get(name.replace(/_(bucket|sum|count)$/, ''));
    if (family === undefined) throw new Error(`no metric ${name}`);
    let sum = 0;
    for (const series of family.series) {
      if (series.name !== name) continue;
      if (Object.entries(labels).every(([key, value]) => series.labels[key] === value)) sum += series.value;
    }
    return sum;
  }
}

/** Starts `unloop run` and waits until it is ready. Ends with the test, whatever becomes of it. */
export async function startUnloop(options: UnloopOptions = {}): Promise<UnloopProcess> {
  const unloop = spawnUnloop(options);
  await unloop.ready();
  return unloop;
}

/** Starts `unloop run` without waiting: for starts that are to fail. */
export function spawnUnloop(options: UnloopOptions = {}): UnloopProcess {
  const unloop = new UnloopProcess(options);
  try {
    onTestFinished(() => unloop.kill());
  } catch {
    // Started in beforeAll: whoever did stops it in afterAll.
  }
  return unloop;
}

export class UnloopProcess {
  readonly child: Child;
  /** The configuration file; overwrite it to make unloop reload. */
  readonly configPath: string;
  /** Every line of the log so far, oldest first. */
  readonly log: LogLine[] = [];
  /** Lines on standard output that were no JSON. */
  readonly otherOutput: string[] = [];
  /** The listen addresses, as the log tells them. */
  listen: readonly string[] = [];
  /** Port of the first listen address. */
  port = 0;
  adminPort = 0;
  /** Exit code; −1 when a signal ended it. */
  readonly exited: Promise<number>;
  readonly #directory: string;

  constructor(options: UnloopOptions) {
    this.#directory = mkdtempSync(join(tmpdir(), 'unloop-test-'));
    this.configPath = join(this.#directory, 'unloop.yaml');
    const { config = {}, args = [], env = {}, native = true, prefix = [] } = options;
    writeFileSync(this.configPath, textOf(config));
    const isGiven = (key: string) =>
      args.includes(`--${key}`) ||
      (typeof config === 'string' ? new RegExp(`^${key}:`, 'm').test(config) : key in config);
    const command = [
      ...prefix,
      process.execPath,
      MAIN,
      'run',
      '--config',
      this.configPath,
      ...(isGiven('listen') ? [] : ['--listen', '127.0.0.1:0']),
      ...(isGiven('admin') ? [] : ['--admin', '127.0.0.1:0']),
      ...args,
    ];
    const {
      UNLOOP_CONFIG: _config,
      UNLOOP_CLUSTER_KEY: _key,
      UNLOOP_NATIVE: _native,
      ...inherited
    } = process.env;
    this.child = new Child(command, {
      env: { ...inherited, ...(native ? {} : { UNLOOP_NATIVE: '0' }), ...env },
      stopWithinMs: STOP_WITHIN_MS,
      onLine: (line) => this.#readLine(line),
    });
    this.exited = this.child.ended.then((code) => {
      rmSync(this.#directory, { recursive: true, force: true });
      return code;
    });
  }

  get stderr(): string {
    return this.child.stderr;
  }

  /** Waits for "unloop is ready". */
  async ready(): Promise<void> {
    const line = await this.waitForLog((entry) => entry.msg === 'unloop is ready', READY_WITHIN_MS);
    this.listen = line.listen as string[];
    this.port = portOf(this.listen[0]!);
    this.adminPort = line.admin === 'off' ? 0 : portOf(line.admin as string);
  }

  /** The first line, of those there are and those to come, that is of this kind. */
  async waitForLog(isIt: (line: LogLine) => boolean, withinMs = TOLD_WITHIN_MS): Promise<LogLine> {
    try {
      return await this.child.until(() => this.log.find(isIt), withinMs);
    } catch (error) {
      throw new Error(`no such log line: ${isIt.toString()}`, { cause: error });
    }
  }

  /** Asks /metrics. */
  async metrics(): Promise<Metrics> {
    return new Metrics(await (await this.admin('/metrics')).text());
  }

  /** Asks /metrics until it says so. */
  async waitForMetrics(isSo: (metrics: Metrics) => boolean, withinMs = TOLD_WITHIN_MS): Promise<Metrics> {
    const end = Date.now() + withinMs;
    for (;;) {
      const metrics = await this.metrics();
      if (isSo(metrics)) return metrics;
      if (Date.now() > end) throw this.child.failure(`never said so in /metrics: ${isSo.toString()}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** A request to the admin listener. */
  admin(path: string, init: RequestInit = {}): Promise<Response> {
    return fetch(`http://127.0.0.1:${this.adminPort}${path}`, init);
  }

  /** GET of one of the JSON pages. */
  async adminJson<T>(path: string): Promise<T> {
    return (await (await this.admin(path)).json()) as T;
  }

  /**
   * Puts another configuration in the file's place (which unloop watches); as one step, for a
   * machine that stalls would leave half a file to be read.
   */
  writeConfig(config: object | string): void {
    writeFileSync(`${this.configPath}.new`, textOf(config));
    renameSync(`${this.configPath}.new`, this.configPath);
  }

  signal(signal: NodeJS.Signals): void {
    this.child.process.kill(signal);
  }

  /** SIGTERM; resolves to the exit code. */
  async stop(): Promise<number> {
    await this.child.stop();
    return this.exited;
  }

  /** The end, at once. */
  async kill(): Promise<void> {
    await this.child.kill();
    await this.exited;
  }

  #readLine(line: string): void {
    try {
      this.log.push(JSON.parse(line) as LogLine);
    } catch {
      this.otherOutput.push(line);
    }
  }
}

/** The file. An object without a deadline gets the one of vitest.config.ts. */
function textOf(config: object | string): string {
  if (typeof config === 'string') return config;
  const { forward } = config as { forward?: object };
  const deadline = process.env.TEST_DEADLINE;
  const whole = deadline === undefined ? config : { ...config, forward: { deadline, ...forward } };
  return JSON.stringify(whole, null, 2);
}
