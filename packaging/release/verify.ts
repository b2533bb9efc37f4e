// Whether the files of a release are whole, as somebody sees it who has only them.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { goTool } from '../tools.ts';
import { checkChecksums } from './checksums.ts';

const run = (command: string, ...args: string[]) =>
  execFileSync(command, args, { encoding: 'utf8', maxBuffer: 2 ** 26, stdio: ['ignore', 'pipe', 'pipe'] });

function expectEqual(what: string, found: string, expected: string): void {
  if (found !== expected) throw new Error(`${what}: found ${found}, expected ${expected}`);
}

/** Checks every file by its kind; throws at the first fault. Returns what was checked. */
export function verifyRelease(folder: string, version: string): string[] {
  checkChecksums(folder);
  const names = readdirSync(folder).sort();
  return names.filter((name) => {
    const path = join(folder, name);
    if (name.endsWith('.deb')) {
      expectEqual(name, run('dpkg-deb', '--field', path, 'Version').trim(), `${version}-1`);
    } else if (name === `unloop-${version}.tgz`) {
      const manifest = JSON.parse(run('tar', '-xzOf', path, 'package/package.json')) as { version: string };
      expectEqual(name, manifest.version, version);
    } else if (name.startsWith('unloop-chart-')) {
      run(goTool('helm'), 'lint', '--strict', path);
      expectEqual(
        name,
        /^appVersion: "?([^"\n]*)/m.exec(run(goTool('helm'), 'show', 'chart', path))![1]!,
        version,
      );
    } else if (name.endsWith('.oci.tar')) {
      verifyImage(path, readFileSync(path.replace('.oci.tar', '.digest'), 'utf8').trim());
    } else if (name === `unloop-linux-${process.arch}`) {
      expectEqual(name, run(path, '--version').trim(), `unloop ${version}`);
    } else if (name.endsWith('.cdx.json')) {
      const bom = JSON.parse(readFileSync(path, 'utf8')) as { bomFormat: string };
      expectEqual(name, bom.bomFormat, 'CycloneDX');
    } else {
      return false;
    }
    return true;
  });
}

/** Every document of the archive has the digest that names it, and the image the one given. */
function verifyImage(archive: string, digest: string): void {
  const work = mkdtempSync(join(tmpdir(), 'unloop-verify-'));
  try {
    run('tar', '-xf', archive, '-C', work);
    for (const name of readdirSync(join(work, 'blobs/sha256'))) {
      const bytes = readFileSync(join(work, 'blobs/sha256', name));
      expectEqual(archive, createHash('sha256').update(bytes).digest('hex'), name);
    }
    const index = JSON.parse(readFileSync(join(work, 'index.json'), 'utf8')) as {
      manifests: { digest: string }[];
    };
    expectEqual(archive, index.manifests[0]!.digest, digest);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
