// The tests' side of the agent (agent.ts): a Node process inside a namespace that asks and serves
// on their behalf. Compiled once per run, because no namespace can be entered from within a running
// process.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Child } from '../../../src/base/child-process.ts';
import type { AgentMessage, AgentMethods, AgentReply } from './agent.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
let compiled = false;

/** Compiles and starts an agent; `prefix`: the words before `node`. */
export async function startAgent(prefix: readonly string[]): Promise<Agent> {
  if (!compiled) {
    execFileSync(`${ROOT}/node_modules/.bin/tsc`, ['-p', `${ROOT}/test/lab/support/tsconfig.agent.json`], {
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    compiled = true;
  }
  const agent = `${ROOT}/build/lab/test/lab/support/agent.js`;
  const child = new Child([...prefix, process.execPath, agent], { ipc: true });
  await once(child.process, 'message');
  return new Agent(child);
}

export class Agent {
  readonly #child: Child;
  readonly #waiting = new Map<number, (reply: AgentReply) => void>();
  #last = 0;

  constructor(child: Child) {
    this.#child = child;
    child.process.on('message', (reply: AgentReply) => {
      this.#waiting.get(reply.id)?.(reply);
      this.#waiting.delete(reply.id);
    });
    void child.ended.then(() => {
      for (const [id, settle] of this.#waiting) settle({ id, error: this.#failure() });
    });
  }

  /** It ended by itself: a defect of the agent, which tells it on stderr. */
  get hasEnded(): boolean {
    return this.#child.hasEnded;
  }

  #failure(): string {
    return this.#child.failure(`ended with ${this.#child.exitCode}`).message;
  }

  /** Has the agent do something; see AgentMethods. */
  async call<M extends keyof AgentMethods>(
    method: M,
    input: Parameters<AgentMethods[M]>[0],
  ): Promise<Awaited<ReturnType<AgentMethods[M]>>> {
    if (this.hasEnded) throw new Error(`${method}: ${this.#failure()}`);
    const id = ++this.#last;
    const reply = await new Promise<AgentReply>((resolve) => {
      this.#waiting.set(id, resolve);
      this.#child.process.send({ id, method, input } satisfies AgentMessage);
    });
    if (reply.error !== undefined) throw new Error(`${method}: ${reply.error}`);
    return reply.result as Awaited<ReturnType<AgentMethods[M]>>;
  }

  /** Stops its servers. */
  reset(): Promise<void> {
    return this.call('reset', {});
  }

  async close(): Promise<void> {
    if (this.hasEnded) return;
    this.#child.process.disconnect();
    await this.#child.ended;
  }
}
