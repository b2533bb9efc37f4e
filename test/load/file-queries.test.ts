import { describe, expect, it } from 'vitest';
import { FileQueries, readQueryFile } from '../../src/load/file-queries.ts';
import { ask, PLAIN } from './asked-queries.ts';

describe("a file in dnsperf's format", () => {
  it('is asked in order, again and again', () => {
    const text =
      '# comment\n\n  example.com A\r\n; another\nexample.org.\tAAAA\n. NS\na\\.b.example TYPE65280\nx.y mx';
    const source = new FileQueries('names', text, PLAIN, 1);
    expect(source.count).toBe(5);
    const asked = ask(source, 10).map(({ name, type }) => `${name} ${type}`);
    expect(asked.slice(0, 3)).toEqual(['example.com A', 'example.org AAAA', '. NS']);
    expect(asked[3]).toMatch(/ UNKNOWN_65280$/);
    expect(asked[4]).toBe('x.y MX');
    expect(asked.slice(5)).toEqual(asked.slice(0, 5));
  });

  it('says which line cannot be asked', () => {
    const parse = (text: string) => () => new FileQueries('names', text, PLAIN, 1);
    expect(parse('a.example A\nb.example')).toThrow('names:2: expected a name and a type');
    expect(parse('a.example WHAT')).toThrow('names:1: "WHAT" is not a type');
    expect(parse('a..example A')).toThrow(/names:1: .*empty label/);
    expect(parse('a.example A IN')).toThrow('names:1: expected');
    expect(parse('\n# nothing\n')).toThrow('names: no questions');
    expect(() => readQueryFile('/nonexistent/names', PLAIN, 1)).toThrow(/cannot read/);
  });
});
