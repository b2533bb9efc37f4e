// `unloop status`: how the running unloop is, on a terminal or as JSON. Imported by dispatch.
import { setTimeout as sleep } from 'node:timers/promises';
import type { StatusReport } from '../admin/status-report.ts';
import { UnloopError } from '../base/errors.ts';
import { printable, printableJson } from '../base/printable.ts';
import { askAdmin } from './ask-admin.ts';
import { describeDetour } from './detour-state.ts';
import { parseStatusFlags } from './flags.ts';
import { describeError } from './report-error.ts';
import { renderStatus } from './status-text.ts';

/** 2 is for what cannot be told, as everywhere. */
const EXIT_CODES = { good: 0, warning: 1, bad: 3 } as const;
const WATCH_MS = 2000;
/** A client refused longer ago is history. */
const RECENT_MS = 10 * 60_000;
/** Clears a terminal. */
const CLEAR = '\x1b[H\x1b[2J\x1b[3J';

/** Resolves to the exit code that the verdict means; with --watch it does not end by itself. */
export async function main(args: string[]): Promise<number> {
  const flags = parseStatusFlags(args);
  const look = async () =>
    (await askAdmin(flags, { command: 'status', method: 'GET', path: '/status' })) as StatusReport;
  const print = async (report: StatusReport) =>
    flags.json ? `${printableJson(report)}\n` : `${renderStatus(report)}${await renderDetour(report)}`;
  if (!flags.watch) {
    const report = await look();
    process.stdout.write(await print(report));
    return EXIT_CODES[report.verdict.level];
  }
  const clear = process.stdout.isTTY && !flags.json ? CLEAR : '';
  for (;;) {
    // A server that restarts is waited for; what is wrong with the call is not.
    const text = await look().then(print, (error: unknown) => {
      if (!(error instanceof UnloopError) || error.code !== 'UNLOOP_ADMIN_UNREACHABLE') throw error;
      return flags.json ? `${printableJson({ error: error.message })}\n` : describeError(error);
    });
    process.stdout.write(`${clear}${text}`);
    await sleep(WATCH_MS);
  }
}

/** In Kubernetes (UNLOOP_DETOUR, set by the chart): whether pods are led here. */
async function renderDetour(report: StatusReport): Promise<string> {
  const path = process.env.UNLOOP_DETOUR ?? '';
  if (path === '') return '';
  const lines = [...(await describeDetour(path, Date.now())), ...warnOfRefused(report)];
  return `\nDetour\n${lines.map((line) => `  ${printable(line)}\n`).join('')}`;
}

/**
 * unloop-detour asks from the node, so it goes on steering pods that are refused. Nothing where
 * nobody was lately: after the cure the warning has to end.
 */
function warnOfRefused({ clients: { lastRefused }, now }: StatusReport): string[] {
  if (lastRefused === null || Date.parse(now) - Date.parse(lastRefused.at) > RECENT_MS) return [];
  return [
    `warning: ${lastRefused.client} was REFUSED: pods of its network that are led here have no DNS`,
    '  cure: add their network to limits.allow (in the chart: podNetworks)',
  ];
}
