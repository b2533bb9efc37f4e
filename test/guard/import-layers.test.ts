// Imports only go down: one table says what each folder of src may import. So a folder can be
// understood without those above it, and changed without harm to those below.
import { describe, expect, it } from 'vitest';
import { type Import, importsOf } from './imports.ts';
import { repositoryFiles } from './repository-files.ts';

/**
 * Lowest first. `types:` before a folder: only types may come from there, which leave nothing
 * behind in the built program. `cache`, `loop` and `upstream` know nothing of each other:
 * `pipeline` joins them.
 */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  base: [],
  wire: ['base'],
  metrics: ['base'],
  io: ['base'],
  config: ['base'],
  discovery: ['base', 'types:config'],
  cache: ['wire', 'metrics', 'base'],
  loop: ['wire', 'metrics', 'base'],
  upstream: ['wire', 'io', 'metrics', 'base', 'types:config'],
  local: ['wire', 'base', 'types:config'],
  dnstap: ['io', 'wire', 'metrics', 'base'],
  top: ['io', 'wire', 'metrics', 'base'],
  kubernetes: ['base'],
  pipeline: [
    'top',
    'types:dnstap',
    'local',
    'upstream',
    'loop',
    'cache',
    'config',
    'io',
    'metrics',
    'wire',
    'base',
  ],
  admin: ['types:pipeline', 'types:cache', 'metrics', 'config', 'base'],
  server: [
    'admin',
    'kubernetes',
    'pipeline',
    'top',
    'dnstap',
    'local',
    'upstream',
    'loop',
    'cache',
    'discovery',
    'config',
    'io',
    'metrics',
    'wire',
    'base',
  ],
  doctor: ['discovery', 'loop', 'upstream', 'config', 'io', 'wire', 'base'],
  load: ['upstream', 'config', 'io', 'wire', 'base'],
  cli: ['load', 'doctor', 'server', 'admin', 'discovery', 'config', 'io', 'metrics', 'wire', 'base'],
};

const files = repositoryFiles(['src'], ['.ts']);
const imports = files.flatMap(importsOf);
const folderOf = (path: string) => path.split('/')[1]!;
/** A file of a layer, or the folder within the layer that it stands in. */
const roomOf = (path: string) =>
  path
    .split('/')
    .slice(0, path.split('/').length > 3 ? 3 : undefined)
    .join('/');

function faultOf({ file, line, typeOnly, target }: Import): string | null {
  const [from, to] = [folderOf(file), folderOf(target)];
  if (!target.startsWith('src/')) return `${file}:${line} imports ${target}, outside of src`;
  if (from === to) return null;
  const allowed = ALLOWED[from] ?? [];
  if (allowed.includes(to) || (typeOnly && allowed.includes(`types:${to}`))) return null;
  return `${file}:${line} imports ${target}: ${from} may import ${allowed.join(', ') || 'nothing'}`;
}

/** A way round, as "a → b → a"; null when there is none. */
function findCycle(graph: ReadonlyMap<string, ReadonlySet<string>>): string | null {
  const done = new Set<string>();
  const walk = (node: string, path: readonly string[]): string | null => {
    if (path.includes(node)) return [...path.slice(path.indexOf(node)), node].join(' → ');
    if (done.has(node)) return null;
    for (const next of graph.get(node) ?? []) {
      const cycle = walk(next, [...path, node]);
      if (cycle !== null) return cycle;
    }
    done.add(node);
    return null;
  };
  for (const node of graph.keys()) {
    const cycle = walk(node, []);
    if (cycle !== null) return cycle;
  }
  return null;
}

function graphOf(edges: readonly (readonly [string, string])[]): Map<string, Set<string>> {
  const graph = new Map<string, Set<string>>();
  for (const [from, to] of edges) {
    if (!graph.has(from)) graph.set(from, new Set());
    if (from !== to) graph.get(from)!.add(to);
  }
  return graph;
}

describe('imports in src', () => {
  it('are read by this guard at all', () => {
    expect(imports.length).toBeGreaterThan(300);
    expect(imports.some((one) => one.typeOnly)).toBe(true);
    expect(importsOf('src/cli/main.ts').map((one) => one.target)).toContain('src/cli/dispatch.ts');
  });

  it('go only where the table of layers allows', () => {
    expect(imports.map(faultOf).filter((fault) => fault !== null)).toEqual([]);
  });

  it('stand in a table that names every folder once and points downwards only', () => {
    const folders = [...new Set(files.map(folderOf))].filter((name) => !name.includes('.'));
    expect(folders.filter((folder) => !(folder in ALLOWED))).toEqual([]);
    const edges = Object.entries(ALLOWED).flatMap(([from, tos]) =>
      tos.map((to) => [from, to.replace('types:', '')] as const),
    );
    expect(findCycle(graphOf(edges))).toBeNull();
    for (const peer of ['cache', 'loop', 'upstream'])
      for (const other of ['cache', 'loop', 'upstream'])
        expect(ALLOWED[peer]!.map((entry) => entry.replace('types:', ''))).not.toContain(
          peer === other ? '' : other,
        );
  });

  it('make no circle between folders, types included', () => {
    const edges = imports.map((one) => [folderOf(one.file), folderOf(one.target)] as const);
    expect(findCycle(graphOf(edges))).toBeNull();
  });

  it('make no circle within a layer between its folders, or between one and a file, types included', () => {
    const edges = imports.map((one) => [roomOf(one.file), roomOf(one.target)] as const);
    expect(findCycle(graphOf(edges))).toBeNull();
  });

  it('make no circle between files, types included', () => {
    const edges = imports.map((one) => [one.file, one.target] as const);
    expect(findCycle(graphOf(edges))).toBeNull();
  });

  it('would be caught going up, sideways or round', () => {
    const sample = { file: 'src/cache/x.ts', line: 1, typeOnly: true };
    expect(faultOf({ ...sample, target: 'src/upstream/y.ts' })).toMatch(/cache may import/);
    expect(faultOf({ ...sample, target: 'src/server/y.ts' })).toMatch(/cache may import/);
    expect(faultOf({ ...sample, target: 'bench/compare/main.ts' })).toMatch(/outside of src/);
    expect(faultOf({ ...sample, file: 'src/upstream/x.ts', target: 'src/config/y.ts' })).toBeNull();
    expect(
      faultOf({ ...sample, file: 'src/upstream/x.ts', target: 'src/config/y.ts', typeOnly: false }),
    ).toMatch(/upstream may import/);
    const edges = [
      ['a', 'b'],
      ['b', 'c'],
      ['c', 'a'],
    ] as const;
    expect(findCycle(graphOf(edges))).toBe('a → b → c → a');
  });
});
