// Every file that a comment or a document names exists.
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readRepositoryFile, repositoryFiles } from './repository-files.ts';

const FOLDERS = ['src', 'test', 'bench', 'examples', 'packaging', 'config', 'docs', '.ci'];
const files = [...repositoryFiles(['.'], ['']), ...repositoryFiles(FOLDERS, [''])];
const layers = new Set(repositoryFiles(['src'], ['.ts']).map((path) => path.split('/')[1]!));

/** "pipeline/query-path.ts", "query-path.ts", "docs/adr/0005-forwarding-manners.md". */
const FILE = /(?<![\w./@<{$*-])((?:\.\.\/|[\w.-]+\/)*[\w-][\w.-]*\.(?:ts|mjs|c|h|md))(?![\w/-])/g;
/** "pipeline/query-path": a file or folder of src without an ending. */
const MODULE = new RegExp(`(?<![\\w./'@-])((?:${[...layers].join('|')})/[a-z0-9-]+)(?![\\w./*-])`, 'g');
/** Named, and not ours: the kernel's headers, CoreDNS's page, Kubernetes' repository, patterns. */
const ELSEWHERE =
  /^(linux|netinet|sys)\/|^plugin\/cache\/README\.md$|^kubernetes\/release$|^DATE-compare\.md$|^soak\.md$|^a\.b\.c$|^config\/systemd$/;

/** A document's text, or what stands in the comments of a source file. */
function prose(path: string): string {
  const text = readRepositoryFile(path);
  if (path.endsWith('.md')) return text;
  const commentOf = (line: string) =>
    /^\s*(?:\/\/|\/?\*)(.*)/.exec(line)?.[1] ?? /\s\/\/ (.*)$/.exec(line)?.[1] ?? '';
  return text.split('\n').map(commentOf).join('\n');
}

function isThere(name: string, namedIn: string): boolean {
  const path = name.startsWith('../') ? join(dirname(namedIn), name) : name;
  return files.some((file) => file === path || file.endsWith(`/${path}`));
}

/** Names in a file's prose that lead nowhere. */
function missingIn(path: string, text = prose(path)): string[] {
  const names = [...text.matchAll(FILE)].map(([, name]) => name!);
  const modules = [...text.matchAll(MODULE)].map(([, name]) => name!);
  const isModule = (name: string) =>
    isThere(`${name}.ts`, path) || files.some((file) => file.startsWith(`src/${name}/`));
  return [
    ...names.filter((name) => !ELSEWHERE.test(name) && !isThere(name, path)),
    ...modules.filter((name) => !ELSEWHERE.test(name) && !isModule(name)),
  ].map((name) => `${path} names ${name}`);
}

describe('the files that are named', () => {
  it('in comments are there', () => {
    const sources = files.filter((path) => /\.(ts|mjs|c|h)$/.test(path));
    expect(sources.length).toBeGreaterThan(300);
    expect(sources.flatMap((path) => missingIn(path))).toEqual([]);
  });

  it('in documents are there', () => {
    const pages = files.filter((path) => path.endsWith('.md') && !path.startsWith('bench/results/'));
    expect(pages.length).toBeGreaterThan(20);
    expect(pages.flatMap((path) => missingIn(path))).toEqual([]);
  });

  it('would be missed otherwise', () => {
    const sample = 'See pipeline/accept, gone.ts and [that](../gone.md); not pipeline/query-path.';
    expect(missingIn('docs/x.md', sample)).toEqual([
      'docs/x.md names gone.ts',
      'docs/x.md names ../gone.md',
      'docs/x.md names pipeline/accept',
    ]);
  });
});
