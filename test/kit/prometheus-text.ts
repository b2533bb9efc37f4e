// A strict reader of the Prometheus text format 0.0.4, for tests: whatever it does not expect, it
// throws.

/** One line of a family. */
export interface Series {
  /** With the _bucket, _sum or _count of a histogram. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly series: Series[];
}

const METRIC_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (-?\d+(?:\.\d+)?(?:e[+-]?\d+)?|\+Inf|-Inf|Nan)$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\[\\n"])*)"(,|$)/y;

/**
 * Reads an exposition; families by name. Each must have HELP, then TYPE, then its samples, and each
 * series once.
 */
export function parsePrometheusText(text: string): Map<string, Family> {
  if (!text.endsWith('\n')) throw new Error('the last line does not end');
  const families = new Map<string, Family>();
  const seen = new Set<string>();
  let family: Family | null = null;
  let help: { name: string; text: string } | null = null;
  for (const line of text.slice(0, -1).split('\n')) {
    if (line === '') continue;
    const helpMatch = /^# HELP (\S+) (.+)$/.exec(line);
    const typeMatch = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(line);
    if (helpMatch !== null) {
      help = { name: helpMatch[1]!, text: helpMatch[2]! };
      if (!METRIC_NAME.test(help.name)) throw new Error(`bad name: ${line}`);
    } else if (typeMatch !== null) {
      if (help?.name !== typeMatch[1]) throw new Error(`TYPE without HELP: ${line}`);
      if (families.has(help!.name)) throw new Error(`family twice: ${line}`);
      family = { name: help!.name, help: help!.text, type: typeMatch[2]!, series: [] };
      families.set(family.name, family);
    } else {
      const series = parseSample(line);
      if (family === null || !belongs(series.name, family))
        throw new Error(`sample outside its family: ${line}`);
      const key = `${series.name}${JSON.stringify(Object.entries(series.labels).sort())}`;
      if (seen.has(key)) throw new Error(`series twice: ${line}`);
      seen.add(key);
      family.series.push(series);
    }
  }
  return families;
}

function belongs(name: string, family: Family): boolean {
  if (family.type !== 'histogram') return name === family.name;
  return ['_bucket', '_sum', '_count'].some((suffix) => name === family.name + suffix);
}

function parseSample(line: string): Series {
  const match = SAMPLE.exec(line);
  if (match === null) throw new Error(`not a sample: ${line}`);
  const labels: Record<string, string> = {};
  const text = match[2] ?? '';
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < text.length) {
    const label = LABEL.exec(text);
    if (label === null) throw new Error(`bad labels: ${line}`);
    if (label[1]! in labels) throw new Error(`label twice: ${line}`);
    labels[label[1]!] = label[2]!.replace(/\\(.)/g, (_, escaped) => (escaped === 'n' ? '\n' : escaped));
  }
  return { name: match[1]!, labels, value: match[3] === '+Inf' ? Infinity : Number(match[3]) };
}

/** The value of one series; throws when it is not there. */
export function seriesValue(
  families: Map<string, Family>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number {
  const familyName = families.has(name) ? name : name.replace(/_(bucket|sum|count)$/, '');
  const found = families
    .get(familyName)
    ?.series.find(
      (series) =>
        series.name === name &&
        Object.keys(series.labels).length === Object.keys(labels).length &&
        Object.entries(labels).every(([key, value]) => series.labels[key] === value),
    );
  if (found === undefined) throw new Error(`no series ${name} ${JSON.stringify(labels)}`);
  return found.value;
}
