// Container images without a builder of images: a directory tree becomes an OCI archive of one
// layer, for `ctr images import`.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  createReadStream,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

/** As the image specification spells them. */
export interface ImageConfig {
  readonly User?: string;
  readonly Env?: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly WorkingDir?: string;
}

const PATH = 'PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin';
const ARCHITECTURE = { x64: 'amd64', arm64: 'arm64' }[process.arch as 'x64' | 'arm64'];

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/**
 * Writes the tree `root` as the archive `file`. The image has all of `names`. Owner is root, and
 * file capabilities (node's, for port 53) stay.
 */
export async function writeImage(
  root: string,
  file: string,
  names: readonly string[],
  config: ImageConfig,
): Promise<void> {
  mkdirSync(dirname(file), { recursive: true });
  const work = mkdtempSync(`${file}-`);
  const blobs = join(work, 'blobs/sha256');
  mkdirSync(blobs, { recursive: true });

  const layer = join(work, 'layer');
  const asRoot = ['--owner=0', '--group=0', '--numeric-owner', '--sort=name', '--mtime=@0', '--format=pax'];
  const capabilities = ['--xattrs', '--xattrs-include=security.capability'];
  execFileSync('tar', ['-cf', layer, ...asRoot, ...capabilities, '-C', root, '.']);
  const layerDigest = await sha256(layer);
  const layerSize = statSync(layer).size;
  renameSync(layer, join(blobs, layerDigest));

  /** Writes a document and returns what points to it. */
  const describe = (mediaType: string, content: object) => {
    const text = JSON.stringify(content);
    const digest = createHash('sha256').update(text).digest('hex');
    writeFileSync(join(blobs, digest), text);
    return { mediaType, digest: `sha256:${digest}`, size: Buffer.byteLength(text) };
  };
  const type = (name: string) => `application/vnd.oci.image.${name}`;
  const manifest = describe(type('manifest.v1+json'), {
    schemaVersion: 2,
    mediaType: type('manifest.v1+json'),
    config: describe(type('config.v1+json'), {
      architecture: ARCHITECTURE,
      os: 'linux',
      config: { ...config, Env: [PATH, ...(config.Env ?? [])] },
      rootfs: { type: 'layers', diff_ids: [`sha256:${layerDigest}`] },
    }),
    layers: [{ mediaType: type('layer.v1.tar'), digest: `sha256:${layerDigest}`, size: layerSize }],
  });
  const platform = { architecture: ARCHITECTURE, os: 'linux' };
  const manifests = names.map((name) => ({
    ...manifest,
    platform,
    annotations: { 'io.containerd.image.name': name },
  }));
  writeFileSync(join(work, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
  writeFileSync(join(work, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  execFileSync('tar', ['-cf', `${file}.unfinished`, '-C', work, 'oci-layout', 'index.json', 'blobs']);
  rmSync(work, { recursive: true });
  renameSync(`${file}.unfinished`, file);
}
