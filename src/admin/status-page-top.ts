// The top lists of the status page: who asks most, for what, and what fails.
import type { ClientCount, TopLists } from './admin-source.ts';
import { type Html, html } from './html.ts';
import { formatClient, formatCount, formatTime } from './readable.ts';

/** Rows of each list. */
export const TOP_SHOWN = 8;

/** Nothing while nothing was counted. */
export function renderTop(top: TopLists | null): Html | string {
  if (top === null || top.names.length + top.clients.length === 0) return '';
  return html`<h2>Most queries since ${formatTime(top.since)}</h2><div class="tops">
${renderList(
  'Names',
  top.names.map(({ name, queries }) => [name, queries]),
)}
${renderList('Clients', clientRows(top.clients))}
${renderList('Clients that get NXDOMAIN', clientRows(top.nxdomainClients))}
${renderList(
  'Names that fail upstream',
  top.failingNames.map(({ name, upstream, failures }) => [`${name} (${upstream})`, failures]),
)}
</div>`;
}

function clientRows(clients: readonly ClientCount[]): (readonly [string, number])[] {
  return clients.map(({ client, pod, queries }) => [formatClient(client, pod), queries]);
}

function renderList(title: string, rows: readonly (readonly [string, number])[]): Html | string {
  if (rows.length === 0) return '';
  const most = rows[0]![1];
  const items = rows
    .slice(0, TOP_SHOWN)
    .map(
      ([what, count]) =>
        html`<tr><td><code>${what}</code></td><td class="number">${formatCount(count)}</td><td aria-hidden="true"><svg viewBox="0 0 100 8" width="64" height="8"><rect width="${Math.max(1, Math.round((100 * count) / most))}" height="8" rx="2"/></svg></td></tr>`,
    );
  return html`<div class="table" role="region" aria-label="${title}" tabindex="0"><table><thead><tr><th scope="col">${title}</th><th scope="col" class="number">count</th><td></td></tr></thead><tbody>${items}</tbody></table></div>`;
}
