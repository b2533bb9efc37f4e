// What `npm pack` packs: all that its user needs, nothing that only builds and tests need, and
// nothing that has to be installed or run first. The addons' own files come only with
// `npm run prebuilds`; test/lab/package-install.lab.ts installs the whole.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { readRepositoryFile, repositoryFiles } from './repository-files.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const MOST_FILES = 60;
const MOST_BYTES = 1.2 * 1024 * 1024;

interface Packed {
  readonly entryCount: number;
  readonly size: number;
  readonly files: readonly { readonly path: string }[];
}

const manifest = JSON.parse(readRepositoryFile('package.json'));
const [packed] = JSON.parse(
  execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: ROOT,
    stdio: 'pipe',
  }).toString(),
) as [Packed];
const paths = packed.files.map(({ path }) => path);

/** Files that are packed when they are there: one addon for each architecture. */
const PREBUILT = ['linux-arm64', 'linux-x64'].map((folder) => `prebuilds/${folder}/batch-socket.node`);

describe('the package', () => {
  it('is small', () => {
    const withAddons = new Set([...paths, ...PREBUILT]).size;
    expect(withAddons).toBeLessThanOrEqual(MOST_FILES);
    expect(packed.size).toBeLessThan(MOST_BYTES);
  });

  it('brings what it needs, and runs nothing when it is installed', () => {
    expect(manifest.dependencies).toBeUndefined();
    expect(manifest.private).toBeUndefined();
    for (const script of ['preinstall', 'install', 'postinstall'])
      expect(manifest.scripts).not.toHaveProperty(script);
    expect(paths).toContain(manifest.bin.unloop);
    expect(paths).toContain('dist/third-party-notices.txt');
    expect(manifest.files).toContain('prebuilds');
    // Where no addon fits, one is compiled of these.
    for (const path of repositoryFiles(['src/io/native'], ['.c', '.h', 'build.mjs'])) {
      if (!path.endsWith('prebuild.mjs')) expect(paths).toContain(path);
    }
  });

  it('holds no source map, no test and nothing that only builds the package', () => {
    expect(paths.filter((path) => /\.map$|\.ts$|\btest\b|prebuild\.mjs$|^node_modules/.test(path))).toEqual(
      [],
    );
  });

  it('holds the pages that the README names for those who run it', () => {
    const readme = readRepositoryFile('README.md');
    const section = /^## Documentation\n(.*?)^To work on it/ms.exec(readme)![1]!;
    // How well the tests would notice a fault concerns who changes unloop.
    const pages = [...section.matchAll(/\]\(([^)#]+)\)/g)].map(([, page]) => page!);
    expect(pages.length).toBeGreaterThan(10);
    expect(pages.filter((page) => !paths.includes(page) && page !== 'docs/mutation.md')).toEqual([]);
  });

  it('is named in the documents as `npm pack` names it', () => {
    for (const page of ['README.md', 'docs/install.md']) {
      const names = readRepositoryFile(page).match(/unloop-[\d.]+\.tgz/g) ?? [];
      expect([...new Set(names)]).toEqual([`unloop-${manifest.version}.tgz`]);
    }
  });

  it('names one address for the project, its README and its issues', () => {
    const home = manifest.repository.url.replace(/^git\+|\.git$/g, '');
    expect(home).toMatch(/^https:\/\/github\.com\/[\w-]+\/unloop$/);
    expect(manifest.homepage).toBe(`${home}#readme`);
    expect(manifest.bugs.url).toBe(`${home}/issues`);
  });
});

it('the README is one page', () => {
  expect(readRepositoryFile('README.md').split('\n').length).toBeLessThanOrEqual(150);
});
