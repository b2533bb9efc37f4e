import { describe, expect, it } from 'vitest';
import { mib, number, progressLine, textReport } from '../../src/load/text-report.ts';
import { sampleReport } from './sample-report.ts';

/** The lines by their first word. */
function lines(changes: Parameters<typeof sampleReport>[0] = {}): Record<string, string> {
  const text = textReport(sampleReport(changes)).trimEnd().split('\n');
  return Object.fromEntries(text.map((line) => [line.slice(0, 10).trim(), line.slice(10)]));
}

describe('the report', () => {
  it('names the target, the queries and the result', () => {
    expect(lines()).toEqual({
      target: 'udp://127.0.0.1:5300, closed loop, 20 in flight, 4 clients',
      asked: '100 names',
      sent: '2,000 in 2 s',
      answered: '1,990 (NOERROR 1,980, NXDOMAIN 10)',
      lost: '10 (0.5 %), 3 answered after 1000 ms',
      rate: '995 answers/s',
      latency: 'p50 0.4  p90 0.9  p99 2.5  p99.9 7  max 9 ms',
      tool: '2.5 µs CPU per query',
    });
  });

  it('names the wanted rate of an open loop', () => {
    expect(lines({ mode: 'open', wantedQps: 12_000 }).target).toContain('open loop, 12,000 q/s');
  });

  it('has what the server cost', () => {
    const server = { cpuMicrosPerQuery: 9, cpuSeconds: 1.5, rssBytes: 2 ** 20, peakRssBytes: 3 * 2 ** 20 };
    expect(lines({ server }).server).toBe('9 µs CPU per query (1.5 s), 1.0 MiB (peak 3.0)');
  });

  it.each<[string, Parameters<typeof sampleReport>[0], string]>([
    ['truncated', { truncated: 1200 }, '1,200'],
    ['unexpected', { unexpected: 2 }, '2 messages that answer nothing asked'],
    ['broken', { connectionFailures: 3 }, '3 connections'],
    ['error', { errors: { ECONNREFUSED: 4 } }, 'ECONNREFUSED 4 times'],
    ['unsent', { sendFailures: 5 }, '5 not taken by the kernel'],
    ['note', { toolDrops: 6 }, '6 of the losses were answers that the tool was too slow to take'],
    ['note', { behindMs: 20.5 }, 'the tool was behind its schedule by up to 20.5 ms, counted as latency'],
  ])('remarks on what ought to be zero: %s', (word, changes, text) => {
    expect(lines(changes)[word]).toBe(text);
    expect(lines()[word]).toBeUndefined();
  });

  it('does not remark on a schedule kept to the length of a tick or two', () => {
    expect(lines({ behindMs: 20 }).note).toBeUndefined();
  });
});

it('writes the progress in one line, aligned', () => {
  const sample = {
    atSeconds: 1.25,
    sentPerSecond: 0,
    answeredPerSecond: 12_345,
    lost: 1,
    p50Ms: 0.5,
    p99Ms: 10,
  };
  expect(progressLine(sample, 1000)).toBe(
    '   1.3 s     12,345 answers/s  p50 0.50  p99 10.00 ms  lost 1,000',
  );
});

it('writes numbers and bytes for people', () => {
  expect([number(1_234_567.89), number(0), mib(1_572_864)]).toEqual(['1,234,567.9', '0', '1.5']);
});
