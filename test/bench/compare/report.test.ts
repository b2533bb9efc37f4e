import { describe, expect, it } from 'vitest';
import { parseOptions } from '../../../bench/compare/options.ts';
import { renderPicture } from '../../../bench/compare/picture.ts';
import { best, figure, type Measurement, type Report, ratio } from '../../../bench/compare/report.ts';
import { SCENARIO_KEYS } from '../../../bench/compare/scenarios.ts';
import { renderReport } from '../../../bench/compare/tables.ts';

function turns(scenario: string, contender: string, cpuMicros: readonly number[]): Measurement[] {
  return cpuMicros.map((value, round) => ({
    scenario,
    contender,
    round,
    values: { cpuMicros: value, queriesPerSecond: 1e6 / value },
  }));
}

const REPORT: Report = {
  date: '2026-01-02T03:04:05.000Z',
  quick: false,
  smoke: false,
  rounds: 3,
  seconds: 5,
  machine: {
    cpu: 'A <fast> CPU & more',
    cores: 2,
    memoryGib: 8,
    kernel: '6.1',
    node: '20.19.0',
    loadBefore: 0.1,
    commit: 'abc1234',
    modified: false,
  },
  versions: { unloop: '0.1.0', unbound: '1.17.1', dnsdist: null },
  notes: ['tcp, dnsmasq: lost 5 of 100'],
  measurements: [
    ...turns('cached', 'floor-answer', [4, 8, 5]),
    ...turns('cached', 'unloop', [5, 10, 6]),
    ...turns('cached', 'unbound', [8, 9, 20]),
    ...turns('cached', 'dnsmasq', [12, 11, 10]),
  ],
};

describe('figures', () => {
  it('are medians over rounds', () => {
    expect(figure(REPORT, 'cached', 'unloop', 'cpuMicros')).toBe(6);
    expect(figure(REPORT, 'cached', 'coredns', 'cpuMicros')).toBeNaN();
  });

  it('are compared round by round, so that a noisy round weighs on both', () => {
    expect(ratio(REPORT, 'cached', 'unloop', 'floor-answer', 'cpuMicros')).toBe(1.25);
    expect(ratio(REPORT, 'cached', 'unloop', 'coredns', 'cpuMicros')).toBeNaN();
  });

  it('name the best peer', () => {
    expect(best(REPORT, 'cached', ['unbound', 'dnsmasq', 'coredns'], 'cpuMicros')).toBe('unbound');
    expect(best(REPORT, 'tcp', ['unbound', 'dnsmasq'], 'cpuMicros')).toBeNull();
  });
});

describe('the tables', () => {
  const text = renderReport(REPORT);

  it('say what was measured where', () => {
    for (const fact of ['2026-01-02', 'abc1234', 'Linux 6.1', 'Node 20.19.0', 'unbound 1.17.1'])
      expect(text).toContain(fact);
    expect(text).toContain('dnsdist not installed');
    expect(text).toContain('tcp, dnsmasq: lost 5 of 100');
  });

  it('leave out what was not measured', () => {
    expect(text).not.toContain('latency in ms');
    expect(text).not.toContain('| CoreDNS');
    expect(text).not.toContain('NaN');
  });

  it('have rows of the same width', () => {
    for (const block of text.split('\n\n').filter((part) => part.startsWith('|'))) {
      expect(
        new Set(
          block
            .trim()
            .split('\n')
            .map((line) => line.length),
        ).size,
      ).toBe(1);
    }
  });

  it('show the ratios', () => {
    expect(text).toMatch(/cached, A, no OPT .* 1\.25 × .* 0\.6\d × .* unbound/);
  });
});

describe('the picture', () => {
  const svg = renderPicture(REPORT);

  it('refers to nothing outside and runs nothing', () => {
    expect(svg).not.toMatch(/href|url\(|<script|@import|<image/);
    expect(svg.match(/https?:\/\/[^"]*/g)).toEqual(['http://www.w3.org/2000/svg']);
  });

  it('is well-formed text for light and dark', () => {
    expect(svg).toContain('A &lt;fast&gt; CPU &amp; more');
    expect(svg).toContain('prefers-color-scheme: dark');
    const tags = svg.match(/<\/?[a-z]+/g)!;
    for (const tag of ['svg', 'text', 'title', 'style'])
      expect(tags.filter((found) => found === `<${tag}`).length).toBe(
        tags.filter((found) => found === `</${tag}`).length,
      );
  });

  it('has bars in proportion, the least first', () => {
    const widths = [...svg.matchAll(/<rect class="\w+" [^>]*width="([\d.]+)"/g)].map((match) =>
      Number(match[1]),
    );
    expect(widths.length).toBe(4);
    expect(widths).toEqual(widths.toSorted((a, b) => a - b));
    expect(widths[0]! / widths[3]!).toBeCloseTo(5 / 11, 2);
  });
});

describe('the options', () => {
  it('are fewer rounds when it must be quick, and nothing written when it is only to be seen to work', () => {
    expect(parseOptions(['--quick'])).toMatchObject({ rounds: 3, seconds: 2, write: true, quick: true });
    expect(parseOptions(['--smoke'])).toMatchObject({ rounds: 1, seconds: 1, write: false, smoke: true });
    expect(parseOptions([])).toMatchObject({ rounds: 5, seconds: 5, write: true, complete: true });
    expect(parseOptions(['--quick', '--rounds', '4'])).toMatchObject({ rounds: 4, seconds: 2 });
    expect(parseOptions(['--quick', '--no-write'])).toMatchObject({ write: false });
    expect(parseOptions(['--help'])).toBe('help');
  });

  it('choose scenarios and contenders by one flag', () => {
    const options = parseOptions(['--only', 'storm', '--only', 'peer', '--scenario', 'pause']);
    expect(options).toMatchObject({ scenarios: ['pause', 'storm'], only: ['peer'], complete: false });
    expect(parseOptions(['--only', 'unloop'])).toMatchObject({ scenarios: SCENARIO_KEYS, only: ['unloop'] });
  });

  it('are refused with a reason', () => {
    expect(() => parseOptions(['--scenario', 'cahced'])).toThrow('unknown scenario "cahced"');
    expect(() => parseOptions(['--rounds', '0'])).toThrow('--rounds');
    expect(() => parseOptions(['--seconds', 'x'])).toThrow('--seconds');
    expect(() => parseOptions(['--fast'])).toThrow('--fast');
    expect(() => parseOptions(['--only', 'bind'])).toThrow('bind');
  });
});
