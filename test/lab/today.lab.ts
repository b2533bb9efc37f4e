// Debian sid's DNS servers start from their own root, and are newer than those of Debian 12, which
// other tests install.
import { describe, expect, it } from 'vitest';
import { TODAYS_NAMES, type TodaysName, today } from '../../bench/compare/today.ts';

/** The least that counts as today's. */
const LEAST: Readonly<Record<TodaysName, readonly [number, number]>> = {
  dnsdist: [2, 1],
  dnsmasq: [2, 93],
  kresd: [6, 5],
  named: [9, 20],
  smartdns: [48, 0],
  'systemd-resolved': [262, 0],
  unbound: [1, 26],
};

describe.each(TODAYS_NAMES)("today's %s", (name) => {
  it('starts, and reports a current version', () => {
    const [major = 0, minor = 0] = today(name)
      .version.split('.')
      .map((part) => Number.parseInt(part, 10));
    const [leastMajor, leastMinor] = LEAST[name];
    expect(major * 1000 + minor, today(name).version).toBeGreaterThanOrEqual(leastMajor * 1000 + leastMinor);
  });
});
