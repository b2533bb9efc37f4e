// Rules for dependencies, read from the lockfile without a network: pinned by content, from npm's
// registry, no install scripts, a known license. .ci/audit asks the registry for known
// vulnerabilities.
import { describe, expect, it } from 'vitest';
import { readRepositoryFile } from './repository-files.ts';

interface LockedPackage {
  readonly integrity?: string;
  readonly resolved?: string;
  readonly link?: boolean;
  readonly hasInstallScript?: boolean;
  readonly license?: string;
}

/** Licenses of what is shipped: they ask for their text to be kept, no more. */
const LICENSES = ['MIT', 'Apache-2.0', 'ISC', '0BSD', 'BSD-3-Clause', 'BlueOak-1.0.0'];
/** What only builds and tests need, and nobody is given. */
const DEV_LICENSES = [...LICENSES, 'MIT OR Apache-2.0', 'MPL-2.0'];

/** Every fault of a lockfile's packages, the project itself aside; `shipped` are in the bundle. */
function faultsOf(packages: Readonly<Record<string, LockedPackage>>, shipped: readonly string[]): string[] {
  return Object.entries(packages).flatMap(([path, locked]) => {
    if (path === '') return [];
    const faults: string[] = [];
    if (locked.link === true) faults.push('is a link');
    if (!/^sha512-[A-Za-z0-9+/]{86}==$/.test(locked.integrity ?? '')) faults.push('has no SHA-512');
    if (!(locked.resolved ?? 'https://registry.npmjs.org/').startsWith('https://registry.npmjs.org/'))
      faults.push(`comes from ${locked.resolved}`);
    if (locked.hasInstallScript === true) faults.push('runs a script when it is installed');
    if (!(shipped.includes(path) ? LICENSES : DEV_LICENSES).includes(locked.license ?? 'none'))
      faults.push(`has the license ${locked.license}`);
    return faults.map((fault) => `${path} ${fault}`);
  });
}

const { packages } = JSON.parse(readRepositoryFile('package-lock.json')) as {
  packages: Record<string, LockedPackage>;
};

/** Written by the bundler. */
const bundled: string[] = JSON.parse(readRepositoryFile('dist/third-party.json'));

describe('the dependencies', () => {
  it('are pinned by content, come from npm’s registry, run nothing, and have known licenses', () => {
    expect(Object.keys(packages).length).toBeGreaterThan(50);
    expect(bundled.length).toBeGreaterThan(10);
    for (const path of bundled) expect(packages).toHaveProperty([path]);
    expect(faultsOf(packages, bundled)).toEqual([]);
  });

  it('are all seen: each fault is found', () => {
    const sound = { integrity: `sha512-${'A'.repeat(86)}==`, license: 'MIT' };
    const found = (fault: LockedPackage, shipped = ['node_modules/x']) =>
      faultsOf({ 'node_modules/x': { ...sound, ...fault } }, shipped);
    expect(found({})).toEqual([]);
    expect(found({ integrity: 'sha1-AAAA' })).toHaveLength(1);
    expect(found({ resolved: 'git+ssh://git@github.com/x/x.git' })).toHaveLength(1);
    expect(found({ resolved: 'http://registry.npmjs.org/x/-/x-1.0.0.tgz' })).toHaveLength(1);
    expect(found({ link: true })).toHaveLength(1);
    expect(found({ hasInstallScript: true })).toHaveLength(1);
    expect(found({ license: 'AGPL-3.0' })).toHaveLength(1);
    expect(found({ license: 'MPL-2.0' })).toHaveLength(1);
    expect(found({ license: 'MPL-2.0' }, [])).toHaveLength(0);
  });

  it('are named by version exactly', () => {
    const { dependencies, devDependencies } = JSON.parse(readRepositoryFile('package.json'));
    // Whoever installs the package gets no other with it.
    expect(dependencies).toBeUndefined();
    for (const version of Object.values(devDependencies)) expect(version).toMatch(/^\d+\.\d+\.\d+$/);
  });
});
