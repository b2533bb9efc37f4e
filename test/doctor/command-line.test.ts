import { describe, expect, it } from 'vitest';
import { findFlag, splitCommand } from '../../src/doctor/command-line.ts';

describe('a flag', () => {
  it.each([
    ['--resolv-conf=/a', '/a'],
    ['--resolv-conf /a', '/a'],
    ['--resolv_conf=/a', '/a'],
    ['-resolv-conf=/a', '/a'],
    ['--v=2 --resolv-conf=/a --x=y', '/a'],
    ["'--resolv-conf=/a'", '/a'],
    ['--resolv-conf="/a b"', '/a b'],
    ['--resolv-conf=""', ''],
    ['--resolv-conf=', ''],
    ['--resolv-conf=/a --resolv-conf=/b', '/b'],
  ])('%s', (text, value) => {
    const words = splitCommand(`kubelet \\\n ${text}\n`, '/f', 1);
    expect(findFlag(words, 'resolv-conf')).toEqual({ value, setBy: '/f:2' });
  });

  it.each(['--resolv-config=/a', '--no-resolv-conf=/a', ''])('is not in %j', (text) => {
    expect(findFlag(splitCommand(text, '/f', 1), 'resolv-conf')).toBeNull();
  });
});
