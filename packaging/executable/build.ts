// unloop as one executable: Node.js with the program, its thread and the addon inside (Node.js's
// "single executable application"). docs/adr/0034-one-executable.md.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ADDON_FILE, MANIFEST_FILE, WORKER_FILE } from '../../src/base/own-files.ts';
import { findRootFolder } from '../../src/base/root-folder.ts';
import { nodeComponent } from '../image/image-sbom.ts';
import { type Architecture, NODE_ARCH, nodeFor, putNode } from '../tools.ts';
import { injectBlob } from './inject.ts';

const ROOT = findRootFolder();

/** The name of the file for an architecture. */
export const executableName = (architecture: Architecture): string =>
  `unloop-linux-${NODE_ARCH[architecture]}`;

/** Writes one into a folder, and returns its path. The same sources give the same file. */
export function buildExecutable(folder: string, architecture: Architecture): string {
  const work = mkdtempSync(join(tmpdir(), 'unloop-executable-'));
  try {
    execFileSync(process.execPath, [join(ROOT, 'config/executable/bundle.mjs'), work], { stdio: 'pipe' });
    const configuration = {
      main: 'main.cjs',
      output: 'blob',
      disableExperimentalSEAWarning: true,
      // Code that was compiled before could be read only by the architecture that compiled it.
      useCodeCache: false,
      assets: {
        [ADDON_FILE]: join(ROOT, 'prebuilds', `linux-${NODE_ARCH[architecture]}`, ADDON_FILE),
        [MANIFEST_FILE]: join(ROOT, MANIFEST_FILE),
        [WORKER_FILE]: 'worker.cjs',
      },
    };
    writeFileSync(join(work, 'sea.json'), JSON.stringify(configuration));
    // Its release writes the blob that it reads, on any architecture.
    const node = join(nodeFor('amd64'), 'bin/node');
    execFileSync(node, ['--experimental-sea-config', 'sea.json'], { cwd: work, stdio: 'pipe' });
    putNode(architecture, join(work, 'node'));
    const program = injectBlob(readFileSync(join(work, 'node')), readFileSync(join(work, 'blob')));
    mkdirSync(folder, { recursive: true });
    const path = join(folder, executableName(architecture));
    // Not written over: one that runs keeps its file.
    rmSync(path, { force: true });
    writeFileSync(path, program, { mode: 0o755 });
    return path;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** What the executables' licenses ask for, and their bill of materials: for all architectures. */
export function writeExecutableNotices(folder: string, version: string, bom: string): void {
  const { components, ...rest } = JSON.parse(bom) as { components: readonly object[] };
  const whole = { ...rest, components: [...components, nodeComponent()] };
  writeFileSync(join(folder, `unloop-${version}-executable.cdx.json`), `${JSON.stringify(whole, null, 2)}\n`);
  const ours = readFileSync(join(ROOT, 'dist/third-party-notices.txt'), 'utf8');
  const nodes = readFileSync(join(nodeFor('amd64'), 'LICENSE'), 'utf8');
  writeFileSync(
    join(folder, `unloop-${version}-executable-notices.txt`),
    `${ours}\n${'-'.repeat(72)}\n\nIt also contains Node.js.\n\n${nodes}`,
  );
}
