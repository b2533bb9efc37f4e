// The version is written in package.json. Where other formats need it spelled out, it is the same.
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { VERSION } from '../../packaging/source.ts';
import { readRepositoryFile } from '../guard/repository-files.ts';

const chart = parse(readRepositoryFile('config/kubernetes/chart/Chart.yaml')) as Record<string, string>;

describe('the version', () => {
  it.each([
    ['the chart', chart.version],
    ['the chart’s appVersion', chart.appVersion],
    [
      'the chart’s image for Artifact Hub',
      /image: \S+\/unloop:(\S+)$/m.exec(readRepositoryFile('config/kubernetes/chart/Chart.yaml'))?.[1],
    ],
    ['the Dockerfile', /^ARG VERSION=(\S+)$/m.exec(readRepositoryFile('Dockerfile'))?.[1]],
    ['the lockfile', (JSON.parse(readRepositoryFile('package-lock.json')) as { version: string }).version],
  ])('of %s is that of package.json', (_, version) => {
    expect(version).toBe(VERSION);
  });

  it('has a section of its own in the changelog', () => {
    expect(readRepositoryFile('CHANGELOG.md')).toMatch(
      new RegExp(`^## ${VERSION.replaceAll('.', '\\.')}\\b`, 'm'),
    );
  });
});
