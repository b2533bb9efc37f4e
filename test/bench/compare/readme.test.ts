import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { README, RESULTS } from '../../../bench/compare/project.ts';
import { putIntoReadme, renderReadme } from '../../../bench/compare/readme.ts';
import type { Report } from '../../../bench/compare/report.ts';

describe("the README's figures", () => {
  const readme = readFileSync(README, 'utf8');

  it('are those of the results that it names', () => {
    const results = /\[all of it\]\((bench\/results\/([\w-]+))\.md\)/.exec(readme)!;
    const report = JSON.parse(readFileSync(join(RESULTS, `${results[2]}.json`), 'utf8')) as Report;
    expect(putIntoReadme(readme, renderReadme(report, `${results[1]}.md`))).toBe(readme);
  });

  it('go where the markers are, and nowhere else', () => {
    const text = 'a\n<!-- compare -->\nold\n<!-- /compare -->\nb\n';
    expect(putIntoReadme(text, 'new')).toBe('a\n<!-- compare -->\nnew\n<!-- /compare -->\nb\n');
    expect(() => putIntoReadme('a', 'new')).toThrow('compare');
  });
});
