// The report of `unloop status` as text for a terminal. Called by status.

import type { LoopEpisodeStatus } from '../admin/admin-source.ts';
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatMs,
  formatPercent,
  formatRate,
  formatTime,
} from '../admin/readable.ts';
import type { PublicUpstream, StatusReport } from '../admin/status-report.ts';
import { isSlow } from '../admin/verdict.ts';
import { CONFIGURATION } from '../base/endpoint.ts';
import { printable } from '../base/printable.ts';

/** Closed loops shown; GET /loops has them all. */
const CLOSED_SHOWN = 3;

/** Lines of text, with a newline at the end. */
export function renderStatus(report: StatusReport): string {
  const { verdict, clients, cache } = report;
  const nowMs = Date.parse(report.now);
  const lines = [
    `${verdict.headline}: ${verdict.detail}`,
    ...(verdict.cure === '' ? [] : [`  cure: ${verdict.cure}`]),
    '',
    `unloop ${report.version} on ${report.listen.join(', ')}, up ${ago(report.startedAt, nowMs)}${report.ready ? '' : ', not ready'}`,
    `  clients   ${formatCount(clients.queries)} queries, ${formatRate(clients.queriesPerSecond)}/s now, ${formatPercent(clients.servfailRatio)} SERVFAIL, ${formatCount(clients.inFlight)} in flight`,
    ...renderRefused(clients, nowMs),
    `  cache     ${formatCount(cache.entries)} entries, ${formatBytes(cache.bytes)}; ${formatCount(cache.hits)} hits, ${formatCount(cache.misses)} misses, ${formatCount(cache.stale)} stale, ${formatCount(cache.evictions)} evicted`,
    `  workers   ${describeWorkers(report.workers)}`,
    `  config    ${describeReload(report, nowMs)}`,
    '',
    'Upstreams',
    ...renderUpstreams(report.upstreams, nowMs),
    ...report.rewrites.map(
      ({ from, to, source }) => `  ${to} is asked instead of ${from}, found in ${source}`,
    ),
    ...renderFoundZones(report.upstreams),
    '',
    'Loops',
    ...renderLoops(report.loops, nowMs),
  ];
  return `${lines.map(printable).join('\n')}\n`;
}

/** Where zones come from that the configuration does not name. */
function renderFoundZones(upstreams: StatusReport['upstreams']): string[] {
  const found = upstreams.filter(
    ({ source, replaces, zones }) => source !== CONFIGURATION && replaces === null && !zones.includes('.'),
  );
  return found.map(
    ({ address, source, zones }) => `  ${address} is asked for ${zones.join(', ')}, found in ${source}`,
  );
}

/** Who asks and is not served: nothing where nobody is. */
function renderRefused({ refused, lastRefused }: StatusReport['clients'], nowMs: number): string[] {
  if (refused === 0) return [];
  const last =
    lastRefused === null
      ? ''
      : `, the last ${lastRefused.client}, ${ago(lastRefused.at, nowMs)} ago: outside limits.allow`;
  const queries = refused === 1 ? 'query' : 'queries';
  return [`  refused   ${formatCount(refused)} ${queries} of clients that are not served${last}`];
}

function describeWorkers({ running, dealtByName, restarts, queries }: StatusReport['workers']): string {
  const dealt = dealtByName > 0 ? ', dealt by name' : '';
  const died = restarts > 0 ? `, ${formatCount(restarts)} died and were replaced` : '';
  return `${running}${dealt}; queries ${queries.map(formatCount).join(', ')}${died}`;
}

function describeReload({ reload }: StatusReport, nowMs: number): string {
  const inForce = `in force since ${formatTime(reload.lastOk)} (${ago(reload.lastOk, nowMs)})`;
  return reload.isLastOk
    ? inForce
    : `the file cannot be used, \`unloop check\` says why; the one before is ${inForce}`;
}

function renderUpstreams(upstreams: readonly PublicUpstream[], nowMs: number): string[] {
  if (upstreams.length === 0) return ['  none'];
  const rows = upstreams.map((upstream) => [
    upstream.address,
    upstream.state === 'up' ? nameOf(upstream) : upstream.state,
    ago(upstream.since, nowMs),
    upstream.transport,
    formatMs(upstream.rttMs),
    formatCount(upstream.queries),
    describeFailures(upstream.failures),
    upstream.zones.join(', '),
  ]);
  const table = alignColumns([
    ['ADDRESS', 'STATE', 'SINCE', 'OVER', 'RTT', 'QUERIES', 'FAILURES', 'ZONES'],
    ...rows,
  ]);
  return table.flatMap((line, row) => [
    `  ${line}`,
    ...(row === 0 ? [] : notesOf(upstreams[row - 1]!, nowMs).map((note) => `    ${note}`)),
  ]);
}

/** An upstream that is up is not always one that answers. */
function nameOf(upstream: PublicUpstream): string {
  if (isSlow(upstream)) return 'slow';
  const names = { unasked: 'not asked', unheard: 'no answer', degraded: 'errors only', answers: 'up' };
  return names[upstream.condition];
}

function notesOf({ lastError, quarantinedUntil, learned }: PublicUpstream, nowMs: number): string[] {
  const notes = lastError === '' ? [] : [`last error: ${lastError}`];
  if (quarantinedUntil !== null)
    notes.push(`out of use for ${formatDuration(Date.parse(quarantinedUntil) - nowMs)} more: it loops`);
  for (const { what, until } of learned)
    notes.push(`asked without ${what} until ${formatTime(until)}: it does not handle it`);
  return notes;
}

function describeFailures(failures: Readonly<Record<string, number>>): string {
  const parts = Object.entries(failures).map(([reason, count]) => `${formatCount(count)} ${reason}`);
  return parts.length === 0 ? '0' : parts.join(', ');
}

function renderLoops(loops: readonly LoopEpisodeStatus[], nowMs: number): string[] {
  if (loops.length === 0) return ['  none seen since the start'];
  const open = loops.filter(({ state }) => state === 'open');
  const closed = loops.filter(({ state }) => state === 'closed').slice(-CLOSED_SHOWN);
  return [...open, ...closed].flatMap((episode) => {
    const { upstream, zone, state, count, evidence, last, path, cure } = episode;
    const lines = [
      `  ${state}: through ${upstream} for ${zone}, ${formatCount(count)} came back (${evidence}), last ${ago(last, nowMs)} ago`,
      `    ${path.join(' -> ')}`,
    ];
    return state === 'open' ? [...lines, `    cure: ${cure}`] : lines;
  });
}

function ago(iso: string, nowMs: number): string {
  return formatDuration(nowMs - Date.parse(iso));
}

/** Two spaces between columns; the last one is not padded. */
export function alignColumns(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column]!))).join('  '),
  );
}
