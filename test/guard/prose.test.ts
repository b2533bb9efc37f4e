// How comments and documents are written: lines that fit a window, and the words of the glossary.
import { describe, expect, it } from 'vitest';
import { readRepositoryFile, repositoryFiles } from './repository-files.ts';

/** Columns of a line of comment or prose. */
const MAX_COLUMNS = 100;

/** Words that the field's own replaced (docs/architecture.md), and where each may still stand. */
const RETIRED: readonly { readonly word: RegExp; readonly now: string; readonly allowed?: RegExp }[] = [
  { word: /\boctets?\b/i, now: 'bytes', allowed: /^test\/fuzz\/corpus\/|^bench\/results\// },
  { word: /\banew\b/i, now: 'again' },
  { word: /\bmend(?:s|ed|ing)?\b|mendTtls/i, now: 'fix, equalize' },
  { word: /\bheed(?:s|ed|ing)?\b/i, now: 'handle, obey' },
  { word: /\bdress(?:es|ed|ing)?\b/i, now: 'with OPT, with our marks' },
  { word: /\bcrews?\b|Crew\b/, now: 'generation' },
  { word: /turn(?:ed|s)?(?:Away| away)\b/, now: 'refuse, limit' },
  { word: /carriedTags/, now: 'forwardedTags' },
  { word: /strangers?\b/i, now: 'other, denied client' },
  { word: /(?:summar|recogn|normal|minim|optim|organ|author)is(?:e|ed|es|ing)\b/i, now: '-ize' },
  { word: /(?:behavi|col|neighb|fav|hon)our|labelled\b|cancelled|licence/i, now: 'American spelling' },
  { word: /\bwhom\b/i, now: 'that, which client' },
  { word: /\bby chance\b/i, now: 'at random' },
  { word: /\bfor certain\b/i, now: 'certainly' },
  { word: /\b(?:is|are) to be had\b/i, now: 'is available' },
  { word: /\bg(?:ive|ives|ave) way\b/i, now: 'ends, makes room' },
  { word: /\bbears?\b/i, now: 'tolerates' },
];

const sources = repositoryFiles(
  ['src', 'test', 'bench', 'examples', 'packaging'],
  ['.ts', '.c', '.h', '.mjs'],
);
const pages = [...repositoryFiles(['.'], ['.md']), ...repositoryFiles(['docs'], ['.md'])];
/** Scripts and settings, whose comments begin with '#'. Others are made from the chart. */
const settings = [
  ...repositoryFiles(['.'], ['Dockerfile']),
  ...repositoryFiles(['.ci', 'config/image', 'config/systemd', 'config/examples'], ['']),
  ...repositoryFiles(['config'], ['default.yaml', 'kustomization.yaml', 'render.sh', 'values.yaml']),
  ...repositoryFiles(['config/prometheus'], ['.yaml']),
];

/** Places of the lines that a test of a line is true for. */
function placesOf(paths: readonly string[], isWrong: (line: string) => boolean): string[] {
  return paths.flatMap((path) =>
    readRepositoryFile(path)
      .split('\n')
      .flatMap((line, i) => (isWrong(line) ? [`${path}:${i + 1}: ${line.trim().slice(0, 80)}`] : [])),
  );
}

/** A line that is nothing but a comment. Links, drawings and what biome reads stay whole. */
function isLongComment(line: string): boolean {
  if (line.length <= MAX_COLUMNS || !/^\s*(\/\/|\*|\/\*|# )/.test(line)) return false;
  return !/biome-ignore|https?:\/\/|[─│┊▶◀┌└|]|\S {3}/.test(line);
}

/** Long lines of a document's prose: not of tables, code, links and what a test writes. */
function longProseOf(text: string): string[] {
  let isCode = false;
  return text.split('\n').filter((line) => {
    if (line.trimStart().startsWith('```')) isCode = !isCode;
    return !isCode && line.length > MAX_COLUMNS && !/^\s*\||https?:\/\/|^ *`[^`]*`$|Instead: /.test(line);
  });
}

describe('prose', () => {
  it(`of a comment has at most ${MAX_COLUMNS} columns`, () => {
    expect(placesOf([...sources, ...settings], isLongComment)).toEqual([]);
  });

  it(`of a document has at most ${MAX_COLUMNS} columns`, () => {
    const places = pages.flatMap((path) =>
      longProseOf(readRepositoryFile(path)).map((line) => `${path}: ${line.slice(0, 80)}`),
    );
    expect(places).toEqual([]);
  });

  it('has none of the words that the glossary retired', () => {
    for (const { word, now, allowed } of RETIRED) {
      const paths = [...sources, ...settings, ...pages].filter(
        (path) => !allowed?.test(path) && path !== 'test/guard/prose.test.ts',
      );
      expect({ now, places: placesOf(paths, (line) => word.test(line)) }).toEqual({ now, places: [] });
    }
  });

  it('would be caught otherwise', () => {
    expect(isLongComment(`  // ${'x'.repeat(100)}`)).toBe(true);
    expect(isLongComment(`# ${'x'.repeat(100)}`)).toBe(true);
    expect(isLongComment(`  const a = '${'x'.repeat(100)}';`)).toBe(false);
    const long = 'x'.repeat(101);
    expect(longProseOf(`${long}\n| ${long}\n\`\`\`\n${long}\n\`\`\``)).toEqual([long]);
    expect(RETIRED[0]!.word.test('three octets')).toBe(true);
  });
});
