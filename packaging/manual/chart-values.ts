// The table of the chart's values, from values.yaml: each value with its default, and the comment
// above or beside it.
import { isMap, isScalar, type Pair, parseDocument, type YAMLMap } from 'yaml';

export interface ChartValue {
  readonly path: string;
  /** As JSON; of a group of values, ''. */
  readonly byDefault: string;
  /** '' where it has no comment of its own. */
  readonly comment: string;
}

/** A group has values of its own below; `{}` and `{ a: 1 }` are values. */
const isGroup = (node: unknown): node is YAMLMap => isMap(node) && node.flow !== true;

/** The parser gives a map the comment that is above its first key. */
function comment(pair: Pair, above: string | null | undefined): string {
  const key = pair.key as { commentBefore?: string };
  const value = pair.value as { comment?: string } | null;
  // What is above a blank line is about the file.
  const paragraph = (key.commentBefore ?? above ?? '').split(/\n\s*\n/).at(-1)!;
  const text = `${paragraph} ${isGroup(value) ? '' : (value?.comment ?? '')}`;
  return text.replaceAll(/\s+/g, ' ').trim();
}

/** All values, in their order; a group that has a comment before what is in it. */
export function chartValues(yaml: string): ChartValue[] {
  const values: ChartValue[] = [];
  const walk = (map: YAMLMap, prefix: string) => {
    for (const [index, pair] of map.items.entries()) {
      const { key, value } = pair;
      const path = `${prefix}${isScalar(key) ? key.value : key}`;
      const said = comment(pair, index === 0 ? map.commentBefore : null);
      if (isGroup(value)) {
        if (said !== '') values.push({ path, byDefault: '', comment: said });
        walk(value, `${path}.`);
      } else {
        const byDefault = JSON.stringify((value as { toJSON(): unknown }).toJSON());
        values.push({ path, byDefault, comment: said });
      }
    }
  };
  walk(parseDocument(yaml).contents as YAMLMap, '');
  return values;
}

/** The table for the chart's README. */
export function chartTable(yaml: string): string {
  const cell = (text: string) => text.replaceAll('|', '\\|');
  const rows = chartValues(yaml).map(
    ({ path, byDefault, comment }) =>
      `| \`${path}\` | ${byDefault && `\`${cell(byDefault)}\``} | ${cell(comment)} |`,
  );
  return ['| value | default | what it sets |', '|---|---|---|', ...rows].join('\n');
}
