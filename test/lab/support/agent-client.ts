// The tests' side of the agent (agent.ts): a Node process inside a namespace that asks and serves
// on their behalf. Compiled once per run, because no namespace can be entered from within a running
// process.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
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
  const child = spawn(
    prefix[0]!,
    [...prefix.slice(1), process.execPath, `${ROOT}/build/lab/test/lab/support/agent.js`],
    { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] },
  );
  await once(child, 'message');
  return new Agent(child);
}

export class Agent {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (reply: AgentReply) => void>();
  #last = 0;
  /** Why it is gone; '' while it runs. */
  #ended = '';

  constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', (reply: AgentReply) => {
      this.#waiting.get(reply.id)?.(reply);
      this.#waiting.delete(reply.id);
    });
    child.once('exit', (code, signal) => {
      this.#ended = `the agent has ended (${signal ?? `exit code ${code}`})`;
      for (const [id, settle] of this.#waiting) settle({ id, error: this.#ended });
    });
    // A message that no longer reaches it: 'exit' tells those who wait.
    child.on('error', () => {});
  }

  /** It ended by itself: a defect of the agent, which wrote it to stderr. */
  get hasEnded(): boolean {
    return this.#ended !== '';
  }

  /** Has the agent do something; see AgentMethods. */
  async call<M extends keyof AgentMethods>(
    method: M,
    input: Parameters<AgentMethods[M]>[0],
  ): Promise<Awaited<ReturnType<AgentMethods[M]>>> {
    if (this.#ended !== '') throw new Error(`${method}: ${this.#ended}`);
    const id = ++this.#last;
    const reply = await new Promise<AgentReply>((resolve) => {
      this.#waiting.set(id, resolve);
      this.#child.send({ id, method, input } satisfies AgentMessage);
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
    const exited = once(this.#child, 'exit');
    this.#child.disconnect();
    await exited;
  }
}
