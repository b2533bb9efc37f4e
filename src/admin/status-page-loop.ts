// The picture of a loop: a box for each hop, an arrow from each to the next, and one back to here.
import { type Html, html } from './html.ts';

const BOX_WIDTH = 232;
const BOX_HEIGHT = 44;
const GAP = 26;
const WIDTH = 310;
/** From the last box back to the first. */
const RETURN_X = 282;
/** Boxes drawn; a longer path is cut in its middle. */
const MAX_BOXES = 6;
/** What fits into a box. */
const MAX_CHARACTERS = 28;

/** `path` begins and ends here, as in /loops. Nothing for a path of nothing else. */
export function renderLoopPicture(path: readonly string[], state: 'open' | 'closed'): Html | string {
  const hops = cut(path.slice(0, -1));
  if (hops.length < 2) return '';
  const height = hops.length * (BOX_HEIGHT + GAP) - GAP + 2;
  const label = `The way of a query: ${path.join(', then ')}`;
  const boxes = hops.map((hop, index) => renderHop(hop, index, hops.length));
  const arrows = hops.slice(1).map((_, index) => renderArrow(index));
  return html`<svg class="loop ${state}" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${label}">${boxes}${arrows}${renderReturn(hops.length)}</svg>`;
}

function cut(hops: readonly string[]): readonly string[] {
  if (hops.length <= MAX_BOXES) return hops;
  return [...hops.slice(0, MAX_BOXES - 2), `… ${hops.length - MAX_BOXES + 1} more`, hops.at(-1)!];
}

function topOf(index: number): number {
  return 1 + index * (BOX_HEIGHT + GAP);
}

function renderHop(hop: string, index: number, count: number): Html {
  const y = topOf(index);
  const role = roleOf(index, count);
  const text = hop.length > MAX_CHARACTERS ? `${hop.slice(0, MAX_CHARACTERS - 1)}…` : hop;
  return html`<g><title>${hop}</title><rect x="1" y="${y}" width="${BOX_WIDTH}" height="${BOX_HEIGHT}" rx="8"/><text x="14" y="${y + 19}">${text}</text><text class="role" x="14" y="${y + 35}">${role}</text></g>`;
}

function roleOf(index: number, count: number): string {
  if (index === 0) return 'unloop, here';
  const isLast = index === count - 1;
  if (index === 1) return isLast ? 'the upstream sends it back here' : 'the upstream';
  return isLast ? 'sends it here' : '';
}

/** Down, from one box to the next. */
function renderArrow(index: number): Html {
  const x = BOX_WIDTH / 2;
  const from = topOf(index) + BOX_HEIGHT;
  const to = topOf(index + 1) - 2;
  return html`<path class="way" d="M${x} ${from}V${to - 4}"/><path class="head" d="M${x - 5} ${to - 7}L${x} ${to}L${x + 5} ${to - 7}Z"/>`;
}

/** Up on the right side. */
function renderReturn(count: number): Html {
  const right = BOX_WIDTH + 1;
  const low = topOf(count - 1) + BOX_HEIGHT / 2;
  const high = topOf(0) + BOX_HEIGHT / 2;
  const middle = (low + high) / 2;
  return html`<path class="way" d="M${right} ${low}H${RETURN_X}V${high}H${right + 8}"/><path class="head" d="M${right + 9} ${high - 5}L${right + 2} ${high}L${right + 9} ${high + 5}Z"/><text class="back" x="${RETURN_X + 6}" y="${middle}" transform="rotate(90 ${RETURN_X + 6} ${middle})" text-anchor="middle">comes back</text>`;
}
