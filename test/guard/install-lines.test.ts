// The README's ways to install: each takes a file of the release by its name.
// test/lab/packages/readme.packages.ts runs each line.
import { expect, it } from 'vitest';
import { executableName } from '../../packaging/executable/build.ts';
import { VERSION } from '../../packaging/source.ts';
import { installLines } from './install-lines.ts';
import { readRepositoryFile } from './repository-files.ts';

it('builds the release first, and then takes one file of it for each way', () => {
  const [first, ...ways] = installLines();
  expect(first).toBe('npm ci && npm run release -- --dry-run');
  const files = ways.map((line) => /\bdist\/release\/(\S+)/.exec(line)?.[1]);
  expect(new Set(files)).toEqual(
    new Set([
      `unloop-${VERSION}.tgz`,
      `unloop_${VERSION}-1_amd64.deb`,
      `unloop-${VERSION}-1.x86_64.rpm`,
      `unloop-${VERSION}.oci.tar`,
      `unloop-chart-${VERSION}.tgz`,
      executableName('amd64'),
    ]),
  );
});

it('the section is found, and only it', () => {
  const page = '## A\n\n```sh\na\n```\n\n## Install\n\ntext\n\n```sh\nb  # why\nc\n```\n';
  expect(installLines(page)).toEqual(['b', 'c']);
  expect(installLines(page.replace('## Install', '## B'))).toEqual([]);
  expect(readRepositoryFile('package.json')).toContain('"test:packages"');
});
