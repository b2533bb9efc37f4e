// The image's files: the archive, its digest, its bills of materials.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canPack } from '../linux/package-tree.ts';
import { createdS, revision, VERSION } from '../source.ts';
import { imageConfig } from './image-config.ts';
import { imageSbom } from './image-sbom.ts';
import { layOutArm64, layOutImage } from './image-tree.ts';
import { writeImage } from './oci-archive.ts';

/** Writes them into a folder. */
export async function writeImageFiles(folder: string): Promise<{ archive: string; digest: string }> {
  const archive = join(folder, `unloop-${VERSION}.oci.tar`);
  mkdirSync(folder, { recursive: true });
  const work = mkdtempSync(join(tmpdir(), 'unloop-image-'));
  try {
    const amd64 = layOutImage(work);
    const trees = canPack('arm64') ? { amd64, arm64: layOutArm64(work, amd64) } : { amd64 };
    const roots = Object.fromEntries(Object.entries(trees).map(([name, { root }]) => [name, root]));
    const digest = await writeImage(archive, {
      names: [`docker.io/library/unloop:${VERSION}`],
      config: imageConfig({ VERSION, REVISION: revision() }),
      roots,
      createdS: createdS(),
      compressed: true,
    });
    for (const [name, tree] of Object.entries(trees)) {
      writeFileSync(join(folder, `unloop-${VERSION}-image-${name}.cdx.json`), imageSbom(tree));
    }
    writeFileSync(join(folder, `unloop-${VERSION}.digest`), `${digest}\n`);
    return { archive, digest };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
