// The upstreams of one row of the fault matrix, and what they were asked.
import { type ScriptedUpstream, startScriptedUpstream } from '../support/scripted-upstream.ts';
import type { Fault } from './faults.ts';

export class FaultyUpstreams {
  /** "127.0.0.1:5353", one or two. */
  readonly addresses: readonly string[];
  readonly #servers: readonly ScriptedUpstream[];

  private constructor(servers: readonly ScriptedUpstream[]) {
    this.#servers = servers;
    this.addresses = servers.map(({ address, port }) => `${address}:${port}`);
  }

  static async start(fault: Fault): Promise<FaultyUpstreams> {
    const { tcp = true } = fault;
    const servers = fault.upstreams.map((makeScript) => startScriptedUpstream(makeScript(), { tcp }));
    return new FaultyUpstreams(await Promise.all(servers));
  }

  /** Messages that came about each question below this name: how many in all, and how many about the one that took most. */
  messagesBelow(suffix: string): { total: number; most: number } {
    const counts = new Map<string, number>();
    let total = 0;
    for (const server of this.#servers) {
      for (const { name } of server.queries) {
        const folded = name.toLowerCase();
        if (!folded.endsWith(`.${suffix}`)) continue;
        counts.set(folded, (counts.get(folded) ?? 0) + 1);
        total++;
      }
    }
    return { total, most: Math.max(0, ...counts.values()) };
  }

  async close(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.close()));
  }
}
