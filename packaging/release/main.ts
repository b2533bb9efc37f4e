// `npm run release`: all files of a release in dist/release/, verified from there. RELEASING.md.
// Nothing is published: .github/workflows/release.yml does that. Needs root and Debian.
//   --dry-run   of a tree that is no release: with changes, or without the tag
//   --tag vX    the tag that it must be
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { findRootFolder } from '../../src/base/root-folder.ts';
import { buildExecutable, writeExecutableNotices } from '../executable/build.ts';
import { writeImageFiles } from '../image/image-files.ts';
import { buildPackage } from '../linux/build.ts';
import { canPack } from '../linux/package-tree.ts';
import { VERSION } from '../source.ts';
import { packChart } from './chart.ts';
import { writeChecksums } from './checksums.ts';
import { releaseNotes } from './notes.ts';
import { verifyRelease } from './verify.ts';

const ROOT = findRootFolder();
const FOLDER = join(ROOT, 'dist/release');
const NOTES = 'release-notes.md';
const { values } = parseArgs({ options: { 'dry-run': { type: 'boolean' }, tag: { type: 'string' } } });
const { homepage } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { homepage: string };
const home = homepage.replace(/#.*/, '');
const git = (...args: string[]) => execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' }).trim();

function refuseUnlessTagged(): void {
  if (home.includes('/OWNER/'))
    throw new Error('package.json names no owner: RELEASING.md, "Before the first"');
  const tag = `v${VERSION}`;
  const changes = git('status', '--porcelain');
  if (changes !== '') throw new Error(`the tree has changes (--dry-run builds it all the same):\n${changes}`);
  if (values.tag !== undefined && values.tag !== tag)
    throw new Error(`the tag is ${values.tag}, but package.json has version ${VERSION}`);
  if (!git('tag', '--points-at', 'HEAD').split('\n').includes(tag))
    throw new Error(`this commit is not tagged ${tag}: git tag -s ${tag}`);
}

if (values['dry-run'] !== true) refuseUnlessTagged();
rmSync(FOLDER, { recursive: true, force: true });
mkdirSync(FOLDER, { recursive: true });

const npm = (...args: string[]) =>
  execFileSync('npm', args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] });
npm('run', '--silent', 'prebuilds');
npm('pack', '--silent', '--pack-destination', FOLDER);
const bom = npm('run', '--silent', 'sbom').toString();
writeFileSync(join(FOLDER, `unloop-${VERSION}.cdx.json`), bom);
for (const architecture of ['amd64', 'arm64'] as const) {
  if (!canPack(architecture)) throw new Error(`no addon for ${architecture}: npm run prebuilds says why`);
  for (const format of ['deb', 'rpm'] as const) buildPackage(FOLDER, format, architecture);
  buildExecutable(FOLDER, architecture);
}
writeExecutableNotices(FOLDER, VERSION, bom);
await writeImageFiles(FOLDER);
packChart(FOLDER);
const changelog = readFileSync(join(ROOT, 'CHANGELOG.md'), 'utf8');
writeFileSync(join(FOLDER, NOTES), releaseNotes(changelog, VERSION, home));
writeChecksums(FOLDER, [NOTES]);
console.log(`verified in dist/release: ${verifyRelease(FOLDER, VERSION).join(', ')}`);
