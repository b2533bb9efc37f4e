// Makes the program of the sources: dist/unloop/main.js with its commands beside it, and worker.js.
// A start then opens a few files in place of two hundred. Run by `npm run build`;
// docs/adr/0010-one-bundle.md says why. Beside it, what of others' is in it: their licenses
// (dist/third-party-notices.txt), and their names (dist/third-party.json, for the bill of
// materials).
import { chmodSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { rolldown } from 'rolldown';
import { escapeBeyondLatin1 } from './escape-beyond-latin1.mjs';

const FOLDER = 'dist/unloop';

/** main.js is small and old-fashioned: it tells too old a Node.js before that reads the rest. */
const dispatchApart = {
  name: 'dispatch-apart',
  resolveId: (id) => (id === './dispatch.ts' ? { id: './main-dispatch.js', external: true } : null),
};

/**
 * Names of the files written, and the modules in them. Names in them stay as they are in the
 * sources: stack traces and profiles can be read.
 */
async function bundle(name, input, target = 'node20') {
  const build = await rolldown({
    input: { [name]: input },
    platform: 'node',
    transform: { target },
    plugins: [dispatchApart],
  });
  const { output } = await build.write({
    dir: FOLDER,
    format: 'esm',
    sourcemap: true,
    entryFileNames: '[name].js',
    chunkFileNames: `${name}-[name].js`,
    codeSplitting: name !== 'main-dispatch',
    // Others' licenses stay. What is said of ours is read in the sources; a thread would keep it
    // for as long as it lives.
    comments: { legal: true, annotation: false, jsdoc: false },
  });
  await build.close();
  const names = output.map(({ fileName }) => fileName);
  for (const fileName of names) if (fileName.endsWith('.js')) escapeBeyondLatin1(join(FOLDER, fileName));
  return { names, modules: output.flatMap(({ moduleIds }) => moduleIds ?? []) };
}

/** The folders of the packages that modules come from, as the lockfile names them. */
function packagesOf(modules) {
  const folders = modules.map((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(relative('.', path))?.[0]);
  return [...new Set(folders)].filter((folder) => folder !== undefined).sort();
}

/** What the licenses of the packages ask for: their text, with the copyright in it. */
function noticesOf(folders) {
  const parts = folders.map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
    if (file === undefined) throw new Error(`${folder} has no license file to take along`);
    return `${name} ${version} (${license})\n\n${readFileSync(join(folder, file), 'utf8').trim()}\n`;
  });
  return `unloop's program contains these packages.\n\n${parts.join(`\n${'-'.repeat(72)}\n\n`)}`;
}

// Two bundles with nothing in common: a thread loads all of its modules again in any case, and one
// file is quicker than several.
const bundles = [
  await bundle('main', 'src/cli/main.ts', 'node12'),
  await bundle('main-dispatch', 'src/cli/dispatch.ts'),
  await bundle('worker', 'src/server/worker/worker.ts'),
];
const written = new Set(bundles.flatMap(({ names }) => names));
chmodSync(join(FOLDER, 'main.js'), 0o755);
for (const name of readdirSync(FOLDER)) if (!written.has(name)) rmSync(join(FOLDER, name));
const packages = packagesOf(bundles.flatMap(({ modules }) => modules));
writeFileSync('dist/third-party.json', `${JSON.stringify(packages, null, 2)}\n`);
writeFileSync('dist/third-party-notices.txt', noticesOf(packages));
