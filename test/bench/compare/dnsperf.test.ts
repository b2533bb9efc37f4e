import { describe, expect, it } from 'vitest';
import { readTotals } from '../../../bench/compare/dnsperf.ts';

const TOTALS = `[Status] Testing complete (time limit)

Statistics:

  Queries sent:         359997
  Queries completed:    359990 (100.00%)
  Queries lost:         7 (0.00%)

  Response codes:       NOERROR 359000 (99.72%), SERVFAIL 990 (0.28%)
  Average packet size:  request 39, response 55
  Run time (s):         3.005377
  Queries per second:   119784.306594

  Average Latency (s):  0.000994 (min 0.000009, max 0.013037)
  Latency StdDev (s):   0.000871
`;

describe('what dnsperf says', () => {
  it('is read: answers, losses, rate, RCODEs', () => {
    expect(readTotals(TOTALS)).toEqual({
      completed: 359990,
      lost: 7,
      queriesPerSecond: 119784.306594,
      rcodes: { NOERROR: 359000, SERVFAIL: 990 },
    });
  });

  it('may be that nothing was answered', () => {
    const text = TOTALS.replace(/completed: .*/, 'completed:    0 (0.00%)').replace(
      /^ *Response codes.*$/m,
      '',
    );
    expect(readTotals(text)).toMatchObject({ completed: 0, rcodes: {} });
  });

  it('that ends before the totals is no result', () => {
    expect(() => readTotals('[Status] Sending queries\n')).toThrow('Queries completed');
  });
});
