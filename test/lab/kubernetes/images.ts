// The images of the cluster, each made once and kept as an archive.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parse } from 'yaml';
import { COREDNS_BINARY, COREDNS_VERSION, ensureCoredns } from '../../../bench/compare/build-coredns.ts';
import { imageConfig } from '../../../packaging/image/image-config.ts';
import { dockerfileStages, layOutImage, REPOSITORY } from '../../../packaging/image/image-tree.ts';
import { type ImageConfig, writeImage } from '../../../packaging/image/oci-archive.ts';
import { ensureDebianRoot, ensureKubernetes, KUBERNETES_PROGRAMS } from './programs.ts';
import {
  COREDNS_IMAGE_TAG,
  ETCD_IMAGE_TAG,
  KUBERNETES_CACHE,
  KUBERNETES_VERSION,
  PAUSE_IMAGE_TAG,
} from './versions.ts';

const FOLDER = join(KUBERNETES_CACHE, 'images');

/** What the pages' REGISTRY is here. No machine of that name exists: nothing can be pulled. */
export const REGISTRY = 'registry.example';
/** The image that the pods of the tests run: busybox. */
export const CLIENT_IMAGE = 'docker.io/library/client:1';

/** Makes an image of a tree that `layOut` fills, unless its archive is there. */
async function ensureImage(
  file: string,
  names: readonly string[],
  config: ImageConfig,
  layOut: (root: string) => void,
): Promise<string> {
  const archive = join(FOLDER, file);
  if (existsSync(archive)) return archive;
  const root = mkdtempSync(join(tmpdir(), 'unloop-image-'));
  try {
    layOut(root);
    await writeImage(archive, { names, config, roots: { amd64: root } });
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
  return archive;
}

/** One program in one layer under the names of all the control plane's images. */
function controlPlaneImage(): Promise<string> {
  const names = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kube-proxy'].map(
    (name) => `registry.k8s.io/${name}:${KUBERNETES_VERSION}`,
  );
  names.push(`registry.k8s.io/etcd:${ETCD_IMAGE_TAG}`);
  return ensureImage(`control-plane-etcd-${ETCD_IMAGE_TAG}.tar`, names, {}, (root) => {
    const bin = join(root, 'usr/local/bin');
    mkdirSync(bin, { recursive: true });
    cpSync(ensureKubernetes(), join(bin, 'kubernetes'));
    for (const name of KUBERNETES_PROGRAMS) symlinkSync('kubernetes', join(bin, name));
  });
}

/** The laboratory's CoreDNS, under the tag that kubeadm knows: it refuses any other version. */
function corednsImage(): Promise<string> {
  const names = [`registry.k8s.io/coredns/coredns:${COREDNS_IMAGE_TAG}`];
  const config = { Entrypoint: ['/coredns'], User: '65532:65532', WorkingDir: '/' };
  return ensureImage(`coredns-${COREDNS_VERSION}-as-${COREDNS_IMAGE_TAG}.tar`, names, config, (root) => {
    const program = join(root, 'coredns');
    ensureCoredns();
    cpSync(COREDNS_BINARY, program);
    execFileSync('strip', ['--strip-all', program]);
    // It was built with cgo: the C library and the loader come along.
    const libraries = execFileSync('ldd', [program], { encoding: 'utf8' });
    for (const [path] of libraries.matchAll(/\/lib\S+/g)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      cpSync(path, join(root, path), { dereference: true });
    }
    // As in CoreDNS's own image: port 53 for a user that is not root.
    execFileSync('setcap', ['cap_net_bind_service=+ep', program]);
    // The pod's resolv.conf and hosts are mounted there.
    mkdirSync(join(root, 'etc'));
  });
}

function pauseImage(): Promise<string> {
  const names = [`registry.k8s.io/pause:${PAUSE_IMAGE_TAG}`];
  return ensureImage(`pause-${PAUSE_IMAGE_TAG}.tar`, names, { Entrypoint: ['/pause'] }, (root) => {
    const source = join(import.meta.dirname, 'pause.c');
    execFileSync('gcc', ['-static', '-Os', '-s', '-o', join(root, 'pause'), source]);
  });
}

/** Busybox of Debian, for the tests' pods. */
function busyboxImage(): Promise<string> {
  return ensureImage('busybox.tar', [CLIENT_IMAGE], { Cmd: ['sh'] }, (root) => {
    const busybox = join(ensureDebianRoot(), 'bin/busybox');
    mkdirSync(join(root, 'bin'));
    cpSync(busybox, join(root, 'bin/busybox'));
    const applets = execFileSync(busybox, ['--list'], { encoding: 'utf8' }).trim().split('\n');
    for (const name of applets) {
      if (name !== 'busybox') symlinkSync('busybox', join(root, 'bin', name));
    }
    for (const folder of ['etc', 'tmp', 'root']) mkdirSync(join(root, folder));
    writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0::/root:/bin/sh\n');
  });
}

/** All that the Dockerfile copies into its build: another image when one byte of it changes. */
function sourcesHash(): string {
  const hash = createHash('sha256');
  const add = (path: string): void => {
    const full = join(REPOSITORY, path);
    if (statSync(full).isDirectory()) {
      for (const name of readdirSync(full).sort()) add(join(path, name));
    } else {
      hash.update(path).update(readFileSync(full));
    }
  };
  for (const { name, text } of dockerfileStages().build.instructions) {
    if (name === 'COPY') for (const path of text.split(/\s+/).slice(0, -1)) add(path);
  }
  add('Dockerfile');
  return hash.digest('hex').slice(0, 16);
}

/** The version that the chart asks for. */
export function chartVersion(): string {
  const chart = readFileSync(join(REPOSITORY, 'config/kubernetes/chart/Chart.yaml'), 'utf8');
  return String((parse(chart) as { appVersion: string }).appVersion);
}

/** unloop's own, by the Dockerfile's steps. A minute whenever a source has changed. */
async function unloopImage(): Promise<string> {
  const file = `unloop-${sourcesHash()}.tar`;
  const archive = join(FOLDER, file);
  if (existsSync(archive)) return archive;
  const work = mkdtempSync(join(tmpdir(), 'unloop-image-'));
  try {
    const tag = chartVersion();
    const names = [`${REGISTRY}/unloop:${tag}`, `docker.io/library/unloop:${tag}`];
    const config = imageConfig({ VERSION: tag, REVISION: 'unknown' });
    await writeImage(archive, { names, config, roots: { amd64: layOutImage(work).root } });
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  for (const other of readdirSync(FOLDER)) {
    if (/^unloop-.*\.tar$/.test(other) && other !== file) rmSync(join(FOLDER, other));
  }
  return archive;
}

/** The archives of all images that a node imports. */
export async function ensureImages(): Promise<string[]> {
  return [
    await pauseImage(),
    await busyboxImage(),
    await corednsImage(),
    await unloopImage(),
    await controlPlaneImage(),
  ];
}
