// Starts the unloop next to this tool as a process of its own, for scenarios that need a server in
// a given place.
import { Child } from '../base/child-process.ts';
import { ownCommand } from '../base/own-files.ts';

const START_TIMEOUT_MS = 10_000;

/** A running server. */
export interface UnloopProcess {
  readonly pid: number;
  readonly address: string;
  readonly port: number;
  stop(): Promise<unknown>;
}

/** The log line that says that unloop is ready. */
export interface ReadyLine {
  readonly msg: string;
  /** Where it listens, HOST:PORT each. */
  readonly listen: readonly string[];
  /** HOST:PORT, or `off`. */
  readonly admin: string;
}

/**
 * Starts `unloop run` on a free port of loopback with these flags; rejects with what it said when
 * it does not get ready. `onLine` gets each line of its log.
 */
export async function startUnloop(
  flags: readonly string[],
  onLine: (line: string) => void = () => {},
): Promise<UnloopProcess> {
  let ready: ReadyLine | null = null;
  const fixed = ['run', '--listen', '127.0.0.1:0', '--admin', 'off'];
  const child = new Child([...ownCommand(), ...fixed, ...flags], {
    // Only the flags may configure it.
    env: { ...process.env, UNLOOP_CONFIG: '' },
    onLine: (line) => {
      ready ??= readReadyLine(line);
      onLine(line);
    },
  });
  try {
    const { listen } = await child.until(() => ready, START_TIMEOUT_MS);
    return { pid: child.pid, address: '127.0.0.1', port: portOf(listen[0]!), stop: () => child.stop() };
  } catch (error) {
    await child.stop();
    throw error;
  }
}

/** Null: another line. */
export function readReadyLine(line: string): ReadyLine | null {
  if (!line.includes('"unloop is ready"')) return null;
  try {
    return JSON.parse(line) as ReadyLine;
  } catch {
    return null;
  }
}

/** 5300 of "127.0.0.1:5300" and of "[::1]:5300". */
export function portOf(hostAndPort: string): number {
  return Number(hostAndPort.slice(hostAndPort.lastIndexOf(':') + 1));
}
