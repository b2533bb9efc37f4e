// Makes main.cjs and worker.cjs in the folder that is named: the program and its worker thread as
// one script each. What is inside an executable has no file beside it to import, and Node.js 24
// takes CommonJS there. Run by packaging/executable/build.ts.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { escapeBeyondLatin1 } from '../escape-beyond-latin1.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const SCRIPTS = { 'main.cjs': 'src/cli/main.ts', 'worker.cjs': 'src/server/worker/worker.ts' };
const [folder] = process.argv.slice(2);

for (const [name, input] of Object.entries(SCRIPTS)) {
  const build = await rolldown({
    input: join(ROOT, input),
    platform: 'node',
    transform: { target: 'node24' },
  });
  const file = join(folder, name);
  // As in config/bundle.mjs.
  const comments = { legal: true, annotation: false, jsdoc: false };
  await build.write({ file, format: 'cjs', codeSplitting: false, comments });
  await build.close();
  escapeBeyondLatin1(file);
}
