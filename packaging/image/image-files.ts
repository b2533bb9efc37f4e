// The image's files: the archive, its digest, its bills of materials.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createdS, revision, VERSION } from '../source.ts';
import { imageConfig } from './image-config.ts';
import { imageSbom } from './image-sbom.ts';
import { layOutImage } from './image-tree.ts';
import { writeImage } from './oci-archive.ts';

/** Writes them into a folder. */
export async function writeImageFiles(folder: string): Promise<{ archive: string; digest: string }> {
  const archive = join(folder, `unloop-${VERSION}.oci.tar`);
  mkdirSync(folder, { recursive: true });
  const work = mkdtempSync(join(tmpdir(), 'unloop-image-'));
  try {
    const amd64 = layOutImage(work);
    const digest = await writeImage(archive, {
      names: [`docker.io/library/unloop:${VERSION}`],
      config: imageConfig({ VERSION, REVISION: revision() }),
      roots: { amd64: amd64.root },
      createdS: createdS(),
      compressed: true,
    });
    writeFileSync(join(folder, `unloop-${VERSION}-image-amd64.cdx.json`), imageSbom(amd64));
    writeFileSync(join(folder, `unloop-${VERSION}.digest`), `${digest}\n`);
    return { archive, digest };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
