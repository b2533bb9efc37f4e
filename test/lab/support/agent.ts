// Runs inside a namespace and does there what the tests say over IPC: asks questions, many of them,
// and stands in for servers whose faults no real one commits. agent-client.ts starts it.
import { type Asked, ask, type Load, type LoadFigures, load, type Question } from './agent-asks.ts';
import { StandIn, type StandInCounts, type StandInOptions } from './stand-in.ts';

export interface AgentMessage {
  readonly id: number;
  readonly method: string;
  readonly input: unknown;
}

export interface AgentReply {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

const standIns = new Map<string, StandIn>();

const methods = {
  ask: (question: Question): Promise<Asked> => ask(question),
  load: (options: Load): Promise<LoadFigures> => load(options),
  /** GET, or another method, on an admin listener in here. */
  fetch: async ({ url, method = 'GET' }: { url: string; method?: string }): Promise<string> =>
    (await fetch(url, { method })).text(),
  /** Starts a stand-in, at `address`, port 53. */
  serve: async (options: StandInOptions): Promise<void> => {
    standIns.set(options.address, await StandIn.open(options));
  },
  /** Changes a stand-in under way. */
  change: async ({ address, ...options }: Partial<StandInOptions> & { address: string }): Promise<void> => {
    standIns.get(address)!.change(options);
  },
  counts: async ({ address }: { address: string }): Promise<StandInCounts> => standIns.get(address)!.counts,
  reset: async (_: object): Promise<void> => {
    await Promise.all([...standIns.values()].map((standIn) => standIn.close()));
    standIns.clear();
  },
};
export type AgentMethods = typeof methods;

process.on('message', ({ id, method, input }: AgentMessage) => {
  (methods[method as keyof AgentMethods] as (input: unknown) => Promise<unknown>)(input).then(
    (result) => process.send!({ id, result } satisfies AgentReply),
    (error: unknown) => process.send!({ id, error: String(error) } satisfies AgentReply),
  );
});
process.once('disconnect', () => process.exit(0));
process.send!('ready');
