// The form of files: short, with a head that says what they are, named for what they do; no test is
// switched off, and none switches off the others.
import { describe, expect, it } from 'vitest';
import { readRepositoryFile, repositoryFiles } from './repository-files.ts';

const MAX_LINES = 400;
/** Names that say nothing: whatever is called so grows without end. */
const EMPTY_NAME = /(^|[-/.])(utils?|helpers?|common|misc|manager|shared)([-/.]|$)/;
const SWITCHED = /\b(?:describe|it|test|bench)(?:\.\w+)*\.(?:only|skip|todo|fails)\b/;
/** upstream/shared-state.ts: "shared" is what it is there, memory that threads share. */
const NAMED_WELL = ['src/upstream/shared-state.ts'];

const sources = repositoryFiles(['src', 'packaging'], ['.ts', '.c', '.h', '.mjs']);
const tests = repositoryFiles(['test'], ['.ts', '.mjs']);

describe('source files', () => {
  it('are found by this guard', () => {
    expect(sources).toContain('src/pipeline/query-path.ts');
    expect(tests).toContain('test/guard/source-files.test.ts');
  });

  it(`have at most ${MAX_LINES} lines`, () => {
    const long = sources
      .map((path) => [path, readRepositoryFile(path).trimEnd().split('\n').length] as const)
      .filter(([, lines]) => lines > MAX_LINES);
    expect(long).toEqual([]);
  });

  it('begin by saying what they are', () => {
    const isHeaded = (path: string) => /^(#!.*\n)?\/\/ \S/.test(readRepositoryFile(path));
    // A test file that mirrors a source file needs no more than its name.
    const supports = tests.filter((path) => !path.endsWith('.test.ts'));
    expect([...sources, ...supports].filter((path) => !isHeaded(path))).toEqual([]);
  });

  it('are named in kebab-case, for what they do', () => {
    const isNamed = (path: string) =>
      /^[a-z0-9-]+(\.[a-z]+)*$/.test(path.split('/').at(-1)!) || path.endsWith('.h') || path.endsWith('.c');
    expect([...sources, ...tests].filter((path) => !isNamed(path))).toEqual([]);
    const saysNothing = (path: string) => EMPTY_NAME.test(path) && !NAMED_WELL.includes(path);
    expect(sources.filter(saysNothing)).toEqual([]);
  });
});

/** What starts children otherwise, and why. */
const STARTS_CHILDREN = [
  // For all others.
  'src/base/child-process.ts',
  // Where standard output goes is what it tests.
  'test/process-faults/log-target.test.ts',
  // Its keeper outlives it: it has to clean up.
  'test/lab/kubernetes/node.ts',
  // A service outlives the command that starts it.
  'test/lab/packages/systemctl.mjs',
];

describe('child processes', () => {
  it('are started by base/child-process.ts: their output is bounded, and they end with their parent', () => {
    const starts = repositoryFiles(['src', 'test', 'bench', 'examples', 'packaging'], ['.ts', '.mjs']).filter(
      (path) =>
        /import \{[^}]*\b(?:spawn|fork)\b[^}]*\} from 'node:child_process'/.test(readRepositoryFile(path)),
    );
    expect(starts.sort()).toEqual([...STARTS_CHILDREN].sort());
  });
});

describe('test files', () => {
  it('run all their tests', () => {
    const switched = tests.flatMap((path) =>
      readRepositoryFile(path)
        .split('\n')
        .map((line, i) => ({ place: `${path}:${i + 1}`, line }))
        .filter(({ line }) => SWITCHED.test(line))
        .map(({ place }) => place),
    );
    expect(switched).toEqual([]);
  });

  it('would be caught otherwise', () => {
    for (const [call, how] of [
      ['it', 'only'],
      ['describe', 'skip'],
      ['test.concurrent', 'todo'],
    ])
      expect(SWITCHED.test(`  ${call}.${how}('something', () => {})`)).toBe(true);
    expect(SWITCHED.test("describe.skipIf(!HAS_IPV6)('over IPv6', () => {})")).toBe(false);
  });
});
