// Who publishes unloop is written in package.json. Where other files need it spelled out, it is the
// same; UPDATE_GENERATED=1 (`npm run docs`) brings it there.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { findRootFolder } from '../../src/base/root-folder.ts';
import { readRepositoryFile, repositoryFiles } from '../guard/repository-files.ts';

const manifest = JSON.parse(readRepositoryFile('package.json')) as { repository: { url: string } };
const owner = /^git\+https:\/\/github\.com\/([\w-]+)\/unloop\.git$/.exec(manifest.repository.url)![1]!;
const NAMED = /\b(github\.com|ghcr\.io)\/([\w-]+)\/(unloop|charts\/unloop)\b/g;

const files = [
  ...repositoryFiles(['.'], ['.md', 'Dockerfile', 'package.json']),
  ...repositoryFiles(['docs', 'config', 'examples', '.github'], ['.md', '.yaml', '.yml', '.ts', '.sh']),
];

/** As it is spelled there: a registry's names are in lower case, but for the placeholder. */
const spelled = (site: string) => (site === 'ghcr.io' && owner !== 'OWNER' ? owner.toLowerCase() : owner);

it('the owner of the project is the one that package.json names', () => {
  const named = files.filter((path) => readRepositoryFile(path).search(NAMED) >= 0);
  expect(named).toEqual(expect.arrayContaining(['RELEASING.md', 'config/kubernetes/chart/Chart.yaml']));
  for (const path of named) {
    const text = readRepositoryFile(path);
    const right = text.replaceAll(NAMED, (_, site, _owner, name) => `${site}/${spelled(site)}/${name}`);
    if (process.env.UPDATE_GENERATED === '1') writeFileSync(join(findRootFolder(), path), right);
    else expect(text, 'run `npm run docs`').toBe(right);
  }
});
