import { expect, it } from 'vitest';
import { ConfigInvalid, faultAt, formatFault } from '../../src/config/fault.ts';

const inFile = faultAt({ file: 'unloop.yaml', line: 3, column: 7 }, 'workers', 'too many');
const inFlag = faultAt({ file: '--workers', line: 0, column: 0 }, 'workers', 'too many');

it('names line and column in a file, and nothing but the name elsewhere', () => {
  expect(formatFault(inFile)).toBe('unloop.yaml:3:7: too many');
  expect(formatFault(inFlag)).toBe('--workers: too many');
});

it('lists every fault in one error, with a remedy for its code', () => {
  const error = new ConfigInvalid([inFile, inFlag]);
  expect(error.code).toBe('UNLOOP_CONFIG_INVALID');
  expect(error.message).toContain('unloop.yaml:3:7: too many\n--workers: too many');
  expect(error.faults).toEqual([inFile, inFlag]);
  expect(error.remedy).toContain('unloop check');
  expect(new ConfigInvalid([inFile], 'UNLOOP_UPSTREAM_INVALID').remedy).toContain('another server');
});
