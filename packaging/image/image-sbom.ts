// The bill of materials of a whole image: what the one inside says of unloop and its dependencies
// (config/image/sbom.mjs), and Node.js, and Debian's packages.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { NODE_VERSION } from '../tools.ts';
import type { ImageTree } from './image-tree.ts';

interface Bom {
  readonly components: readonly object[];
}

/** The Node.js that is inside what we pack. */
export const nodeComponent = () => ({
  type: 'platform',
  'bom-ref': 'node',
  name: 'node',
  version: NODE_VERSION,
  purl: `pkg:generic/node@${NODE_VERSION}`,
  licenses: [{ license: { id: 'MIT' } }],
});

export function imageSbom({ root, packages }: ImageTree): string {
  const bom = JSON.parse(readFileSync(join(root, 'app/sbom.cdx.json'), 'utf8')) as Bom;
  const debian = packages.map(({ name, version, architecture }) => {
    const purl = `pkg:deb/debian/${name}@${encodeURIComponent(version)}?arch=${architecture}&distro=debian-12`;
    return { type: 'library', 'bom-ref': purl, name, version, purl };
  });
  return `${JSON.stringify({ ...bom, components: [...bom.components, nodeComponent(), ...debian] }, null, 2)}\n`;
}
