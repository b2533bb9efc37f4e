// Draws the way of a query from the code: files and folders as rooms, imports as arrows. A room
// stands above all that it imports, so an arrow that climbed could not be drawn.
import { importsOf } from './imports.ts';
import { repositoryFiles } from './repository-files.ts';

/** Files that a query passes, each a room. */
const FILES = [
  'worker/data-plane',
  'pipeline/pipeline',
  'pipeline/query-path',
  'pipeline/loop-guard',
  'pipeline/client-gate',
  'pipeline/zone',
  'pipeline/coalescer',
  'pipeline/forward-path',
  'pipeline/attempt-sender',
  'pipeline/outgoing-query',
  'pipeline/response-path',
  'pipeline/upstream-reply',
  'pipeline/retry-policy',
  'pipeline/answers',
].map((name) => `src/${name.replace('worker/', 'server/worker/')}.ts`);
/** Folders that it passes, each drawn as one room. */
const FOLDERS = ['listen', 'pending', 'local', 'cache', 'loop', 'upstream', 'wire', 'io'].map(
  (name) =>
    `src/${({ listen: 'server/listen', pending: 'pipeline/pending' } as Record<string, string>)[name] ?? name}`,
);

const ROOM = { width: 124, height: 34, gap: 26 };
const FLOOR_HEIGHT = 92;
const MARGIN = 16;

interface Way {
  readonly rooms: readonly string[];
  /** Importer and imported. */
  readonly arrows: readonly (readonly [string, string])[];
}

/** The rooms of the way, and what imports what. */
export function readWay(): Way {
  const rooms = [...FILES, ...FOLDERS];
  const roomOf = (path: string) =>
    rooms.find((room) => path === room) ?? rooms.find((room) => path.startsWith(`${room}/`));
  const arrows = new Map<string, readonly [string, string]>();
  for (const { file, target } of repositoryFiles(['src'], ['.ts']).flatMap(importsOf)) {
    const [from, to] = [roomOf(file), roomOf(target)];
    if (from !== undefined && to !== undefined && from !== to) arrows.set(`${from} ${to}`, [from, to]);
  }
  return { rooms, arrows: [...arrows.values()] };
}

/** How many floors each room stands above the ground. Throws where arrows make a circle. */
export function floorsOf({ rooms, arrows }: Way): Map<string, number> {
  const floors = new Map<string, number>();
  const floorOf = (room: string, above: readonly string[]): number => {
    if (above.includes(room)) throw new Error(`a circle: ${[...above, room].join(' → ')}`);
    const known = floors.get(room);
    if (known !== undefined) return known;
    const below = arrows.filter(([from]) => from === room).map(([, to]) => floorOf(to, [...above, room]));
    const floor = Math.max(-1, ...below) + 1;
    floors.set(room, floor);
    return floor;
  };
  for (const room of rooms) floorOf(room, []);
  return floors;
}

/** The arrows without those that a longer way of arrows says too: a picture that can be read. */
function withoutImplied(arrows: Way['arrows']): Way['arrows'] {
  const reaches = (from: string, to: string): boolean =>
    arrows.some((one) => one[0] === from && (one[1] === to || reaches(one[1], to)));
  return arrows.filter(
    ([from, to]) => !arrows.some((one) => one[0] === from && one[1] !== to && reaches(one[1], to)),
  );
}

/** The picture, as an SVG file. */
export function drawWay(way: Way): string {
  const floors = floorsOf(way);
  const top = Math.max(...floors.values());
  const rows = Array.from({ length: top + 1 }, (_, i) =>
    way.rooms.filter((room) => floors.get(room) === top - i),
  );
  const widest = Math.max(...rows.map((row) => row.length));
  const width = 2 * MARGIN + widest * ROOM.width + (widest - 1) * ROOM.gap;
  const height = 2 * MARGIN + top * FLOOR_HEIGHT + ROOM.height;
  const center = new Map<string, { readonly x: number; readonly y: number }>();
  rows.forEach((row, i) => {
    row.forEach((room, j) => {
      const x = (width * (j + 1)) / (row.length + 1);
      center.set(room, { x: Math.round(x), y: MARGIN + i * FLOOR_HEIGHT });
    });
  });
  const lines = withoutImplied(way.arrows).map(([from, to]) => {
    const [a, b] = [center.get(from)!, center.get(to)!];
    const [y1, y2] = [a.y + ROOM.height, b.y - 4];
    const bend = Math.round((y2 - y1) / 2);
    return `<path d="M${a.x} ${y1}C${a.x} ${y1 + bend} ${b.x} ${y2 - bend} ${b.x} ${y2}" marker-end="url(#tip)"/>`;
  });
  const boxes = way.rooms.map((room) => {
    const { x, y } = center.get(room)!;
    const kind = room.endsWith('.ts') ? 'file' : 'folder';
    const name = kind === 'file' ? room.slice(room.lastIndexOf('/') + 1, -3) : `${room.slice(4)}/`;
    return `<rect class="${kind}" x="${x - ROOM.width / 2}" y="${y}" width="${ROOM.width}" height="${ROOM.height}" rx="5"/><text x="${x}" y="${y + 22}">${name}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="title">
<title id="title">The way of a query: files and folders, and what each imports</title>
<defs><marker id="tip" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path class="tip" d="M0 0L8 4L0 8z"/></marker></defs>
<style>
text { font: 12px system-ui, sans-serif; fill: #1f2328; text-anchor: middle; }
rect.file { fill: #ddf4ff; stroke: #0969da; }
rect.folder { fill: #f6f8fa; stroke: #8c959f; }
path { fill: none; stroke: #8c959f; }
.tip { fill: #8c959f; stroke: none; }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc; }
rect.file { fill: #121d2f; stroke: #4493f8; }
rect.folder { fill: #151b23; stroke: #656c76; }
}
</style>
${lines.join('\n')}
${boxes.join('\n')}
</svg>
`;
}
