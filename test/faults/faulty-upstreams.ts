// The upstreams of one row of the fault matrix, and what they were asked.
import { type ScriptedUpstream, startScriptedUpstream } from '../support/scripted-upstream.ts';
import type { Fault } from './faults.ts';

export interface MessageCounts {
  readonly total: number;
  /** About the question that took most. */
  readonly most: number;
  /** … to one server over one transport. */
  readonly mostByTransport: number;
}

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

  /** Messages that came about the questions below this name. */
  messagesBelow(suffix: string): MessageCounts {
    const perQuestion = new Map<string, number>();
    const perTransport = new Map<string, number>();
    let total = 0;
    for (const [server, { queries }] of this.#servers.entries()) {
      for (const { name, transport } of queries) {
        const folded = name.toLowerCase();
        if (!folded.endsWith(`.${suffix}`)) continue;
        countOne(perQuestion, folded);
        countOne(perTransport, `${folded} ${transport} ${server}`);
        total++;
      }
    }
    return { total, most: mostOf(perQuestion), mostByTransport: mostOf(perTransport) };
  }

  async close(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.close()));
  }
}

function countOne(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function mostOf(counts: Map<string, number>): number {
  return Math.max(0, ...counts.values());
}
