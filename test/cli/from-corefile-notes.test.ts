import { describe, expect, it } from 'vitest';
import { convertDuration, Notes, parseGoDuration, quote } from '../../src/cli/from-corefile-notes.ts';

const directive = (args: string[] = []) => ({ name: 'cache', args, line: 3, column: 1, body: [] });

it.each([
  ['30', 30_000],
  ['0', 0],
  ['1m30s', 90_000],
  ['1.5h', 5_400_000],
  ['500ms', 500],
  ['1500us', 2],
  ['1500µs', 2],
  ['1h1m1s1ms', 3_661_001],
  ['', null],
  ['-1s', null],
  ['1d', null],
  ['s', null],
  ['1.5', null],
  ['1s ', null],
])('reads the Go duration %j as %s ms', (text, ms) => {
  expect(parseGoDuration(text)).toBe(ms);
});

describe('a converted duration', () => {
  const convert = (text: string) => {
    const notes = new Notes();
    const kept = convertDuration(directive(), text, notes, [1000, 60_000, 1000]);
    return [kept, ...notes.lines.map((note) => note.text)];
  };

  it('is kept as it is within the range', () => {
    expect(convert('30')).toEqual(['30s']);
    expect(convert('1m')).toEqual(['1m']);
  });

  it('is clamped to the range, and a note says so', () => {
    expect(convert('1h')).toEqual(['1m', 'cache: 1h becomes 1m, the nearest that can be set']);
    expect(convert('0')).toEqual(['1s', 'cache: 0 becomes 1s, the nearest that can be set']);
  });

  it('is rounded to the unit of the setting, and a note says so', () => {
    expect(convert('1400ms')[0]).toBe('1s');
    expect(convert('1400ms')).toHaveLength(2);
  });

  it('is left out where it is none, and a note says so', () => {
    expect(convert('soon')).toEqual([null, 'cache: "soon" is not a duration; left out']);
  });
});

describe('notes', () => {
  it('are kept once for each line', () => {
    const notes = new Notes();
    for (const line of [1, 1, 2]) notes.add({ line }, 'same');
    notes.add({ line: 1 }, 'other');
    expect(notes.lines.map(({ line, text }) => `${line} ${text}`)).toEqual(['1 same', '2 same', '1 other']);
  });

  it('stay in one line: they become comments', () => {
    const notes = new Notes();
    notes.add({ line: 1 }, 'a\nupstreams: [evil]\r\n\tb\0c');
    expect(notes.lines[0]!.text).toBe('a upstreams: [evil] b c');
  });
});

it('quotes a directive, a long one cut short', () => {
  expect(quote(directive(['30', 'example.org']))).toBe('cache 30 example.org');
  const long = quote(directive(['x'.repeat(100)]));
  expect(long).toHaveLength(58);
  expect(long.endsWith('…')).toBe(true);
});
