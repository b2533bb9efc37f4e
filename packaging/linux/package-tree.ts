// The files of the deb and rpm packages, laid out in a directory: Node.js, unloop, its units, pages
// and completions. docs/adr/0027-packages-bring-nodejs.md says why Node.js is inside.
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { findRootFolder } from '../../src/base/root-folder.ts';
import { createdS, VERSION } from '../source.ts';
import { type Architecture, NODE_ARCH, nodeFor, putNode } from '../tools.ts';

export type Format = 'deb' | 'rpm';

const ROOT = findRootFolder();
export const MAINTAINER = 'The unloop maintainers <maintainers@unloop.invalid>';
const PROGRAMS = ['usr/bin/unloop', 'usr/lib/unloop/node', 'usr/lib/unloop/upgrade'];
const COMPLETIONS = {
  'unloop.bash': { deb: 'bash-completion/completions/unloop', rpm: 'bash-completion/completions/unloop' },
  _unloop: { deb: 'zsh/vendor-completions/_unloop', rpm: 'zsh/site-functions/_unloop' },
  'unloop.fish': {
    deb: 'fish/vendor_completions.d/unloop.fish',
    rpm: 'fish/vendor_completions.d/unloop.fish',
  },
} as const;

/** Lays the files out below `root`. */
export function layOutPackage(root: string, format: Format, architecture: Architecture): void {
  const put = (target: string, content: string | Uint8Array) => {
    mkdirSync(dirname(join(root, target)), { recursive: true });
    writeFileSync(join(root, target), content);
  };
  const take = (source: string, target: string) => put(target, readFileSync(join(ROOT, source)));

  for (const name of readdirSync(join(ROOT, 'dist/unloop'))) {
    if (name.endsWith('.js')) put(`usr/lib/unloop/dist/unloop/${name}`, readWithoutInterpreter(name));
  }
  take('package.json', 'usr/lib/unloop/package.json');
  const addon = `prebuilds/linux-${NODE_ARCH[architecture]}/batch-socket.node`;
  take(addon, `usr/lib/unloop/${addon}`);
  putNode(architecture, join(root, 'usr/lib/unloop/node'));
  put('usr/bin/unloop', '#!/bin/sh\nexec /usr/lib/unloop/node /usr/lib/unloop/dist/unloop/main.js "$@"\n');
  take('packaging/linux/scripts/upgrade', 'usr/lib/unloop/upgrade');

  take('config/default.yaml', 'etc/unloop/unloop.yaml');
  for (const unit of ['unloop.service', 'unloop.socket']) {
    take(`config/systemd/${unit}`, `usr/lib/systemd/system/${unit}`);
  }
  for (const [source, targets] of Object.entries(COMPLETIONS)) {
    take(`config/completions/${source}`, `usr/share/${targets[format]}`);
  }
  for (const [page, section] of [
    ['unloop.1', 1],
    ['unloop.yaml.5', 5],
  ] as const) {
    const text = readFileSync(join(ROOT, 'config/man', page));
    put(`usr/share/man/man${section}/${page}.gz`, gzipSync(text, { level: 9 }));
  }
  layOutDocumentation(put, take, format);
  execFileSync('chmod', ['-R', 'u=rwX,go=rX', root]);
  for (const program of PROGRAMS) chmodSync(join(root, program), 0o755);
}

/** usr/bin/unloop runs the package's own Node.js: no file may ask for another one. */
function readWithoutInterpreter(name: string): string {
  return readFileSync(join(ROOT, 'dist/unloop', name), 'utf8').replace(/^#!.*\n/, '');
}

function layOutDocumentation(
  put: (target: string, content: string | Uint8Array) => void,
  take: (source: string, target: string) => void,
  format: Format,
): void {
  const doc = 'usr/share/doc/unloop';
  for (const name of readdirSync(join(ROOT, 'docs'))) {
    if (name.endsWith('.md')) take(`docs/${name}`, `${doc}/docs/${name}`);
  }
  for (const name of ['README.md', 'SECURITY.md']) take(name, `${doc}/${name}`);
  take('dist/third-party-notices.txt', `${doc}/third-party-notices.txt`);
  cpSync(join(nodeFor('amd64'), 'LICENSE'), join(ROOT, 'dist/node-license.txt'));
  take('dist/node-license.txt', `${doc}/node-license.txt`);
  if (format === 'rpm') {
    take('LICENSE', `${doc}/LICENSE`);
    take('CHANGELOG.md', `${doc}/CHANGELOG.md`);
    return;
  }
  take('packaging/linux/copyright', `${doc}/copyright`);
  const changes = [
    `unloop (${VERSION}-1) unstable; urgency=medium`,
    '',
    '  * See changelog.gz.',
    '',
    ` -- ${MAINTAINER}  ${new Date(createdS() * 1000).toUTCString().replace('GMT', '+0000')}`,
    '',
  ].join('\n');
  put(`${doc}/changelog.Debian.gz`, gzipSync(changes, { level: 9 }));
  put(`${doc}/changelog.gz`, gzipSync(readFileSync(join(ROOT, 'CHANGELOG.md')), { level: 9 }));
  take('packaging/linux/lintian-overrides', 'usr/share/lintian/overrides/unloop');
}

/** Whether what an architecture needs has been built. */
export const canPack = (architecture: Architecture): boolean =>
  existsSync(join(ROOT, 'prebuilds', `linux-${NODE_ARCH[architecture]}`, 'batch-socket.node'));
