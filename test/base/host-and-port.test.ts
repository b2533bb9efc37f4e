import { expect, it } from 'vitest';
import { formatHostAndPort } from '../../src/base/host-and-port.ts';

it('writes brackets around an IPv6 address only', () => {
  expect(formatHostAndPort('10.0.0.2', 53)).toBe('10.0.0.2:53');
  expect(formatHostAndPort('::1', 53)).toBe('[::1]:53');
});
