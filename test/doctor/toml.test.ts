import { describe, expect, it } from 'vitest';
import { readToml } from '../../src/doctor/toml.ts';

describe('TOML', () => {
  it('has sections, lists over lines, and comments outside quotes', () => {
    const text = [
      "a = 'x # y' # z",
      '[dns] # section',
      'list = [ # first',
      '  "1.1.1.1", # one',
      "  '9.9.9.9'",
      '] ### CHANGED, default = []',
      'port = 53',
      '[dns.more]',
      'list = []',
    ];
    expect([...readToml(text.join('\n'))]).toEqual([
      ['a', { texts: ['x # y'], line: 1 }],
      ['dns.list', { texts: ['1.1.1.1', '9.9.9.9'], line: 3 }],
      ['dns.port', { texts: ['53'], line: 7 }],
      ['dns.more.list', { texts: [], line: 9 }],
    ]);
  });
});
