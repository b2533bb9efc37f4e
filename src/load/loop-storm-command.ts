// `unloop bench --scenario loop-storm`: starts the reflector and the sound upstream, and unloop
// between them (or takes --target), runs the storm, reports. Called by main.
import { randomInt } from 'node:crypto';
import { UnloopError } from '../base/errors.ts';
import { formatHostAndPort } from '../base/host-and-port.ts';
import { parseIp } from '../base/ip-address.ts';
import { parseHostAndPort } from '../config/host-and-port.ts';
import { InvalidValue } from '../config/invalid-value.ts';
import type { BenchFlags } from './flags.ts';
import type { Figure } from './html-report.ts';
import { runLoopStorm, type StormReport } from './loop-storm.ts';
import { writePageFile } from './page-file.ts';
import { Reflector } from './reflector.ts';
import { Responder } from './responder.ts';
import { resolveTarget, type Target } from './target.ts';
import { number } from './text-report.ts';
import { startUnloop, type UnloopProcess } from './unloop-process.ts';
import { verdict } from './verdict.ts';

const DEFAULT_DURATION_MS = 10_000;
const DEFAULT_QPS = 1000;
const DEFAULT_CLIENTS = 4;
/** Some of the unrelated names must need their upstream during the storm. */
const LEAST_UNIQUE_SHARE = 0.1;
const LOCAL = '127.0.0.1';

/** Resolves to the exit code; the limits hold for the unrelated names during the storm. */
export async function loopStormCommand(flags: BenchFlags, signal: AbortSignal): Promise<number> {
  const front = endOf('reflector', flags.reflector);
  const sound = endOf('responder', flags.responder);
  const reflector = await listening('reflector', front, () => Reflector.start(front.address, front.port));
  let responder: Responder | null = null;
  let server: UnloopProcess | null = null;
  try {
    responder = await listening('responder', sound, () => Responder.start(sound.address, sound.port));
    if (flags.target === null) {
      server = await startUnloop([
        '--upstream',
        // Clients by TCP, and a loop by TCP: the server goes on in the transport that it was asked
        // in.
        `${flags.proto === 'tcp' ? 'tcp://' : ''}${LOCAL}:${reflector.port}`,
        '--zone',
        `${flags.suffix}=${LOCAL}:${responder.port}`,
        '--workers',
        '1',
      ]);
    }
    const target = await targetOf(flags, server);
    await reflector.reflectTo(target.address, target.port);
    const report = await runLoopStorm({
      plan: {
        target,
        clients: flags.clients ?? DEFAULT_CLIENTS,
        concurrency: 0,
        qps: flags.qps || DEFAULT_QPS,
        durationMs: flags.durationMs ?? DEFAULT_DURATION_MS,
        queries: flags.queries ?? Infinity,
        timeoutMs: flags.timeoutMs,
      },
      unrelated: {
        ...flags,
        seed: flags.seed ?? randomInt(2 ** 32),
        uniqueShare: Math.max(flags.uniqueShare, LEAST_UNIQUE_SHARE),
      },
      loopQps: flags.loopQps,
      pids: server === null ? flags.pids : [server.pid],
      reflector,
      label: flags.label ?? (server === null ? 'target' : 'unloop'),
      signal,
    });
    return await tell(report, flags);
  } finally {
    await reflector.close();
    await responder?.close();
    await server?.stop();
  }
}

async function tell(report: StormReport, flags: BenchFlags): Promise<number> {
  process.stdout.write(flags.json ? `${JSON.stringify(report)}\n` : stormText(report));
  if (flags.htmlPath !== null) {
    const { htmlReport } = await import('./html-report.ts');
    writePageFile(
      flags.htmlPath,
      htmlReport([report.before, report.during, report.loop], stormFigures(report)),
    );
  }
  return verdict(flags.limits, [report.before, report.during, report.loop], report.during);
}

/** The figures of the loop itself, for the page. */
function stormFigures(report: StormReport): Figure[] {
  const figures: Figure[] = [
    ['packets into the loop', number(report.reflected)],
    ['packets per looping query', String(report.packetsPerQuery)],
    ['looping queries answered', `${number(report.loop.answered)} of ${number(report.loop.sent)}`],
  ];
  if (report.cpuMicrosPerQuery !== null)
    figures.push(['server CPU per query in the storm', `${report.cpuMicrosPerQuery} µs`]);
  return figures;
}

/** The report for a terminal. */
export function stormText(report: StormReport): string {
  const { before, during, loop } = report;
  const rcodes = Object.entries(loop.rcodes).map(([rcode, count]) => `${rcode} ${number(count)}`);
  const rows: [string, string][] = [
    [
      'loop',
      `${number(report.reflected)} packets for ${number(loop.sent)} queries: ${report.packetsPerQuery} packets per query`,
    ],
    [
      'looping',
      `answered ${number(loop.answered)} (${rcodes.join(', ')}), lost ${loop.lossPercent} %, p50 ${loop.latencyMs.p50}  p99 ${loop.latencyMs.p99}  max ${loop.latencyMs.max} ms`,
    ],
  ];
  for (const [what, run] of [
    ['before', before],
    ['storm', during],
  ] as const) {
    const { p50, p99, max } = run.latencyMs;
    rows.push([
      what,
      `unrelated names: answered ${number(run.answered)} of ${number(run.sent)}, lost ${run.lossPercent} %, p50 ${p50}  p99 ${p99}  max ${max} ms`,
    ]);
  }
  if (report.cpuMicrosPerQuery !== null)
    rows.push([
      'server',
      `${report.cpuMicrosPerQuery} µs CPU per query in the storm (${report.cpuSeconds} s)`,
    ]);
  return `${rows.map(([what, text]) => `${what.padEnd(10)}${text}`).join('\n')}\n`;
}

function targetOf(flags: BenchFlags, server: UnloopProcess | null): Promise<Target> {
  return resolveTarget({
    text: server === null ? flags.target! : `${server.address}:${server.port}`,
    proto: flags.proto,
    insecure: false,
    ca: null,
    allowPublic: flags.allowPublic,
  });
}

/** Where one of the two ends listens. */
interface End {
  readonly address: string;
  readonly port: number;
}

/** Throws UnloopError UNLOOP_USAGE where the address is taken, or not one of this machine. */
async function listening<T>(flag: string, { address, port }: End, start: () => Promise<T>): Promise<T> {
  try {
    return await start();
  } catch (error) {
    throw new UnloopError(
      'UNLOOP_USAGE',
      `--${flag}: cannot listen on ${formatHostAndPort(address, port)}: ${(error as Error).message}`,
      `Give --${flag} an address of this machine, with a port that nothing else uses.`,
      { cause: error },
    );
  }
}

function endOf(flag: string, text: string | null): End {
  if (text === null) return { address: LOCAL, port: 0 };
  try {
    const { host, port } = parseHostAndPort(text);
    if (parseIp(host) !== null && port !== null) return { address: host, port };
  } catch (error) {
    if (!(error instanceof InvalidValue)) throw error;
  }
  throw new UnloopError(
    'UNLOOP_USAGE',
    `--${flag}: "${text}" is not an address with a port`,
    `Write --${flag} 127.0.0.1:5399.`,
  );
}
