// A line chart as inline SVG, drawn without a library and styled by the page around it. Called by
// html-report.

/** One line. */
export interface ChartLine {
  readonly label: string;
  /** Index of its color: 0 … 7. */
  readonly color: number;
  readonly dashed?: boolean;
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** What to draw. */
export interface Chart {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  /** Powers of ten at equal distances; values of 0 and less are left out. */
  readonly xLog?: boolean;
  readonly yLog?: boolean;
  /** Marks on the x axis with their texts; made up when not given. */
  readonly xTicks?: readonly (readonly [x: number, text: string])[];
  readonly lines: readonly ChartLine[];
}

const WIDTH = 720;
const HEIGHT = 300;
const LEFT = 70;
const RIGHT = 30;
const TOP = 12;
const BOTTOM = 44;

/** Maps values to one axis. */
interface Axis {
  readonly ticks: readonly (readonly [number, string])[];
  place(value: number): number;
}

/** Text that may stand anywhere in HTML. */
export function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}

/** A figure with its caption. Without any point it says so. */
export function lineChart(chart: Chart): string {
  const lines = chart.lines.map((line) => ({
    ...line,
    points: line.points.filter(
      ([x, y]) =>
        Number.isFinite(x) && Number.isFinite(y) && (!chart.xLog || x > 0) && (!chart.yLog || y > 0),
    ),
  }));
  const points = lines.flatMap((line) => line.points);
  const caption = `<figcaption>${escapeHtml(chart.title)}</figcaption>`;
  if (points.length === 0) return `<figure>${caption}<p class="none">nothing to show</p></figure>`;
  const bounds = (values: number[]): [number, number] => [
    values.reduce((a, b) => Math.min(a, b)),
    values.reduce((a, b) => Math.max(a, b)),
  ];
  const [xMin, xMax] = bounds(points.map(([x]) => x));
  const [yMin, yMax] = bounds(points.map(([, y]) => y));
  const x = chart.xLog ? logAxis(xMin, xMax) : linearAxis(xMin, xMax, chart.xTicks);
  const y = chart.yLog ? logAxis(yMin, yMax) : linearAxis(0, yMax);
  const px = (value: number) => (LEFT + x.place(value) * (WIDTH - LEFT - RIGHT)).toFixed(1);
  const py = (value: number) => (HEIGHT - BOTTOM - y.place(value) * (HEIGHT - TOP - BOTTOM)).toFixed(1);
  const parts = [
    ...y.ticks.map(
      ([value, text]) =>
        `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${py(value)}" y2="${py(value)}"/><text x="${LEFT - 8}" y="${py(value)}" dy=".32em" text-anchor="end">${text}</text>`,
    ),
    ...x.ticks.map(
      ([value, text]) =>
        `<line class="tick" x1="${px(value)}" x2="${px(value)}" y1="${HEIGHT - BOTTOM}" y2="${HEIGHT - BOTTOM + 5}"/><text x="${px(value)}" y="${HEIGHT - BOTTOM + 18}" text-anchor="middle">${text}</text>`,
    ),
    `<line class="axis" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${HEIGHT - BOTTOM}" y2="${HEIGHT - BOTTOM}"/>`,
    `<text class="name" x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 6}" text-anchor="middle">${escapeHtml(chart.xLabel)}</text>`,
    `<text class="name" transform="translate(14 ${(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" text-anchor="middle">${escapeHtml(chart.yLabel)}</text>`,
  ];
  for (const line of lines) {
    if (line.points.length === 0) continue;
    const path = line.points.map(([a, b], i) => `${i === 0 ? 'M' : 'L'}${px(a)} ${py(b)}`).join('');
    // A single point has no length; a dot shows it.
    const dot = line.points.length === 1 ? ` stroke-linecap="round" stroke-width="6"` : '';
    parts.push(
      `<path class="c${line.color}${line.dashed ? ' dashed' : ''}" d="${path}${dot === '' ? '' : 'h.01'}"${dot}><title>${escapeHtml(line.label)}</title></path>`,
    );
  }
  return `<figure>${caption}<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeHtml(chart.title)}">${parts.join('')}</svg></figure>`;
}

function linearAxis(min: number, max: number, ticks?: Axis['ticks']): Axis {
  if (ticks !== undefined) {
    const from = Math.min(min, ticks[0]![0]);
    const to = Math.max(max, ticks.at(-1)![0]);
    return { ticks, place: (value) => (value - from) / (to - from || 1) };
  }
  const step = niceStep((max - min) / 5);
  const end = Math.max(Math.ceil(max / step) * step, min + step);
  const start = Math.floor(min / step) * step;
  const count = Math.round((end - start) / step);
  const marks = Array.from({ length: count + 1 }, (_, i): [number, string] => {
    const value = start + i * step;
    return [value, shortNumber(value)];
  });
  return { ticks: marks, place: (value) => (value - start) / (end - start) };
}

function logAxis(min: number, max: number): Axis {
  const from = Math.floor(Math.log10(min) + 1e-9);
  const to = Math.max(Math.ceil(Math.log10(max) - 1e-9), from + 1);
  const ticks = Array.from({ length: to - from + 1 }, (_, i): [number, string] => {
    const value = 10 ** (from + i);
    return [value, shortNumber(value)];
  });
  return { ticks, place: (value) => (Math.log10(value) - from) / (to - from) };
}

/** 1, 2 or 5 times a power of ten, not below the wanted step. */
function niceStep(wanted: number): number {
  if (wanted <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(wanted));
  return [1, 2, 5, 10].find((factor) => factor * power >= wanted * 0.999)! * power;
}

/** 120000 → "120k" */
function shortNumber(value: number): string {
  if (Math.abs(value) >= 1e6) return `${Number((value / 1e6).toPrecision(4))}M`;
  if (Math.abs(value) >= 10_000) return `${Number((value / 1000).toPrecision(4))}k`;
  return String(Number(value.toPrecision(4)));
}
