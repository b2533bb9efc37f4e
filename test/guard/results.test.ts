// What bench/results keeps: the latest run of each kind, with its commit, and named by a page.
import { basename } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readRepositoryFile, repositoryFiles } from './repository-files.ts';

const runs = repositoryFiles(['bench/results'], ['']).filter((path) => !path.endsWith('/history.md'));
const reports = runs.filter((path) => path.endsWith('.md'));
const pages = ['README.md', ...repositoryFiles(['docs'], ['.md'])].map(readRepositoryFile);

describe('bench/results', () => {
  it('has files called DATE-KIND.md, and the numbers of a report beside it', () => {
    expect(reports.length).toBeGreaterThan(5);
    const odd = runs.filter((path) => !/\/\d{4}-\d\d-\d\d-[a-z0-9-]+\.(?:md|json)$/.test(path));
    expect(odd).toEqual([]);
    const alone = runs.filter((path) => !reports.includes(path.replace(/\.json$/, '.md')));
    expect(alone).toEqual([]);
  });

  it('keeps one run of each kind', () => {
    const kinds = reports.map((path) => basename(path).slice('2026-01-01-'.length));
    expect(kinds.filter((kind, i) => kinds.indexOf(kind) !== i)).toEqual([]);
  });

  it.each(reports)('%s names the commit that was measured', (path) => {
    expect(readRepositoryFile(path)).toMatch(/\b(?=[a-f]*\d)[0-9a-f]{7}\b/);
  });

  it.each(reports)('%s is named by a page', (path) => {
    expect(pages.filter((page) => page.includes(basename(path)))).not.toEqual([]);
  });
});
