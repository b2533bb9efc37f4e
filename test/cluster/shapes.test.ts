// Each deployment's configuration runs, from files as kubelet projects a volume, on a node whose
// resolv.conf names the stub of systemd-resolved: the loop that unloop is for.
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { spawnUnloop } from '../kit/unloop-process.ts';

const ROOT = join(import.meta.dirname, '../../config/kubernetes');

function configOf(shape: string): string {
  const manifests = parseAllDocuments(readFileSync(join(ROOT, shape, 'unloop.yaml'), 'utf8'));
  const map = manifests.map((document) => document.toJS()).find((manifest) => manifest?.kind === 'ConfigMap');
  return map.data['config.yaml'];
}

function write(root: string, path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

/** A volume as kubelet writes it: every file is a link through ..data, which is swapped as one. */
function writeVolume(volume: string, version: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) write(volume, `..${version}/${path}`, text);
  symlinkSync(`..${version}`, join(volume, '..data_tmp'));
  renameSync(join(volume, '..data_tmp'), join(volume, '..data'));
  for (const path of Object.keys(files)) {
    const top = path.split('/')[0]!;
    rmSync(join(volume, top), { force: true });
    symlinkSync(`..data/${top}`, join(volume, top));
  }
}

describe.each(['sidecar', 'node-local', 'cluster-wide'])('%s', (shape) => {
  it('runs as rendered, asks the servers behind the stub, and takes over a changed ConfigMap', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'unloop-shape-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const host = join(folder, 'host');
    write(host, 'etc/resolv.conf', 'nameserver 127.0.0.53\noptions edns0 trust-ad\n');
    write(host, 'run/systemd/resolve/resolv.conf', 'nameserver 192.0.2.53\n');
    const volume = join(folder, 'etc-unloop');
    // The mount point is the only thing that cannot be as in the pod.
    const config = configOf(shape).replace('root: /host', `root: ${host}`);
    expect(config).toContain(host);
    const secrets = { 'secrets/cluster-key': 'a key that is long enough for anybody\n' };
    writeVolume(volume, '1', { 'config.yaml': config, ...secrets });

    const unloop = spawnUnloop({
      args: [
        '--config',
        join(volume, 'config.yaml'),
        '--listen',
        '127.0.0.1:0',
        '--admin',
        '127.0.0.1:0',
        '--workers',
        '1',
      ],
    });
    await unloop.ready();
    const { upstreams } = await unloop.adminJson<{ upstreams: { address: string; replaces: string }[] }>(
      '/upstreams',
    );
    expect(upstreams).toContainEqual(
      expect.objectContaining({ address: '192.0.2.53:53', replaces: expect.stringContaining('127.0.0.53') }),
    );
    expect(upstreams.map(({ address }) => address).includes('10.96.0.10:53')).toBe(shape === 'node-local');
    expect((await unloop.admin('/health')).status).toBe(200);

    writeVolume(volume, '2', { 'config.yaml': config.replace(/lameduck: \d+s/, 'lameduck: 1s'), ...secrets });
    await unloop.waitForLog(({ msg }) => msg === 'the configuration was reloaded');
    expect(await unloop.stop()).toBe(0);
  });
});
