// The chart as others see it: the table of its README, what chart-testing asks of Chart.yaml, and
// what Artifact Hub reads there. UPDATE_GENERATED=1 (`npm run docs`) writes the table again.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { chartTable, chartValues } from '../../packaging/manual/chart-values.ts';
import { findRootFolder } from '../../src/base/root-folder.ts';
import { readRepositoryFile } from '../guard/repository-files.ts';

const README = 'config/kubernetes/chart/README.md';
const TABLE = /(<!-- values: [^>]*-->\n\n).*?(\n*<!-- end of values -->)/s;

const values = readRepositoryFile('config/kubernetes/chart/values.yaml');
const chart = parse(readRepositoryFile('config/kubernetes/chart/Chart.yaml')) as Record<string, unknown> & {
  annotations: Record<string, string>;
};

describe('the values', () => {
  it('are those in the README’s table', () => {
    const readme = readRepositoryFile(README);
    expect(readme).toMatch(TABLE);
    const right = readme.replace(TABLE, (_, begin, end: string) => {
      return `${begin}${chartTable(values)}\n\n${end.trimStart()}`;
    });
    if (process.env.UPDATE_GENERATED === '1') writeFileSync(join(findRootFolder(), README), right);
    else expect(readme, 'run `npm run docs`').toBe(right);
  });

  it('each have a comment, or their group has', () => {
    const all = chartValues(values);
    const isExplained = (path: string) =>
      all.some(({ path: other, comment }) => comment !== '' && `${path}.`.startsWith(`${other}.`));
    expect(all.length).toBeGreaterThan(60);
    const free = all.filter(({ path }) => !isExplained(path) && !path.startsWith('image.'));
    expect(free.map(({ path }) => path)).toEqual([]);
  });

  it('are read with their defaults and comments, whether these are above or beside', () => {
    const text = '# intro\n\n# of a\na: 1\n# of the group\nb:\n  # of c\n  c: {d: "|"} # beside\n  e: []\n';
    expect(chartValues(text)).toEqual([
      { path: 'a', byDefault: '1', comment: 'of a' },
      { path: 'b', byDefault: '', comment: 'of the group' },
      { path: 'b.c', byDefault: '{"d":"|"}', comment: 'of c beside' },
      { path: 'b.e', byDefault: '[]', comment: '' },
    ]);
    expect(chartTable(text)).toContain('| `b.c` | `{"d":"\\|"}` | of c beside |');
  });
});

describe('Chart.yaml', () => {
  it('has what chart-testing asks for, and nothing that it does not know', () => {
    const strings = [
      'apiVersion',
      'appVersion',
      'description',
      'home',
      'kubeVersion',
      'name',
      'type',
      'version',
    ];
    const rest = ['annotations', 'keywords', 'maintainers', 'sources'];
    expect(Object.keys(chart).sort()).toEqual([...strings, ...rest].sort());
    for (const key of strings) expect(chart[key], key).toBeTypeOf('string');
    for (const key of ['keywords', 'sources'])
      expect(chart[key]).toEqual(expect.arrayContaining([expect.any(String)]));
    for (const maintainer of chart.maintainers as object[]) {
      expect(maintainer).toHaveProperty('name');
      expect(['name', 'email', 'url']).toEqual(expect.arrayContaining(Object.keys(maintainer)));
    }
    for (const value of Object.values(chart.annotations)) expect(value).toBeTypeOf('string');
  });

  it('has annotations that Artifact Hub knows, in its own words', () => {
    const { annotations } = chart;
    const known = ['category', 'images', 'license', 'links', 'operator'].map(
      (name) => `artifacthub.io/${name}`,
    );
    expect(Object.keys(annotations).sort()).toEqual(known);
    expect(annotations['artifacthub.io/category']).toBe('networking');
    expect(annotations['artifacthub.io/operator']).toMatch(/^(true|false)$/);
    const manifest = JSON.parse(readRepositoryFile('package.json')) as { license: string };
    expect(annotations['artifacthub.io/license']).toBe(manifest.license);
    for (const image of parse(annotations['artifacthub.io/images']!) as object[]) {
      expect(image).toEqual({
        name: expect.any(String),
        image: expect.stringMatching(/^[\w.-]+\/[\w-]+\/[\w-]+:[\w.-]+$/),
        platforms: ['linux/amd64', 'linux/arm64'],
      });
    }
    for (const link of parse(annotations['artifacthub.io/links']!) as object[])
      expect(link).toEqual({ name: expect.any(String), url: expect.stringMatching(/^https:\/\//) });
  });
});
