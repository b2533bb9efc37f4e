import { describe, expect, it } from 'vitest';
import { type Chart, escapeHtml, lineChart } from '../../src/load/line-chart.ts';

type Point = readonly [number, number];

function draw(points: readonly Point[], change: Partial<Chart> = {}): string {
  const lines = [{ label: 'run', color: 2, points }];
  return lineChart({ title: 'Rate', xLabel: 'seconds', yLabel: 'answers', lines, ...change });
}

/** The ends of the drawn line, in pixels. */
const drawn = (svg: string): Point[] =>
  [.../ d="([^"]*)"/.exec(svg)![1]!.matchAll(/[ML]([\d.]+) ([\d.]+)/g)].map(([, x, y]) => [
    Number(x),
    Number(y),
  ]);
/** The texts at an axis: those of y end at their mark, those of x have it in their middle. */
const ticks = (svg: string, anchor: 'end' | 'middle') =>
  [...svg.matchAll(new RegExp(`<text x="[^"]*" y="[^"]*"[^>]*text-anchor="${anchor}">([^<]*)<`, 'g'))].map(
    ([, text]) => text,
  );

describe('a chart', () => {
  it('places the points within its axes, larger values higher', () => {
    const [low, high] = drawn(
      draw([
        [0, 0],
        [10, 50],
      ]),
    );
    expect(low).toEqual([70, 256]);
    expect(high).toEqual([690, 12]);
  });

  it('begins the y axis at zero, so that a small change does not look like a large one', () => {
    const svg = draw([
      [0, 90],
      [1, 100],
    ]);
    expect(ticks(svg, 'end')).toEqual(['0', '20', '40', '60', '80', '100']);
  });

  it('puts powers of ten at equal distances on a logarithmic axis', () => {
    const points = [1, 10, 100].map((value) => [value, value] as const);
    const svg = draw(points, { xLog: true, yLog: true });
    const [a, b, c] = drawn(svg).map(([x]) => x) as [number, number, number];
    expect(c - b).toBeCloseTo(b - a, 0);
    expect(ticks(svg, 'end')).toEqual(['1', '10', '100']);
  });

  it('leaves out what a logarithm does not have, and what is not a number', () => {
    const points: Point[] = [
      [0, 1],
      [-1, 1],
      [1, Number.NaN],
      [2, Number.POSITIVE_INFINITY],
      [1, 5],
      [10, 5],
    ];
    expect(drawn(draw(points, { xLog: true }))).toHaveLength(2);
    expect(draw(points, { xLog: true })).not.toMatch(/NaN|Infinity/);
  });

  it('says so when there is nothing to show', () => {
    expect(draw([])).toContain('nothing to show');
    expect(draw([[0, 5]], { xLog: true })).not.toContain('<svg');
  });

  it('shows a single point as a dot', () => {
    expect(draw([[3, 4]])).toContain('stroke-linecap="round"');
    expect(
      draw([
        [3, 4],
        [4, 4],
      ]),
    ).not.toContain('stroke-linecap');
  });

  it('draws a line of zeros, and one point at zero, without dividing by zero', () => {
    for (const points of [
      [
        [0, 0],
        [1, 0],
      ],
      [[0, 0]],
    ] as Point[][]) {
      expect(draw(points)).not.toMatch(/NaN|Infinity/);
    }
  });

  it('has the marks that it is given, at their values', () => {
    const svg = draw(
      [
        [0, 1],
        [2, 1],
      ],
      {
        xTicks: [
          [0, '0 %'],
          [1, '90 %'],
          [2, '99 %'],
        ],
      },
    );
    expect(ticks(svg, 'middle')).toEqual(expect.arrayContaining(['0 %', '90 %', '99 %']));
    expect(drawn(svg).map(([x]) => x)).toEqual([70, 690]);
  });

  it('draws lines without points not at all, the others in their color, dashed where wanted', () => {
    const lines = [
      { label: 'none', color: 0, points: [] },
      {
        label: 'sent',
        color: 3,
        dashed: true,
        points: [
          [0, 1],
          [1, 2],
        ] as Point[],
      },
    ];
    const svg = draw([], { lines });
    expect(svg.match(/<path/g)).toHaveLength(1);
    expect(svg).toContain('class="c3 dashed"');
  });

  it.each<[number, string]>([
    [9000, '8000'],
    [120_000, '100k'],
    [3_000_000, '3M'],
    [0.5, '0.5'],
  ])('writes %d short at the axis', (most, text) => {
    expect(
      ticks(
        draw([
          [0, most],
          [1, 0],
        ]),
        'end',
      ),
    ).toContain(text);
  });

  it('shows titles and labels as text', () => {
    const evil = `<b>"&'`;
    const svg = draw([[0, 1]], { title: evil, xLabel: evil, yLabel: evil });
    expect(svg).not.toContain('<b>');
    expect(svg.split('&lt;b&gt;&quot;&amp;&#39;')).toHaveLength(5);
  });
});

it('escapes what HTML takes for its own, once', () => {
  expect(escapeHtml(`<a href="x">&amp;'`)).toBe('&lt;a href=&quot;x&quot;&gt;&amp;amp;&#39;');
});
