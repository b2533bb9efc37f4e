import { describe, expect, it } from 'vitest';
import { formatCidr, parseCidr } from '../../src/config/cidr.ts';

describe('an address block', () => {
  it('has bytes and a prefix length', () => {
    expect(parseCidr('10.0.0.0/8')).toEqual({ family: 4, bytes: Uint8Array.of(10, 0, 0, 0), prefix: 8 });
    expect(parseCidr('192.0.2.1').prefix).toBe(32);
    expect(parseCidr('0.0.0.0/0').bytes).toEqual(new Uint8Array(4));
    expect(formatCidr(parseCidr('FD00:0::/8'))).toBe('fd00::/8');
    expect(formatCidr(parseCidr('::1'))).toBe('::1/128');
  });

  it.each([
    ['10.0.0.1/8', '"10.0.0.1/8" has bits set beyond its prefix; did you mean 10.0.0.0/8?'],
    ['10.0.0.0/33', '"10.0.0.0/33": the prefix length must be a number from 0 to 32'],
    ['fd00::/129', '"fd00::/129": the prefix length must be a number from 0 to 128'],
    ['10.0.0.0/', '"10.0.0.0/": the prefix length must be a number from 0 to 32'],
    ['10.0.0.0/8/8', '"10.0.0.0/8/8" is not an address block'],
    ['fe80::1%eth0/64', 'is not an address block'],
    ['all', '"all" is not an address block; expected for example 10.0.0.0/8'],
  ])('%s is refused', (text, message) => {
    expect(() => parseCidr(text)).toThrow(message);
  });
});
