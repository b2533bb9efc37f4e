// Runs dnsperf, which puts the load on every contender, and reads what it says.
import { runProgram } from '../../test/kit/run-program.ts';

/** Clients dnsperf acts as: sockets or connections. */
const CLIENTS = 20;

export interface Load {
  readonly port: number;
  readonly queryFile: string;
  readonly seconds: number;
  readonly tcp: boolean;
  readonly edns: boolean;
  /** Queries under way at most: the closed loop's depth. */
  readonly outstanding: number;
  /** Whether the file is read once only: unique names must not come twice. */
  readonly once: boolean;
}

export interface LoadOutcome {
  readonly completed: number;
  readonly lost: number;
  readonly queriesPerSecond: number;
  /** RCODEs by name and count. */
  readonly rcodes: Readonly<Record<string, number>>;
}

/** Rejects when dnsperf is not there or fails. */
export async function runDnsperf(load: Load): Promise<LoadOutcome> {
  const args = ['-s', '127.0.0.1', '-p', String(load.port), '-d', load.queryFile, '-T', '1', '-t', '2'];
  args.push('-c', String(CLIENTS), '-q', String(load.outstanding), '-l', String(load.seconds));
  if (load.tcp) args.push('-m', 'tcp');
  if (load.edns) args.push('-e');
  if (load.once) args.push('-n', '1');
  return readTotals(await runProgram('dnsperf', args));
}

/** Reads the totals at the end of dnsperf's output. Throws when they did not come. */
export function readTotals(output: string): LoadOutcome {
  const total = (name: string): number => {
    const match = new RegExp(`^ *${name}: +([\\d.]+)`, 'm').exec(output);
    if (match === null) throw new Error(`dnsperf did not report "${name}"`);
    return Number(match[1]);
  };
  const codes = /^ *Response codes: +(.*)$/m.exec(output)?.[1] ?? '';
  return {
    completed: total('Queries completed'),
    lost: total('Queries lost'),
    queriesPerSecond: total('Queries per second'),
    rcodes: Object.fromEntries(
      Array.from(codes.matchAll(/(\w+) (\d+)/g), ([, rcode, count]) => [rcode!, Number(count)]),
    ),
  };
}
