// Container images without a builder of images: directory trees, one for each architecture, become
// an OCI archive, for `ctr images import`, skopeo and the like. The same trees give the same
// digest, everywhere and always.
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
import type { Architecture } from '../tools.ts';

/** As the image specification spells them. */
export interface ImageConfig {
  readonly User?: string;
  readonly Env?: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly WorkingDir?: string;
  readonly ExposedPorts?: Readonly<Record<string, object>>;
  readonly Labels?: Readonly<Record<string, string>>;
  readonly StopSignal?: string;
}

export interface OciImage {
  /** All the names that it has. */
  readonly names: readonly string[];
  readonly config: ImageConfig;
  /** The directory tree of each architecture. */
  readonly roots: Readonly<Partial<Record<Architecture, string>>>;
  /** Of all files, and of the image. */
  readonly createdS?: number;
  /** Layers take a third of the space, and seconds. */
  readonly compressed?: boolean;
}

/** What points to a document of the archive. */
interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

const PATH = 'PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin';
const type = (name: string) => `application/vnd.oci.image.${name}`;

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** The folder in which an archive is put together. */
class Layout {
  readonly folder: string;
  readonly #blobs: string;

  constructor(folder: string) {
    this.folder = folder;
    this.#blobs = join(folder, 'blobs/sha256');
    mkdirSync(this.#blobs, { recursive: true });
    writeFileSync(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  }

  document(mediaType: string, content: object): Descriptor {
    const text = JSON.stringify(content);
    const digest = createHash('sha256').update(text).digest('hex');
    writeFileSync(join(this.#blobs, digest), text);
    return { mediaType, digest: `sha256:${digest}`, size: Buffer.byteLength(text) };
  }

  /**
   * A tree as a layer. Owner is root, and file capabilities (node's, for port 53) stay. Returns
   * also the digest of what is in it, uncompressed.
   */
  async layer(root: string, createdS: number, compressed: boolean): Promise<[Descriptor, string]> {
    const layer = join(this.folder, 'layer');
    const asRoot = ['--owner=0', '--group=0', '--numeric-owner', '--sort=name', `--mtime=@${createdS}`];
    // Without the process ID that tar would put into the names of extended headers, and the times.
    const format = ['--format=pax', '--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime'];
    const capabilities = ['--xattrs', '--xattrs-include=security.capability'];
    execFileSync('tar', ['-cf', layer, ...asRoot, ...format, ...capabilities, '-C', root, '.']);
    const contentDigest = `sha256:${await sha256(layer)}`;
    let mediaType = type('layer.v1.tar');
    if (compressed) {
      execFileSync('gzip', ['-n', '-6', layer]);
      renameSync(`${layer}.gz`, layer);
      mediaType = type('layer.v1.tar+gzip');
    }
    const digest = await sha256(layer);
    const { size } = statSync(layer);
    renameSync(layer, join(this.#blobs, digest));
    return [{ mediaType, digest: `sha256:${digest}`, size }, contentDigest];
  }
}

/** Writes the archive `file` and returns the image's digest: what it is pulled by. */
export async function writeImage(file: string, image: OciImage): Promise<string> {
  const { createdS = 0, compressed = false, config } = image;
  mkdirSync(dirname(file), { recursive: true });
  const layout = new Layout(mkdtempSync(`${file}-`));
  const created = new Date(createdS * 1000).toISOString();

  const platforms = [];
  for (const [architecture, root] of Object.entries(image.roots)) {
    const [layer, contentDigest] = await layout.layer(root, createdS, compressed);
    const manifest = layout.document(type('manifest.v1+json'), {
      schemaVersion: 2,
      mediaType: type('manifest.v1+json'),
      config: layout.document(type('config.v1+json'), {
        created,
        architecture,
        os: 'linux',
        config: { ...config, Env: [PATH, ...(config.Env ?? [])] },
        rootfs: { type: 'layers', diff_ids: [contentDigest] },
      }),
      layers: [layer],
      ...(config.Labels && { annotations: config.Labels }),
    });
    platforms.push({ ...manifest, platform: { architecture, os: 'linux' } });
  }
  const index = layout.document(type('index.v1+json'), {
    schemaVersion: 2,
    mediaType: type('index.v1+json'),
    manifests: platforms,
  });
  const manifests = image.names.map((name) => ({
    ...index,
    annotations: { 'io.containerd.image.name': name, 'org.opencontainers.image.ref.name': tagOf(name) },
  }));
  writeFileSync(join(layout.folder, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
  const steady = ['--owner=0', '--group=0', '--numeric-owner', '--sort=name', '--mtime=@0', '--format=ustar'];
  const parts = ['oci-layout', 'index.json', 'blobs'];
  execFileSync('tar', [
    '-cf',
    `${file}.unfinished`,
    '--mode=a=rX,u+w',
    ...steady,
    '-C',
    layout.folder,
    ...parts,
  ]);
  rmSync(layout.folder, { recursive: true });
  renameSync(`${file}.unfinished`, file);
  return index.digest;
}

const tagOf = (name: string) => name.slice(name.lastIndexOf(':') + 1);
