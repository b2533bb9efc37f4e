// `GET /`: the state of the server for a person, in one self-contained page that works without
// JavaScript. The first line says how things are and what to do; the rest is there to look things
// up.
import { Counter, type CounterTotals } from '../metrics/counters.ts';
import type { LoopEpisodeStatus, ServerSnapshot, UpstreamStatus } from './admin-source.ts';
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
import { SCRIPT, STYLE } from './status-page-assets.ts';
import { judge, type Verdict } from './verdict.ts';

const ICON_COLORS = { good: '1a7f4b', warning: 'e0a030', bad: 'c02b2b' } as const;
/** Closed episodes shown; /loops has them all. */
const CLOSED_SHOWN = 10;

/** The page as of now. `nowMs` is on the clock of the history, `wallMs` since 1970. */
export function renderStatusPage(
  snapshot: ServerSnapshot,
  history: RateHistory,
  nowMs: number,
  wallMs: number,
): string {
  const { upstreams, loops: episodes, workers, totals } = snapshot;
  const verdict = judge(snapshot.readiness, upstreams, episodes);
  const { version, node, socket } = snapshot.build;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${verdict.headline} · unloop</title>
<link rel="icon" href="${icon(verdict)}">
<noscript><meta http-equiv="refresh" content="10"></noscript>
<style>${new Html(STYLE)}</style>
</head>
<body>
<div id="unreachable" role="alert">unloop does not answer; what you see is old.</div>
<main>
<header><h1>unloop</h1><p>listening on ${snapshot.listen.join(', ')} · up ${formatDuration(wallMs - snapshot.startedAtMs)}</p></header>
${renderVerdict(verdict)}
${renderTiles(history.rates(nowMs), totals)}
${renderSparkline(history.queryRates())}
${renderUpstreams(upstreams)}
${renderEpisodes(episodes, wallMs)}
${renderCache(totals)}
<footer>
<p><a href="/upstreams">/upstreams</a><a href="/loops">/loops</a><a href="/metrics">/metrics</a><a href="/config">/config</a><a href="/ready">/ready</a></p>
<p>unloop ${version} · Node ${node} · ${socket} socket · ${workers} ${workers === 1 ? 'worker' : 'workers'} · as of ${formatTime(new Date(wallMs).toISOString())}</p>
</footer>
</main>
<script>${new Html(SCRIPT)}</script>
</body>
</html>
`.text;
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

/**
 * Queries a second over the last five minutes. A flat line of nothing says nothing and is left out.
 */
function renderSparkline(rates: readonly number[]): Html | string {
  const peak = Math.max(0, ...rates);
  if (rates.length < 2 || peak === 0) return '';
  const points = rates.map((rate, index) => {
    const x = (index / (rates.length - 1)) * 300;
    return `${x.toFixed(1)} ${(39 - (rate / peak) * 38).toFixed(1)}`;
  });
  const label = `Queries a second over the last five minutes, at most ${formatRate(peak)}`;
  return html`<div class="chart"><svg class="spark" viewBox="0 0 300 40" preserveAspectRatio="none" role="img" aria-label="${label}"><title>${label}</title><path class="area" d="M0 40L${points.join('L')}L300 40Z"/><path d="M${points.join('L')}"/></svg>
<p class="quiet">queries a second in the last five minutes, at most ${formatRate(peak)}</p></div>`;
}

function renderUpstreams(upstreams: readonly UpstreamStatus[]): Html {
  if (upstreams.length === 0) return html`<h2>Upstreams</h2><p class="quiet">None.</p>`;
  const rows = upstreams.map(
    (upstream) => html`<tr>
<td><code>${upstream.address}</code></td><td><span class="state ${upstream.state}">${upstream.state}</span>${renderCondition(upstream)}</td><td>${upstream.transport}</td>
<td>${upstream.zones.map((zone) => (zone === '.' ? 'everything' : zone)).join(', ')}</td><td class="number">${formatMs(upstream.rttMs)}</td>
<td>${upstream.source}${upstream.replaces === null ? '' : html`<br><span class="quiet">instead of <code>${upstream.replaces}</code></span>`}</td></tr>`,
  );
  return html`<h2>Upstreams</h2><div class="table"><table>
<thead><tr><th scope="col">address</th><th scope="col">state</th><th scope="col">over</th><th scope="col">asked for</th><th scope="col" class="number">round trip</th><th scope="col">found in</th></tr></thead>
<tbody>${rows}</tbody></table></div>`;
}

/** What the state alone does not say. */
function renderCondition({ state, condition, lastError }: UpstreamStatus): Html | string {
  const notes = { unasked: 'not asked yet', unheard: 'no answer yet', degraded: 'errors only', answers: '' };
  const note = state === 'up' ? notes[condition] : lastError;
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
  const path = episode.path.map((hop) => html`<li><code>${hop}</code></li>`);
  return html`<div class="card"><span class="state ${episode.state}">${episode.state}</span> · through <code>${episode.upstream}</code> for ${
    episode.zone === '.' ? 'everything' : episode.zone
  }<ol class="path" aria-label="Path of the loop">${path}</ol><p class="quiet">${seen}, first ${formatTime(episode.first)}, last ${formatTime(episode.last)} (${ago} ago)</p>${
    episode.state === 'open' ? html`<p><b>Cure:</b> ${episode.cure}</p>` : ''
  }</div>`;
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
