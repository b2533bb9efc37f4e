// Unloop in front of a scripted upstream: what every scenario of the data path starts from. One
// worker, so that there is one cache; no probes, so that the upstream sees nothing but what clients
// asked.

import type { Script } from '../../kit/actions.ts';
import { answer } from '../../kit/answers.ts';
import { type Answer, askTcp, askUdp, type Question } from '../../kit/dns-client.ts';
import type { ReceivedQuery } from '../../kit/received-query.ts';
import {
  type ScriptedUpstream,
  type ScriptedUpstreamOptions,
  startScriptedUpstream,
} from '../../kit/scripted-upstream.ts';
import { startUnloop, type UnloopProcess } from '../../kit/unloop-process.ts';

export interface ForwarderOptions {
  /** Sections are merged into the defaults below; `upstreams` default to the scripted one. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** false: node:dgram. */
  readonly native?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  readonly upstream?: ScriptedUpstreamOptions;
}

/** For `describe.each`: with the addon (where it is built), and without. */
export const SOCKETS = [
  { socket: 'batched socket', native: true },
  { socket: 'node:dgram', native: false },
] as const;

/** What scenarios share, see above. */
export function scenarioConfig(
  upstreams: readonly string[],
  config: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  return { workers: 1, upstreams, loop: { probe: { onStart: false, interval: '0s' } }, ...config };
}

/** Starts both; close() ends both. */
export async function startForwarder(options: ForwarderOptions = {}): Promise<Forwarder> {
  const scripts = new Map<string, Script>();
  const upstream = await startScriptedUpstream((query) => {
    const script = scripts.get(query.name.toLowerCase());
    return script === undefined ? answer(query) : script(query);
  }, options.upstream);
  const unloop = await startUnloop({
    config: scenarioConfig([upstream.text], options.config),
    native: options.native ?? true,
    env: options.env ?? {},
  });
  return new Forwarder(unloop, upstream, scripts);
}

export class Forwarder {
  readonly unloop: UnloopProcess;
  readonly upstream: ScriptedUpstream;
  readonly #scripts: Map<string, Script>;
  #repeatedBefore = 0;

  constructor(unloop: UnloopProcess, upstream: ScriptedUpstream, scripts: Map<string, Script>) {
    this.unloop = unloop;
    this.upstream = upstream;
    this.#scripts = scripts;
  }

  get port(): number {
    return this.unloop.port;
  }

  /** What the upstream does for this name (without: a good answer). */
  on(name: string, script: Script): void {
    this.#scripts.set(name.toLowerCase(), script);
  }

  /** What the upstream was asked about this name so far. */
  asked(name: string): ReceivedQuery[] {
    return askedOf(this.upstream, name);
  }

  /**
   * From here on questions() leaves out the repetitions: for `beforeEach` where tests share a
   * forwarder.
   */
  async mark(): Promise<void> {
    this.#repeatedBefore = await this.#repeated();
  }

  /**
   * How many questions about these names went to the upstream since mark(), repetitions left out:
   * where the machine stalls, one is repeated before its answer is read. The names must not have
   * been asked about before.
   */
  async questions(...names: readonly string[]): Promise<number> {
    const asked = names.reduce((sum, name) => sum + this.asked(name).length, 0);
    return asked - ((await this.#repeated()) - this.#repeatedBefore);
  }

  async #repeated(): Promise<number> {
    return (await this.unloop.metrics()).value('unloop_upstream_failures_total', { reason: 'timeout' });
  }

  udp(question: Question | Buffer): Promise<Answer> {
    return askUdp(this.port, question);
  }

  tcp(question: Question | Buffer): Promise<Answer> {
    return askTcp(this.port, question);
  }

  async close(): Promise<void> {
    await this.unloop.kill();
    await this.upstream.close();
  }
}

/** What an upstream was asked about a name, in whatever case. */
export function askedOf(upstream: ScriptedUpstream, name: string): ReceivedQuery[] {
  return upstream.queries.filter((query) => query.name.toLowerCase() === name.toLowerCase());
}

/** Asks again and again until an answer is like this; rejects after a while. */
export async function until<T>(
  ask: () => Promise<T>,
  isIt: (result: T) => boolean,
  withinMs = 30_000,
): Promise<T> {
  const end = Date.now() + withinMs;
  for (;;) {
    const result = await ask();
    if (isIt(result)) return result;
    if (Date.now() > end)
      throw new Error(`it never became so: ${isIt.toString()}: ${JSON.stringify(result)}`);
    await new Promise((resolve) => setTimeout(resolve, 40));
  }
}
