// The deb and rpm packages, written by nfpm.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findRootFolder } from '../../src/base/root-folder.ts';
import { createdS, VERSION } from '../source.ts';
import { type Architecture, goTool } from '../tools.ts';
import { type Format, layOutPackage, MAINTAINER } from './package-tree.ts';

const SCRIPTS = join(findRootFolder(), 'packaging/linux/scripts');
const DEPENDS = {
  deb: ['libc6 (>= 2.28)', 'libgcc-s1', 'libstdc++6 (>= 9)', 'init-system-helpers (>= 1.54)', 'passwd'],
  rpm: ['glibc >= 2.28', 'libgcc', 'libstdc++', 'shadow-utils'],
} as const;
/** Folders of our own: rpm removes those that a package names, and no other. */
const FOLDERS = { deb: [], rpm: ['/etc/unloop'] } as const;
const SCRIPTS_OF = {
  deb: { postinstall: 'deb-postinst', preremove: 'deb-prerm', postremove: 'deb-postrm' },
  rpm: { preinstall: 'rpm-pre', postinstall: 'rpm-post', preremove: 'rpm-preun', postremove: 'rpm-postun' },
} as const;

/** Writes one package into a folder, and returns its path. The same sources give the same bytes. */
export function buildPackage(
  folder: string,
  format: Format,
  architecture: Architecture,
  version = VERSION,
): string {
  const work = mkdtempSync(join(tmpdir(), 'unloop-package-'));
  try {
    const root = join(work, 'root');
    layOutPackage(root, format, architecture);
    const mtime = new Date(createdS() * 1000).toISOString();
    const configuration = {
      name: 'unloop',
      arch: architecture,
      platform: 'linux',
      version,
      release: '1',
      section: 'net',
      priority: 'optional',
      maintainer: MAINTAINER,
      description:
        'DNS forwarder that cannot be looped\n' +
        'unloop forwards DNS queries and recognizes its own when they come back, so that\n' +
        'no loop of resolvers can keep it busy. It finds the real servers behind stub\n' +
        'resolvers, caches answers, and tells which upstream does what.',
      license: 'Apache-2.0',
      mtime,
      umask: 0o022,
      depends: DEPENDS[format],
      contents: [
        ...FOLDERS[format].map((dst) => ({ dst, type: 'dir', file_info: { mtime, mode: 0o755 } })),
        { src: `${root}/usr/`, dst: '/usr/', type: 'tree', file_info: { mtime } },
        {
          src: `${root}/etc/unloop/unloop.yaml`,
          dst: '/etc/unloop/unloop.yaml',
          type: 'config|noreplace',
          file_info: { mtime, mode: 0o644 },
        },
      ],
      scripts: Object.fromEntries(
        Object.entries(SCRIPTS_OF[format]).map(([when, file]) => [when, join(SCRIPTS, file)]),
      ),
      // Debian 12's lintian knows no zstd, and xz takes a minute.
      deb: { compression: 'gzip' },
      rpm: {
        compression: 'zstd',
        summary: 'DNS forwarder that cannot be looped',
        group: 'System Environment/Daemons',
      },
    };
    // YAML has JSON in it.
    writeFileSync(join(work, 'nfpm.yaml'), JSON.stringify(configuration));
    mkdirSync(folder, { recursive: true });
    const args = ['package', '--config', join(work, 'nfpm.yaml'), '--packager', format, '--target', folder];
    const env = { ...process.env, SOURCE_DATE_EPOCH: String(createdS()) };
    const said = execFileSync(goTool('nfpm'), args, { encoding: 'utf8', env });
    return /created package: (.*)/.exec(said)![1]!;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
