import { expect, it } from 'vitest';
import { readVersion } from '../../src/base/version.ts';

it('the version is three numbers', () => {
  expect(readVersion()).toMatch(/^\d+\.\d+\.\d+/);
});
