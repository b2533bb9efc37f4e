// The path of a query as a drawing in text: from left to right, branches below one another, ⟲ where
// it goes round. Called by render-text.
import type { Hop, QueryPath } from './report.ts';

/** A wider drawing is drawn from top to bottom instead. */
const MAX_WIDTH = 110;

/** The lines of one drawing; the paths begin below one another. */
export function drawPaths(paths: readonly QueryPath[]): string[] {
  const width = Math.max(0, ...paths.map(({ from }) => from.length));
  return paths.flatMap((path) => {
    const wide = drawWide(path.from.padEnd(width), path.hops);
    return wide.every((line) => line.length <= MAX_WIDTH) ? wide : [path.from, ...drawUpright(path.hops, '')];
  });
}

function drawWide(head: string, hops: readonly Hop[]): string[] {
  if (hops.length === 0) return [`${head} ──▶ nobody`];
  const indent = ' '.repeat(head.length);
  return hops.flatMap((hop, index) => {
    const isFirst = index === 0;
    const isLast = index === hops.length - 1;
    const [line, ...rest] = hop.next.length === 0 ? [describeHop(hop)] : drawWide(describeHop(hop), hop.next);
    const corner = hops.length === 1 ? ' ──▶ ' : isFirst ? ' ─┬▶ ' : isLast ? '  └▶ ' : '  ├▶ ';
    const below = isLast ? '     ' : '  │  ';
    return [(isFirst ? head : indent) + corner + line, ...rest.map((text) => indent + below + text)];
  });
}

function drawUpright(hops: readonly Hop[], indent: string): string[] {
  return hops.flatMap((hop, index) => {
    const isLast = index === hops.length - 1;
    const below = indent + (isLast ? '   ' : '│  ');
    return [`${indent}${isLast ? '└▶' : '├▶'} ${describeHop(hop)}`, ...drawUpright(hop.next, below)];
  });
}

function describeHop({ zone, server, role, state, next }: Hop): string {
  const label = zone === '.' ? '' : `${zone}: `;
  const text = label + (role === '' ? server : `${server} ${role}`);
  if (state === 'loops' || state === 'wouldLoop') return `${text} ⟲`;
  if (state === 'dead') return `${text} ✗ nobody listens`;
  return state === 'unknown' && next.length === 0 && server !== '?' ? `${text} ──▶ ?` : text;
}
