// A child process: keeps what it prints, puts its output into the error when it does not get ready,
// and is killed at the latest when this process ends, whatever ends it.
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

const STOP_WITHIN_MS = 5000;
/** Characters kept of each stream, the last ones; up to twice as many between two cuts. */
const KEPT_CHARACTERS = 256 * 1024;
/** How long to wait after the exit for output that is still in the pipes. */
const LAST_WORDS_MS = 1000;

export interface ChildOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Standard input. Default: there is none. */
  readonly stdin?: 'ignore' | 'pipe';
  /** Opens a channel for messages, as fork() does; not with descriptors. */
  readonly ipc?: boolean;
  /** It gets them as 3, 4 … */
  readonly descriptors?: readonly number[];
  /** Time that stop() gives after SIGTERM; then comes SIGKILL. Default: 5 s. */
  readonly stopWithinMs?: number;
  /** Each line of standard output, when it comes. */
  readonly onLine?: (line: string) => void;
}

export class Child {
  /** For streams, messages and signals. */
  readonly process: ChildProcess;
  /** Standard output: at least its last KEPT_CHARACTERS. */
  stdout = '';
  /** Standard error: at least its last KEPT_CHARACTERS. */
  stderr = '';
  /** Null while it runs; −1: ended by a signal, or never started. */
  exitCode: number | null = null;
  /** Resolves to the exit code; never rejects. */
  readonly ended: Promise<number>;
  readonly #command: readonly string[];
  readonly #stopWithinMs: number;
  readonly #watchers = new Set<() => void>();

  /** `command`: the program and its arguments. */
  constructor(command: readonly string[], options: ChildOptions = {}) {
    const { env = process.env, cwd, stdin = 'ignore', ipc = false, descriptors = [], onLine } = options;
    this.#command = command;
    this.#stopWithinMs = options.stopWithinMs ?? STOP_WITHIN_MS;
    const stdio: StdioOptions = [stdin, 'pipe', 'pipe', ...(ipc ? (['ipc'] as const) : descriptors)];
    this.process = spawn(command[0]!, command.slice(1), { env, cwd, stdio });
    if (this.process.pid !== undefined) endWithUs(this.process);
    const lines = onLine === undefined ? null : new LineReader(onLine);
    read(this.process.stdout!, (text) => {
      this.stdout = lastOf(this.stdout + text);
      lines?.read(text);
      this.#look();
    });
    read(this.process.stderr!, (text) => {
      this.stderr = lastOf(this.stderr + text);
      this.#look();
    });
    this.ended = new Promise((resolve) => {
      const end = (code: number | null) => {
        this.exitCode ??= code ?? -1;
        this.#look();
        resolve(this.exitCode);
      };
      this.process.once('close', end);
      // A child of its own may hold the streams open.
      this.process.once('exit', (code) => setTimeout(end, LAST_WORDS_MS, code).unref());
      this.process.on('error', (error) => {
        this.stderr += String(error);
        if (this.process.pid === undefined) end(null);
      });
    });
  }

  get pid(): number {
    return this.process.pid ?? -1;
  }

  get hasEnded(): boolean {
    return this.exitCode !== null;
  }

  /** What it printed so far. */
  get said(): string {
    return this.stdout + this.stderr;
  }

  /**
   * Waits until `find`, which is called again whenever something was printed, finds what it looks
   * for. Rejects with all that was printed when the child ends before, or the time is over.
   */
  until<T>(find: () => T | null | undefined, withinMs: number): Promise<T> {
    return new Promise((resolve, reject) => {
      const done = () => {
        clearTimeout(timer);
        this.#watchers.delete(look);
      };
      const look = () => {
        const found = find();
        if (found !== null && found !== undefined) {
          done();
          resolve(found);
        } else if (this.hasEnded) {
          done();
          reject(this.failure(`ended with ${this.exitCode}`));
        }
      };
      const timer = setTimeout(() => {
        done();
        reject(this.failure(`was not ready within ${withinMs} ms`));
      }, withinMs);
      this.#watchers.add(look);
      look();
    });
  }

  /** Waits until it has printed this text, on either stream. */
  async untilSaid(text: string, withinMs: number): Promise<void> {
    await this.until(
      () => (this.stdout.includes(text) || this.stderr.includes(text) ? true : null),
      withinMs,
    );
  }

  /** An error that tells what became of it, its command line, and what it printed. */
  failure(what: string): Error {
    return new Error(`${this.#command[0]} ${what}: ${this.#command.join(' ')}\n${this.said}`);
  }

  /** SIGTERM, then SIGKILL; resolves to the exit code. */
  async stop(): Promise<number> {
    if (!this.hasEnded) this.process.kill('SIGTERM');
    const timer = setTimeout(() => this.process.kill('SIGKILL'), this.#stopWithinMs);
    const code = await this.ended;
    clearTimeout(timer);
    return code;
  }

  /** SIGKILL; resolves when it is gone. */
  async kill(): Promise<void> {
    if (!this.hasEnded) this.process.kill('SIGKILL');
    await this.ended;
  }

  #look(): void {
    for (const look of this.#watchers) look();
  }
}

function read(stream: Readable, take: (text: string) => void): void {
  const decoder = new StringDecoder('utf8');
  stream.on('data', (chunk: Buffer) => take(decoder.write(chunk)));
}

/** Cut seldom: a text that grows is not copied with each piece. */
function lastOf(text: string): string {
  return text.length > 2 * KEPT_CHARACTERS ? text.slice(-KEPT_CHARACTERS) : text;
}

class LineReader {
  readonly #take: (line: string) => void;
  /** The line that has not ended yet. */
  #rest = '';

  constructor(take: (line: string) => void) {
    this.#take = take;
  }

  read(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lastOf(lines.pop()!);
    for (const line of lines) this.#take(line);
  }
}

/**
 * Ends what still runs when its standard input closes. That happens whatever ends the process that
 * holds the other end, SIGKILL included.
 */
const WATCH = `live=' '
while read -r what pid; do
  case $what in
    +) live="$live$pid " ;;
    -) live="\${live%% $pid *} \${live#* $pid }" ;;
  esac
done
[ "$live" = ' ' ] || kill -9 $live`;

const running = new Set<ChildProcess>();
let watch: ChildProcess | null = null;

/** Without a shell on the machine, only the end by exit() or by an error is covered. */
function endWithUs(child: ChildProcess): void {
  if (watch === null) {
    process.on('exit', () => {
      for (const one of running) one.kill('SIGKILL');
    });
    // In a session of its own: Ctrl-C does not reach it.
    watch = spawn('sh', ['-c', WATCH], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
    watch.on('error', () => {});
    watch.unref();
    watch.stdin!.on('error', () => {});
    (watch.stdin as unknown as { unref(): void }).unref();
  }
  const { stdin } = watch;
  running.add(child);
  stdin!.write(`+ ${child.pid}\n`);
  child.once('exit', () => {
    running.delete(child);
    stdin!.write(`- ${child.pid}\n`);
  });
}
