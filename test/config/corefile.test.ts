import { describe, expect, it } from 'vitest';
import { parseCorefile } from '../../src/config/corefile.ts';
import { formatFault } from '../../src/config/fault.ts';

const faultsOf = (text: string) => parseCorefile(text, 'Corefile').faults.map(formatFault);

describe('parseCorefile', () => {
  it('reads blocks, directives and their bodies with their lines', () => {
    const { blocks, faults } = parseCorefile('.:53 {\n  errors\n  cache 30 {\n    denial 1 2\n  }\n}\n', 'x');
    expect(faults).toEqual([]);
    expect(blocks).toEqual([
      {
        keys: ['.:53'],
        line: 1,
        directives: [
          { name: 'errors', args: [], line: 2, column: 3, body: [] },
          {
            name: 'cache',
            args: ['30'],
            line: 3,
            column: 3,
            body: [{ name: 'denial', args: ['1', '2'], line: 4, column: 5, body: [] }],
          },
        ],
      },
    ]);
  });

  it('takes several keys, over lines that end in a comma', () => {
    const { blocks } = parseCorefile('a.example, b.example:54,\n  tls://c.example {\n}\nd {\n}', 'x');
    expect(blocks.map(({ keys, line }) => [line, ...keys])).toEqual([
      [1, 'a.example', 'b.example:54', 'tls://c.example'],
      [4, 'd'],
    ]);
  });

  it('takes one block without braces', () => {
    const { blocks, faults } = parseCorefile('.\nerrors\nforward . 10.0.0.1', 'x');
    expect(faults).toEqual([]);
    expect(blocks[0]!.directives.map(({ name }) => name)).toEqual(['errors', 'forward']);
  });

  it('knows comments, quotes and a quoted brace', () => {
    const text = '. { # comment {\n  log "two words" "a \\"b\\"" "{" a#b\n}';
    expect(parseCorefile(text, 'x').blocks[0]!.directives[0]!.args).toEqual([
      'two words',
      'a "b"',
      '{',
      'a#b',
    ]);
  });

  it('puts a snippet in place of its import, and keeps the import of a file', () => {
    const text = '(common) {\n  errors\n  log\n}\n. {\n  import common\n  import other.conf\n}';
    const { blocks } = parseCorefile(text, 'x');
    expect(blocks).toHaveLength(1);
    expect(blocks[0]!.directives.map(({ name, args }) => [name, ...args])).toEqual([
      ['errors'],
      ['log'],
      ['import', 'other.conf'],
    ]);
  });

  it.each([
    ['. {\n  errors', 'Corefile:1:1: its "{" is never closed'],
    ['.\nerrors\n}', 'Corefile:3:1: a "}" without its "{"'],
    ['. {\n  {\n}', 'Corefile:2:3: a "{" without a word before it'],
    ['{\n}', 'Corefile:1:1: "{" is not the start of a server block'],
    ['a b$c {\n}', 'Corefile:1:1: "b$c" is not a zone'],
    [`. ${'{ a '.repeat(20)}`, 'braces are nested too deeply'],
  ])('reports %j with its place', (text, message) => {
    expect(faultsOf(text)).toEqual([expect.stringContaining(message)]);
  });

  it('ends with snippets that import themselves', () => {
    const chain = Array.from({ length: 30 }, (_, i) => `(s${i + 1}) {\n import s${i}\n import s${i}\n}`);
    const { blocks } = parseCorefile(
      `(s0) {\n log\n}\n${chain.slice(0, 8).join('\n')}\n. {\n import s8\n}`,
      'x',
    );
    expect(blocks[0]!.directives.length).toBe(256);
    expect(parseCorefile('(a) {\n import a\n}\n. {\n import a\n}', 'x').blocks[0]!.directives).toHaveLength(
      1,
    );
  });
});

it('reads imports between the server blocks, as k3s and AKS have them', () => {
  const { blocks, imports, faults } = parseCorefile('. {\n  errors\n}\nimport custom/*.server\n', 'Corefile');
  expect(faults).toEqual([]);
  expect(blocks).toHaveLength(1);
  expect(imports).toMatchObject([{ name: 'import', args: ['custom/*.server'], line: 4, column: 1 }]);
  // A zone of that name is one.
  expect(parseCorefile('import {\n  errors\n}\n', 'Corefile').blocks[0]!.keys).toEqual(['import']);
});
