// `GET /`: the state of the server for a person, in one self-contained page that works without
// JavaScript. The first line says how things are and what to do; the rest is there to look things
// up. With JavaScript it is live: `GET /events` has its content again, once a second.
import { Counter, type CounterTotals } from '../metrics/counters.ts';
import type { LoopEpisodeStatus, ServerSnapshot, TopLists, UpstreamStatus } from './admin-source.ts';
import { Html, html } from './html.ts';
import type { RateHistory, Rates } from './rate-history.ts';
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatMs,
  formatPercent,
  formatRate,
  formatTime,
} from './readable.ts';
import { STYLE } from './status-page-assets.ts';
import { renderCharts } from './status-page-charts.ts';
import { renderLoopPicture } from './status-page-loop.ts';
import { SCRIPT } from './status-page-script.ts';
import { renderTop } from './status-page-top.ts';
import { isSlow, judge, type Verdict } from './verdict.ts';

const ICON_COLORS = { good: '1a7f4b', warning: 'e0a030', bad: 'c02b2b' } as const;
/** Closed episodes shown; /loops has them all. */
const CLOSED_SHOWN = 10;

/** Linked at the end. */
const PATHS = [
  '/status',
  '/upstreams',
  '/loops',
  '/top',
  '/queries/slow',
  '/queries/failed',
  '/cache/entries',
  '/metrics',
  '/config',
  '/ready',
] as const;
/** Offered by the form. */
const TYPES = ['A', 'AAAA', 'CNAME', 'HTTPS', 'MX', 'NS', 'PTR', 'SOA', 'SRV', 'TXT'] as const;

/** Now: `nowMs` on the clock of the history, `wallMs` since 1970. */
interface Moment {
  readonly nowMs: number;
  readonly wallMs: number;
}

/** The page as of now. */
export function renderStatusPage(
  snapshot: ServerSnapshot,
  history: RateHistory,
  top: TopLists | null,
  { nowMs, wallMs }: Moment,
): string {
  const update = renderPageUpdate(snapshot, history, top, { nowMs, wallMs });
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${update.title}</title>
<link rel="icon" href="${update.icon}">
<noscript><meta http-equiv="refresh" content="10"></noscript>
<style>${new Html(STYLE)}</style>
</head>
<body>
<div id="unreachable" role="alert"><p>unloop does not answer; what you see is old.</p></div>
${new Html(update.main)}
<script>${new Html(SCRIPT)}</script>
</body>
</html>
`.text;
}

/** What changes while the page is open. */
export interface PageUpdate {
  /** Of the program: another one has another page. */
  readonly version: string;
  readonly title: string;
  /** URL of the icon. */
  readonly icon: string;
  /** HTML of the main element. */
  readonly main: string;
}

/** The page's content as of now, as `GET /events` has it for the page's script. */
export function renderPageUpdate(
  snapshot: ServerSnapshot,
  history: RateHistory,
  top: TopLists | null,
  { nowMs, wallMs }: Moment,
): PageUpdate {
  const { upstreams, loops: episodes, workers, totals } = snapshot;
  const verdict = judge(snapshot.readiness, upstreams, episodes);
  const { version, node, socket } = snapshot.build;
  const table = renderUpstreams(upstreams, wallMs);
  const loops = renderEpisodes(episodes, wallMs);
  const isLooping = episodes.some((episode) => episode.state === 'open');
  // The script compares elements by their position: those before the form are always all there.
  const main = html`<main data-version="${version}">
<header><h1>unloop</h1><p>listening on ${snapshot.listen.join(', ')} · up ${formatDuration(wallMs - snapshot.startedAtMs)}</p></header>
${renderVerdict(verdict)}
${renderTiles(history.rates(nowMs), totals)}
<div class="charts">${renderCharts(history)}</div>
${renderAsk()}
${isLooping ? [loops, table] : [table, loops]}
${renderTop(top)}
${renderCache(totals)}
<footer>
<p class="links">${PATHS.map((path) => html`<a href="${path}">${path}</a>`)}</p>
<p>unloop ${version} · Node ${node} · ${socket} socket · ${workers} ${workers === 1 ? 'worker' : 'workers'} · as of ${formatTime(new Date(wallMs).toISOString())}</p>
</footer>
</main>`.text;
  return { version, title: `${verdict.headline} · unloop`, icon: icon(verdict), main };
}

function icon(verdict: Verdict): string {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><circle cx="4" cy="4" r="4" fill="#${ICON_COLORS[verdict.level]}"/></svg>`;
  return `data:image/svg+xml,${encodeURIComponent(svg)}`;
}

function renderVerdict(verdict: Verdict): Html {
  return html`<section class="verdict ${verdict.level}" role="status"><strong>${verdict.headline}</strong><p>${verdict.detail}</p>${
    verdict.cure === '' ? '' : html`<p><b>Cure:</b> ${verdict.cure}</p>`
  }</section>`;
}

function renderTiles(rates: Rates, totals: CounterTotals): Html {
  return html`<ul class="tiles" aria-label="The last minute">
<li><b>${formatRate(rates.queriesPerSecond)}</b><small>queries a second</small></li>
<li><b>${formatPercent(rates.hitRatio)}</b><small>answered from the cache</small></li>
<li><b>${formatPercent(rates.servfailRatio)}</b><small>SERVFAIL</small></li>
<li><b>${formatMs(rates.medianMs)}</b><small>median time${rates.p99Ms === null ? '' : `; 99 % within ${formatMs(rates.p99Ms)}`}</small></li>
<li><b>${formatCount(totals.counter(Counter.inFlight))}</b><small>in flight now</small></li>
</ul>`;
}

