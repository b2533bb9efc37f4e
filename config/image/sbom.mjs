// `npm run sbom`: the bill of materials of what is shipped, CycloneDX 1.5: what the bundler took
// (dist/third-party.json), as the lockfile knows it.
import { readFileSync } from 'node:fs';

const read = (name) => JSON.parse(readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8'));
const { name, version, license } = read('package.json');

const { packages: lockedPackages } = read('package-lock.json');
const shipped = read('dist/third-party.json').map((path) => [path, lockedPackages[path]]);

const purl = (packageName, packageVersion) => `pkg:npm/${packageName.replace('@', '%40')}@${packageVersion}`;

const components = shipped.map(([path, locked]) => {
  const packageName = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
  return {
    type: 'library',
    'bom-ref': path,
    name: packageName,
    version: locked.version,
    purl: purl(packageName, locked.version),
    licenses: [{ license: { id: locked.license } }],
    hashes: [
      {
        alg: 'SHA-512',
        content: Buffer.from(locked.integrity.slice('sha512-'.length), 'base64').toString('hex'),
      },
    ],
  };
});

process.stdout.write(
  `${JSON.stringify(
    {
      bomFormat: 'CycloneDX',
      specVersion: '1.5',
      version: 1,
      metadata: {
        component: {
          type: 'application',
          'bom-ref': name,
          name,
          version,
          purl: purl(name, version),
          licenses: [{ license: { id: license } }],
        },
      },
      components,
    },
    null,
    2,
  )}\n`,
);
