// supervise.py, which plays systemd's part for a service: it opens the sockets, hands them over,
// and reads the notices.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished } from 'vitest';
import { Child } from '../../../src/base/child-process.ts';
import { scratchDirectory } from '../../kit/scratch-directory.ts';

const SCRIPT = fileURLToPath(new URL('../cluster/supervise.py', import.meta.url));
const MAIN = fileURLToPath(new URL('../../../dist/unloop/main.js', import.meta.url));
const WITHIN_MS = 15_000;

export interface SupervisorEvent {
  readonly event: 'bound' | 'notice' | 'exit';
  readonly port?: number;
  readonly text?: string;
  readonly code?: number;
}

export class Supervisor {
  readonly events: SupervisorEvent[] = [];
  readonly #child: Child;

  /** `args`: of `unloop run`, which is not started yet. */
  constructor(...args: readonly string[]) {
    const notify = join(scratchDirectory(), 'notify');
    const program = [process.execPath, MAIN, 'run', '--admin', 'off', ...args];
    this.#child = new Child(['python3', SCRIPT, notify, ...program], {
      stdin: 'pipe',
      onLine: (line) => this.events.push(JSON.parse(line) as SupervisorEvent),
    });
    onTestFinished(() => this.#child.kill());
  }

  /** `start`, or a signal's name. */
  say(word: string): void {
    this.#child.process.stdin!.write(`${word}\n`);
  }

  /** The first event of that kind from number `from` on. */
  async until(isIt: (event: SupervisorEvent) => boolean, from = 0): Promise<SupervisorEvent> {
    const find = () => this.events.slice(from).find(isIt);
    await expect.poll(find, { timeout: WITHIN_MS, interval: 5 }).toBeDefined();
    return find()!;
  }

  async port(): Promise<number> {
    return (await this.until(({ event }) => event === 'bound')).port!;
  }

  /** Waits for a notice with these words, from event number `from` on. */
  async notice(text: string, from = 0): Promise<string> {
    return (await this.until((event) => event.text?.includes(text) === true, from)).text!;
  }

  /** Starts the service, and waits until it is ready. */
  async start(): Promise<void> {
    const from = this.events.length;
    this.say('start');
    await this.notice('READY=1', from);
  }

  /** Ends the service with a signal, and waits for its end. */
  async end(signal: string): Promise<SupervisorEvent> {
    const from = this.events.length;
    this.say(signal);
    return this.until(({ event }) => event === 'exit', from);
  }
}
