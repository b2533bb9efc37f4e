// The log: one line per event to standard output, JSON for machines or text for people. Made once
// by cli/serve and handed down as the small interface Log. A reader that exits, or is slow, never
// stops the server: what cannot be written is counted and dropped.
import { isatty } from 'node:tty';
import { pino } from 'pino';
import { formatTextLine } from './log-text.ts';

/** From the lowest level up. */
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal';

/** What the other layers need from a log. An Error goes under the field `err`. */
export type Log = { readonly [Level in LogLevel]: (fields: object, message: string) => void };

/** A log that can be closed. */
export interface OpenLog {
  readonly log: Log;
  /** For a reload. */
  setLevel(level: LogLevel): void;
  /** Lines that could not be written. */
  dropped(): number;
  /** Writes what is still buffered, for at most a second; nothing can be logged after it. */
  close(): Promise<void>;
}

export interface LogOptions {
  readonly level: LogLevel;
  /** auto: text if the output is a terminal, else json. */
  readonly format: 'json' | 'text' | 'auto';
  /** File descriptor; standard output unless told otherwise. */
  readonly descriptor?: number;
  /** Wall-clock time for the lines. */
  readonly now?: () => Date;
}

const STDOUT = 1;
/** Bytes buffered for a slow reader; further lines are dropped. */
const MAX_BUFFERED = 1024 * 1024;
/** How long close() waits for a reader that has stopped. */
const CLOSE_PATIENCE_MS = 1000;

/** Opens the log. */
export function openLog(options: LogOptions): OpenLog {
  const descriptor = options.descriptor ?? STDOUT;
  const now = options.now ?? (() => new Date());
  let dropped = 0;
  let broken = false;
  const destination = pino.destination({ dest: descriptor, sync: false, maxLength: MAX_BUFFERED });
  destination.on('drop', () => {
    dropped++;
  });
  // Pino handles a closed pipe (EPIPE) itself; a full disk or a closed terminal must not stop the
  // server either.
  destination.on('error', () => {
    dropped++;
    broken = true;
  });
  const isText = options.format === 'text' || (options.format === 'auto' && isatty(descriptor));
  const stream = isText ? { write: (line: string) => destination.write(formatTextLine(line)) } : destination;
  const logger = pino(
    {
      level: options.level,
      base: null,
      timestamp: () => `,"time":"${now().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    stream,
  );
  return {
    log: logger,
    setLevel(level) {
      logger.level = level;
    },
    dropped: () => dropped,
    async close() {
      if (!broken) await end(destination);
      // pino's own flush at the exit of the process tries a full disk again forever.
      destination.destroy();
    },
  };
}

/** Resolves when everything is written, or after the time allowed for the reader. */
function end(destination: ReturnType<typeof pino.destination>): Promise<void> {
  return new Promise((resolve) => {
    const patience = setTimeout(resolve, CLOSE_PATIENCE_MS);
    const done = (): void => {
      clearTimeout(patience);
      resolve();
    };
    destination.once('close', done);
    destination.once('error', done);
    destination.end();
  });
}
