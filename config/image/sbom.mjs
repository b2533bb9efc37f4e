// `npm run sbom`: the bill of materials of what is shipped, CycloneDX 1.5, from the lockfile.
// `npm sbom --omit dev` leaves out every dependency that one for development may use as well (yaml,
// npm 11.19).
import { readFileSync } from 'node:fs';

const read = (name) => JSON.parse(readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8'));
const { name, version, license } = read('package.json');

/** Not for development, and not what a package would take if it were there (typescript). */
const shipped = Object.entries(read('package-lock.json').packages).filter(
  ([path, locked]) => path !== '' && !locked.dev && !locked.devOptional && !locked.optional,
);

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
