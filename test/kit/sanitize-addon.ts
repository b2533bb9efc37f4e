// Makes a copy of src/io that plain node can run (compiled, with an addon of its own) in a
// temporary folder. Used by tests that need processes and worker threads of their own: under a
// sanitizer, or to be terminated in mid-traffic.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));

export interface IoCopy {
  /** The temporary folder; compiled sources are in src/io below it. */
  folder: string;
  remove(): void;
}

/**
 * Compiles src/io; takes the addon as it is, or builds it with a sanitizer's flags, its source
 * altered. Throws with the tool's output.
 */
export function copyIo(compilerFlags = '', alter = (source: string): string => source): IoCopy {
  const folder = mkdtempSync(join(tmpdir(), 'unloop-io-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  try {
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
    mkdirSync(join(folder, 'src/io'), { recursive: true });
    if (compilerFlags === '') {
      cpSync(join(root, 'build'), join(folder, 'build'), { recursive: true });
    } else {
      cpSync(join(root, 'src/io/native'), join(folder, 'src/io/native'), { recursive: true });
      for (const name of readdirSync(join(folder, 'src/io/native'))) {
        const path = join(folder, 'src/io/native', name);
        writeFileSync(path, alter(readFileSync(path, 'utf8')));
      }
      run(process.execPath, [join(folder, 'src/io/native/build.mjs')], { CFLAGS: compilerFlags });
    }
    const project = {
      extends: join(root, 'tsconfig.build.json'),
      compilerOptions: {
        rootDir: root,
        outDir: folder,
        incremental: false,
        tsBuildInfoFile: null,
        typeRoots: [join(root, 'node_modules/@types')],
      },
      include: [join(root, 'src/io/*.ts')],
    };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(project));
    run(process.execPath, [
      join(root, 'node_modules/typescript/bin/tsc'),
      '-p',
      join(folder, 'tsconfig.json'),
    ]);
  } catch (error) {
    remove();
    throw error;
  }
  return { folder, remove };
}

function run(command: string, args: string[], env: Record<string, string> = {}): void {
  const result = spawnSync(command, args, { encoding: 'utf8', env: { ...process.env, ...env } });
  if (result.status !== 0) throw new Error(`${command} ${args.join(' ')}\n${result.stdout}${result.stderr}`);
}
