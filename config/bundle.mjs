// Makes the program of the sources: dist/unloop/main.js with its commands beside it, and worker.js.
// A start then opens a few files in place of two hundred. Run by `npm run build`;
// docs/adr/0010-one-bundle.md says why.
import { chmodSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { rolldown } from 'rolldown';

const FOLDER = 'dist/unloop';

/**
 * Names of the files written. Names stay as they are in the sources: stack traces and profiles can
 * be read.
 */
async function bundle(name, input) {
  const build = await rolldown({ input: { [name]: input }, platform: 'node' });
  const { output } = await build.write({
    dir: FOLDER,
    format: 'esm',
    sourcemap: true,
    entryFileNames: '[name].js',
    chunkFileNames: `${name}-[name].js`,
    // Others' licenses stay. What is said of ours is read in the sources; a thread would keep it
    // for as long as it lives.
    comments: { legal: true, annotation: false, jsdoc: false },
  });
  await build.close();
  const names = output.map(({ fileName }) => fileName);
  for (const fileName of names) if (fileName.endsWith('.js')) escapeBeyondLatin1(join(FOLDER, fileName));
  return names;
}

/**
 * V8 keeps a source at two bytes a character when a single one is beyond Latin-1: these are written
 * as escapes.
 */
function escapeBeyondLatin1(path) {
  const source = readFileSync(path, 'utf8');
  const escaped = source.replace(
    /[^\0-\xff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  if (escaped !== source) writeFileSync(path, escaped);
}

// Two bundles with nothing in common: a thread loads all of its modules again in any case, and one
// file is quicker than several.
const written = new Set([
  ...(await bundle('main', 'src/cli/main.ts')),
  ...(await bundle('worker', 'src/server/worker/worker.ts')),
]);
chmodSync(join(FOLDER, 'main.js'), 0o755);
for (const name of readdirSync(FOLDER)) if (!written.has(name)) rmSync(join(FOLDER, name));
