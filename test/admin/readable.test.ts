import { describe, expect, it } from 'vitest';
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatMs,
  formatPercent,
  formatRate,
  formatTime,
} from '../../src/admin/readable.ts';

describe('numbers for people', () => {
  it('counts', () => {
    expect([0, 999, 1234567].map(formatCount)).toEqual(['0', '999', '1,234,567']);
  });

  it('rates', () => {
    expect([0, 0.25, 9.94, 9.95, 12345.6].map(formatRate)).toEqual(['0', '0.3', '9.9', '10', '12,346']);
  });

  it('percents: almost nothing is not nothing, almost all is not all', () => {
    expect([null, 0, 0.0001, 0.005, 0.5, 0.995, 0.99999, 1].map(formatPercent)).toEqual([
      '–',
      '0 %',
      '< 0.1 %',
      '0.5 %',
      '50 %',
      '99.5 %',
      '> 99.9 %',
      '100 %',
    ]);
  });

  it('times', () => {
    expect([null, 0.0625, 1.25, 18, 4096, Number.POSITIVE_INFINITY].map(formatMs)).toEqual([
      '–',
      '63 µs',
      '1.3 ms',
      '18 ms',
      '4.1 s',
      '> 4.1 s',
    ]);
  });

  it('bytes', () => {
    expect([0, 1023, 1024, 67_108_864, 2 ** 31].map(formatBytes)).toEqual([
      '0 B',
      '1023 B',
      '1.0 KiB',
      '64.0 MiB',
      '2.0 GiB',
    ]);
  });

  it('spans of time', () => {
    expect([-5, 0, 59_999, 60_000, 3_725_000, 90_000_000].map(formatDuration)).toEqual([
      '0 s',
      '0 s',
      '59 s',
      '1 min',
      '1 h 2 min',
      '1 d 1 h',
    ]);
  });

  it('moments', () => {
    expect(formatTime('2026-11-23T10:00:05.123Z')).toBe('2026-11-23 10:00:05 UTC');
  });
});
