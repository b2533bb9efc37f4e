import { describe, expect, it } from 'vitest';
import { isPublicAddress } from '../../src/upstream/public-address.ts';

describe('isPublicAddress', () => {
  it.each([
    '8.8.8.8',
    '1.1.1.1',
    '172.32.0.1',
    '100.128.0.1',
    '2606:4700::1111',
    '64:ff9b::808:808',
    '::ffff:9.9.9.9',
  ])('%s is public', (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });

  it.each([
    '127.0.0.53',
    '10.96.0.10',
    '172.16.0.1',
    '192.168.1.1',
    '169.254.20.10',
    '100.64.0.1',
    '0.0.0.0',
    '224.0.0.251',
    '203.0.113.5',
    '::1',
    '::',
    'fd00::10',
    'fe80::1%eth0',
    '2001:db8::1',
    '::ffff:10.0.0.2',
  ])('%s is not', (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });
});
