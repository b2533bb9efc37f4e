// The style of the status page, inline as its script is, so that it needs no second request, and
// the Content-Security-Policy that allows exactly these two by their hashes.
import { createHash } from 'node:crypto';
import { SCRIPT } from './status-page-script.ts';

export const STYLE = `
:root { color-scheme: light dark; --ground: #f6f7f9; --card: #fff; --text: #1c2430; --quiet: #5c6877; --line: #e1e5ea;
  --good: #1a7f4b; --warning: #9a6200; --bad: #c02b2b; --good-ground: #e9f6ef; --warning-ground: #fdf3e0; --bad-ground: #fdecec;
  --accent: #2563c4; --button: #2459ae }
@media (prefers-color-scheme: dark) { :root { --ground: #12161c; --card: #1a2028; --text: #e4e9ef; --quiet: #94a1b0;
  --line: #2b333e; --good: #54c98a; --warning: #e5ae4d; --bad: #ff8078; --good-ground: #14281e; --warning-ground: #2c2414;
  --bad-ground: #341c1c; --accent: #78aaf5; --button: #2f63b8 } }
* { box-sizing: border-box }
body { margin: 0; background: var(--ground); color: var(--text); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif }
main { max-width: 62rem; margin: 0 auto; padding: 1.5rem 1.25rem 3rem }
header { display: flex; flex-wrap: wrap; align-items: baseline; gap: .25rem .75rem; margin-bottom: 1rem }
h1 { font-size: 1.25rem; margin: 0; letter-spacing: .01em }
h2 { font-size: .95rem; margin: 2rem 0 .6rem; font-weight: 600 }
header p, footer, .quiet { color: var(--quiet); font-size: .87rem }
header p { margin: 0 }
.verdict { border-radius: .6rem; padding: 1rem 1.2rem; border-left: .4rem solid; }
.verdict strong { font-size: 1.3rem; display: block }
.verdict p { margin: .25rem 0 0; overflow-wrap: anywhere }
.good.verdict { background: var(--good-ground); border-color: var(--good) } .good.verdict strong { color: var(--good) }
.warning.verdict { background: var(--warning-ground); border-color: var(--warning) } .warning.verdict strong { color: var(--warning) }
.bad.verdict { background: var(--bad-ground); border-color: var(--bad) } .bad.verdict strong { color: var(--bad) }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: .75rem; margin-top: 1rem; padding: 0; list-style: none }
.tiles li, .card, .chart, .table { background: var(--card); border: 1px solid var(--line); border-radius: .6rem }
.tiles li { padding: .7rem .9rem }
.tiles b { display: block; font-size: 1.4rem; font-weight: 600; font-variant-numeric: tabular-nums; line-height: 1.3 }
.tiles small { color: var(--quiet); font-size: .82rem }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(13rem, 100%), 1fr)); gap: .75rem; margin-top: .75rem }
.chart { margin: 0; padding: .7rem .9rem } .chart figcaption { font-size: .82rem; color: var(--quiet) }
.chart svg { display: block; width: 100%; height: 4.5rem; margin: .35rem 0; border-bottom: 1px solid var(--line) }
.chart path { fill: none; stroke: currentColor; stroke-width: 1.5; vector-effect: non-scaling-stroke; stroke-linejoin: round; stroke-linecap: round }
.chart path.warning { stroke-dasharray: 4 3 } .chart path.bad { stroke-width: 2.5 }
.legend { display: flex; flex-wrap: wrap; gap: .1rem .9rem; margin: 0; padding: 0; list-style: none; font-size: .82rem; font-variant-numeric: tabular-nums }
.legend li::before { content: ""; display: inline-block; width: .8rem; border-top: 3px solid; margin-right: .4rem; vertical-align: .2em } .legend li.warning::before { border-top-style: dashed }
.accent { color: var(--accent) } li.good, path.good { color: var(--good) } li.warning, path.warning { color: var(--warning) } li.bad, path.bad { color: var(--bad) }
.table { overflow-x: auto }
table { border-collapse: collapse; width: 100%; font-size: .9rem }
th, td { text-align: left; padding: .5rem .9rem; border-top: 1px solid var(--line); vertical-align: top }
thead th { border-top: 0; color: var(--quiet); font-weight: 500; font-size: .82rem }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
td svg { display: block; fill: var(--accent); margin-top: .45rem } .tops { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(24rem, 100%), 1fr)); gap: .75rem; align-items: start }
.tops td, .tops th { padding: .3rem .9rem } .tops td:first-child { min-width: 0; width: 100% } .tops thead td { border-top: 0 }
code { font: .9em ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; overflow-wrap: anywhere }
td:first-child { min-width: 10.5rem }
.state { white-space: nowrap } .state::before { content: ""; display: inline-block; width: .55rem; height: .55rem; border-radius: 50%; margin-right: .45rem; background: currentColor }
.up { color: var(--good) } .quarantined { color: var(--warning) } .down { color: var(--bad) } .open { color: var(--warning) } .closed { color: var(--quiet) }
.card { padding: .8rem 1rem; margin-bottom: .6rem }
.card p { margin: .3rem 0 0 }
.card.episode { display: flex; flex-wrap: wrap; gap: .6rem 1.6rem } .episode > div { flex: 1 1 18rem }
.loop { max-width: 100%; height: auto; flex: none } .loop rect { fill: var(--ground); stroke: var(--line) }
.loop text { fill: var(--text); font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace }
.loop .role, .loop .back { fill: var(--quiet); font: 12px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif }
.loop .way { fill: none; stroke: currentColor; stroke-width: 2 } .loop .head { fill: currentColor } .loop.open .back { fill: currentColor }
.loop.open .way { stroke-dasharray: 6 4; animation: way 1s linear infinite } @keyframes way { to { stroke-dashoffset: -10 } }
@media (prefers-reduced-motion: reduce) { .loop.open .way { animation: none } }
#ask form { display: flex; flex-wrap: wrap; gap: .5rem .75rem; align-items: end } #ask form[hidden] { display: none }
#ask label { font-size: .82rem; color: var(--quiet) } #ask label.name { flex: 1 1 16rem }
#ask input:not([type=checkbox]), #ask select { display: block; width: 100%; margin-top: .15rem }
input, select, button { font: inherit; color: var(--text); background: var(--card); border: 1px solid var(--quiet); border-radius: .4rem; padding: .35rem .6rem }
button { background: var(--button); border-color: var(--button); color: #fff; cursor: pointer } button:disabled { opacity: .6; cursor: progress }
#ask .check { display: flex; gap: .4rem; align-items: center; padding: .4rem 0 }
pre { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .8rem 1rem; margin: .75rem 0 0; white-space: pre-wrap; overflow-wrap: anywhere; font: 13px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px }
footer { margin-top: 2.25rem; border-top: 1px solid var(--line); padding-top: .9rem } footer a { color: inherit } .links { display: flex; flex-wrap: wrap; gap: .1rem .8rem }
footer p { margin: 0 0 .3rem }
#unreachable { display: none; background: var(--bad); color: var(--card); text-align: center; padding: .4rem } .unreachable #unreachable { display: block }
.unreachable main { opacity: .55 }
`;

function hashSource(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}

/** Nothing but the page itself, its style and its script; no frame around it. */
export const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  `style-src ${hashSource(STYLE)}`,
  `script-src ${hashSource(SCRIPT)}`,
  "connect-src 'self'",
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');