/** What became of one name: a form for POST /explain. The script shows it, and never redraws it. */
function renderAsk(): Html {
  const types = TYPES.map((type) => html`<option>${type}</option>`);
  return html`<section id="ask" aria-labelledby="ask-title"><h2 id="ask-title">What about this name?</h2>
<noscript><p class="quiet">Without JavaScript, ask on the command line: <code>unloop query NAME TYPE</code></p></noscript>
<form hidden><label class="name">Name<input name="name" required maxlength="1024" autocomplete="off" autocapitalize="none" spellcheck="false" placeholder="www.example.com"></label>
<label>Type<select name="type">${types}</select></label>
<label class="check"><input type="checkbox" name="dryRun"> ask no server</label>
<button name="submit">Explain</button></form>
<pre role="status" hidden></pre></section>`;
}

function renderUpstreams(upstreams: readonly UpstreamStatus[], wallMs: number): Html {
  if (upstreams.length === 0) return html`<h2>Upstreams</h2><p class="quiet">None.</p>`;
  const rows = upstreams.map(
    (upstream) => html`<tr>
<td><code>${upstream.address}</code></td><td><span class="state ${upstream.state}">${upstream.state}</span> for ${formatDuration(wallMs - Date.parse(upstream.since))}${renderCondition(upstream)}</td><td>${upstream.transport}</td>
<td>${upstream.zones.map((zone) => (zone === '.' ? 'everything' : zone)).join(', ')}</td><td class="number">${formatMs(upstream.rttMs)}</td>
<td class="number">${formatCount(upstream.queries)}${renderFailures(upstream)}</td>
<td>${upstream.source}${upstream.replaces === null ? '' : html`<br><span class="quiet">instead of <code>${upstream.replaces}</code></span>`}</td></tr>`,
  );
  return html`<h2>Upstreams</h2><div class="table" role="region" aria-label="Upstreams" tabindex="0"><table>
<thead><tr><th scope="col">address</th><th scope="col">state</th><th scope="col">over</th><th scope="col">asked for</th><th scope="col" class="number">round trip</th><th scope="col" class="number">queries</th><th scope="col">found in</th></tr></thead>
<tbody>${rows}</tbody></table></div>`;
}

/** Queries without a usable answer: "3 timeout, 1 rcode". */
function renderFailures({ failures }: UpstreamStatus): Html | string {
  const reasons = Object.entries(failures).map(([reason, count]) => `${formatCount(count)} ${reason}`);
  return reasons.length === 0 ? '' : html`<br><span class="quiet">${reasons.join(', ')}</span>`;
}

/** What the state alone does not say. */
function renderCondition(upstream: UpstreamStatus): Html | string {
  const { state, condition, lastError } = upstream;
  const notes = { unasked: 'not asked yet', unheard: 'no answer yet', degraded: 'errors only', answers: '' };
  const named = isSlow(upstream) ? 'slow' : notes[condition];
  const error = condition === 'degraded' && lastError !== '' ? `: ${lastError}` : '';
  const note = state === 'up' ? `${named}${error}` : lastError;
  return note === '' ? '' : html`<br><span class="quiet">${note}</span>`;
}

function renderEpisodes(episodes: readonly LoopEpisodeStatus[], wallMs: number): Html {
  if (episodes.length === 0) return html`<h2>Loops</h2><p class="quiet">None seen since the start.</p>`;
  const open = episodes.filter((episode) => episode.state === 'open');
  const closed = episodes
    .filter((episode) => episode.state === 'closed')
    .sort((a, b) => Date.parse(b.last) - Date.parse(a.last));
  const more = closed.length - CLOSED_SHOWN;
  return html`<h2>Loops</h2>${[...open, ...closed.slice(0, CLOSED_SHOWN)].map((episode) => renderEpisode(episode, wallMs))}${
    more > 0 ? html`<p class="quiet">${more} older ones in <a href="/loops">/loops</a>.</p>` : ''
  }`;
}

function renderEpisode(episode: LoopEpisodeStatus, wallMs: number): Html {
  const seen = `${formatCount(episode.count)} ${episode.count === 1 ? 'query' : 'queries'} came back (${episode.evidence})`;
  const ago = formatDuration(wallMs - Date.parse(episode.last));
  return html`<div class="card episode">${renderLoopPicture(episode.path, episode.state)}<div><span class="state ${episode.state}">${episode.state}</span> · through <code>${episode.upstream}</code> for ${
    episode.zone === '.' ? 'everything' : episode.zone
  }<p class="quiet">${seen}, first ${formatTime(episode.first)}, last ${formatTime(episode.last)} (${ago} ago)</p>${
    episode.state === 'open' ? html`<p><b>Cure:</b> ${episode.cure}</p>` : ''
  }</div></div>`;
}

function renderCache(totals: CounterTotals): Html {
  const count = (counter: Counter) => formatCount(totals.counter(counter));
  return html`<h2>Cache and loops since the start</h2><ul class="tiles">
<li><b>${count(Counter.cacheEntries)}</b><small>entries, ${formatBytes(totals.counter(Counter.cacheBytes))}</small></li>
<li><b>${count(Counter.cacheHits)}</b><small>hits; ${count(Counter.cacheMisses)} misses</small></li>
<li><b>${count(Counter.cacheStale)}</b><small>stale answers</small></li>
<li><b>${count(Counter.coalesced)}</b><small>queries shared an upstream query</small></li>
<li><b>${count(Counter.loopShed)}</b><small>looped queries shed</small></li>
</ul>`;
}
