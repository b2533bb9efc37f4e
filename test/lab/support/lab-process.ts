// A program that runs in one of the laboratory's namespaces: what it said, when it ended, and its
// end.
import type { ChildProcess } from 'node:child_process';

const STOP_WITHIN_MS = 2_000;

export class LabProcess {
  readonly command: string;
  readonly pid: number;
  /** Standard output and error so far. */
  output = '';
  hasEnded = false;
  exitCode: number | null = null;
  readonly ended: Promise<void>;
  readonly #child: ChildProcess;

  constructor(command: string, child: ChildProcess) {
    this.command = command;
    this.#child = child;
    this.pid = child.pid!;
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        this.output += chunk;
      });
    }
    this.ended = new Promise((resolve) => {
      child.once('error', (error) => {
        this.output += String(error);
        this.hasEnded = true;
        resolve();
      });
      child.once('exit', (code) => {
        this.exitCode = code;
        this.hasEnded = true;
        resolve();
      });
    });
  }

  async stop(): Promise<void> {
    if (this.hasEnded) return;
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_WITHIN_MS);
    await this.ended;
    clearTimeout(timer);
  }
}
