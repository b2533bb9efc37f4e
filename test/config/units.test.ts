import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatDuration,
  formatSize,
  parseDuration,
  parsePercent,
  parseSize,
} from '../../src/config/units.ts';

describe('durations', () => {
  it.each([
    ['500ms', 500],
    ['2s', 2000],
    ['1m', 60_000],
    ['1h', 3_600_000],
    ['1d', 86_400_000],
    ['1h30m', 5_400_000],
    ['1m500ms', 60_500],
    ['0s', 0],
  ])('%s is %i ms', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  it.each([
    ['1800', '1800 is not a duration; it has no unit: write 1800ms or 1800s'],
    ['1.5s', '"1.5s" is not a duration; write a whole number of a smaller unit, such as 1500ms for 1.5s'],
    ['', '"" is not a duration; expected for example 500ms, 2s, 1m, 1h or 1d'],
    ['s', '"s" is not a duration; expected for example 500ms, 2s, 1m, 1h or 1d'],
    ['-1s', '"-1s" is not a duration; expected for example 500ms, 2s, 1m, 1h or 1d'],
    ['30m1h', '"30m1h" is not a duration; expected for example 500ms, 2s, 1m, 1h or 1d'],
    ['1s ', '"1s " is not a duration; expected for example 500ms, 2s, 1m, 1h or 1d'],
    ['5 minutes', '"5 minutes" is not a duration; expected for example 500ms, 2s, 1m, 1h or 1d'],
  ])('%j is refused with a hint', (text, message) => {
    expect(() => parseDuration(text)).toThrow(message);
  });

  it('are written in the largest unit that needs no fraction', () => {
    expect([0, 1, 1800, 60_000, 90_000, 5_400_000, 172_800_000].map(formatDuration)).toEqual([
      '0s',
      '1ms',
      '1800ms',
      '1m',
      '90s',
      '90m',
      '2d',
    ]);
  });

  it('survive writing and reading', () => {
    fc.assert(fc.property(fc.nat(2 ** 31 - 1), (ms) => parseDuration(formatDuration(ms)) === ms));
  });
});

describe('sizes', () => {
  it.each([
    ['64MiB', 67_108_864],
    ['10MB', 10_000_000],
    ['512KiB', 524_288],
    ['1 GiB', 1_073_741_824],
    ['7B', 7],
  ])('%s is %i bytes', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  it.each(['64', '64 M', '64mib', '1.5GiB', '', '-1B'])('%j is refused', (text) => {
    expect(() => parseSize(text)).toThrow(/is not a size; /);
  });

  it('survive writing and reading', () => {
    fc.assert(fc.property(fc.nat(2 ** 40), (bytes) => parseSize(formatSize(bytes)) === bytes));
  });
});

describe('percentages', () => {
  it('are whole numbers with a sign', () => {
    expect(parsePercent('10%')).toBe(10);
    expect(() => parsePercent('10')).toThrow('10 is not a percentage; write 10%');
    expect(() => parsePercent('ten')).toThrow('"ten" is not a percentage; expected for example 10%');
  });
});
