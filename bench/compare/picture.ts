// The picture for the README: what a query costs each server, as bars, a group per scenario. Plain
// SVG without scripts, fonts or references; colors follow the reader's light or dark preference.
import { CONTENDERS } from './contenders.ts';
import { figure, type Report } from './report.ts';

const CPU = { value: 'cpuMicros', show: (us: number) => `${us.toFixed(1)} µs` };

const GROUPS = [
  { scenario: 'cached', title: 'Processor time of the server for a cached answer', ...CPU },
  { scenario: 'forwarded', title: '… for a forwarded answer', ...CPU },
  { scenario: 'mixed', title: '… when 90 % are cached, 10 % forwarded', ...CPU },
  { scenario: 'tcp', title: '… cached, over TCP', ...CPU },
  {
    scenario: 'storm',
    title: 'Packets that a forwarding loop makes of one query',
    value: 'packetsPerQuery',
    show: (packets: number) => packets.toLocaleString('en', { maximumFractionDigits: packets < 10 ? 2 : 0 }),
  },
] as const;

const WIDTH = 760;
const NAME_WIDTH = 130;
const VALUE_WIDTH = 70;
const BAR_HEIGHT = 16;
const BAR_STEP = 22;
const GROUP_GAP = 40;
const TOP = 64;

export function renderPicture(report: Report): string {
  const parts: string[] = [];
  let y = TOP;
  for (const { scenario, title, value: name, show } of GROUPS) {
    const bars = CONTENDERS.filter(({ kind, variant }) => kind === 'peer' || !variant)
      .map(({ key, title, kind }) => ({ title, kind, value: figure(report, scenario, key, name) }))
      .filter(({ value }) => !Number.isNaN(value))
      .toSorted((a, b) => a.value - b.value);
    if (bars.length === 0) continue;
    const most = Math.max(...bars.map(({ value }) => value));
    parts.push(`<text class="group" x="0" y="${y}">${escapeMarkup(title)}</text>`);
    y += 10;
    for (const { title, kind, value } of bars) {
      const width = (value / most) * (WIDTH - NAME_WIDTH - VALUE_WIDTH);
      const middle = y + BAR_HEIGHT - 4;
      parts.push(
        `<text class="${kind}" x="${NAME_WIDTH - 8}" y="${middle}" text-anchor="end">${escapeMarkup(title)}</text>`,
        `<rect class="${kind}" x="${NAME_WIDTH}" y="${y}" width="${width.toFixed(1)}" height="${BAR_HEIGHT}" rx="2"/>`,
        `<text class="${kind}" x="${(NAME_WIDTH + width + 6).toFixed(1)}" y="${middle}">${show(value)}</text>`,
      );
      y += BAR_STEP;
    }
    y += GROUP_GAP - 10;
  }
  const { machine } = report;
  const caption = `${machine.cpu}, ${machine.cores} cores, Linux ${machine.kernel}, Node ${machine.node}, ${report.date.slice(0, 10)}. One data thread each, medians of ${report.rounds} rounds.`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="-16 0 ${WIDTH + 32} ${y + 8}" role="img" aria-labelledby="title">
<title id="title">What a query costs: unloop, other DNS servers, and the same work in bare C</title>
<style>
text { font: 13px system-ui, sans-serif; fill: #57606a; }
.heading { font-size: 16px; font-weight: 600; fill: #1f2328; }
.group { font-weight: 600; fill: #1f2328; }
text.unloop { font-weight: 600; fill: #1f2328; }
rect.unloop { fill: #0969da; }
rect.peer { fill: #8c959f; }
rect.floor { fill: none; stroke: #8c959f; stroke-dasharray: 3 2; }
.caption { font-size: 11px; }
@media (prefers-color-scheme: dark) {
text { fill: #9198a1; }
.heading, .group, text.unloop { fill: #f0f6fc; }
rect.unloop { fill: #4493f8; }
rect.peer { fill: #656c76; }
rect.floor { stroke: #9198a1; }
}
</style>
<text class="heading" x="0" y="28">What a query costs (less is better)</text>
${parts.join('\n')}
<text class="caption" x="0" y="${y - 8}">${escapeMarkup(caption)}</text>
</svg>
`;
}

function escapeMarkup(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
