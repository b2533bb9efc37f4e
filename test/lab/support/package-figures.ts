// What installing shows: each test of a package prints what it saw and puts it into
// build/lab/package-figures.json; with UPDATE_GENERATED=1 the table in docs/install.md is written
// again from that file.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { findRootFolder } from '../../../src/base/root-folder.ts';

const FILE = join(findRootFolder(), 'build/lab/package-figures.json');
const DOCUMENT = join(findRootFolder(), 'docs/install.md');
export const BEGIN = '<!-- ways: written by npm run test:packages with UPDATE_GENERATED=1 -->';
export const END = '<!-- end of ways -->';
export const TITLES = ['way', 'platform', 'command', 'first answer', 'resident', 'socket'];

/** The rows, in their order: way, platform, command. What is not in here cannot be recorded. */
export const WAYS = {
  'npm-20.20.2': ['npm 10.9.9', 'x64, glibc, Node.js 20.20.2', 'npm install'],
  'pnpm-22.23.5': ['pnpm 12.20.0', 'x64, glibc, Node.js 22.23.5', 'pnpm add'],
  'Bun-24.22.3': ['Bun 1.4.5', 'x64, glibc, Node.js 24.22.3', 'bun add'],
  'npm-26.12.1': ['npm 10.9.9', 'x64, glibc, Node.js 26.12.1', 'npm install'],
  'musl-amd64': ['npm’s package, unpacked', 'x64, musl 1.2.5, Node.js 24.19.0', 'node …/main.js run'],
  'glibc-arm64': ['npm’s package, unpacked', 'arm64, glibc, Node.js 24.22.3', 'node …/main.js run'],
  'musl-arm64': ['npm’s package, unpacked', 'arm64, musl 1.2.5, Node.js 24.19.0', 'node …/main.js run'],
  'deb-bookworm': ['deb', 'x64, Debian 12', 'dpkg -i'],
  'deb-trixie': ['deb', 'x64, Debian 13', 'dpkg -i'],
  rpm: ['rpm', 'x64, Debian 13 with rpm 4.20', 'rpm --install'],
  'image-amd64': ['image', 'x64, containerd', 'ctr images import, ctr run'],
  'image-arm64': ['image', 'arm64', 'run by qemu-user in its own root'],
} as const;
export type Way = keyof typeof WAYS;

export interface PackageFigures {
  /** From exec until a question was answered; null under qemu, where it says nothing. */
  readonly firstAnswerMs: number | null;
  readonly residentKib: number | null;
  readonly socket: string;
}

/** What a started process shows of itself, by /proc/PID/status and by its log's first line. */
export function seen(status: string, log: string, firstAnswerMs: number): PackageFigures {
  return {
    firstAnswerMs,
    residentKib: Number(/^VmRSS:\s+(\d+) kB/m.exec(status)![1]),
    socket: /"socket":"(\w+)"/.exec(log)![1]!,
  };
}

/** Keeps the figures of one way. */
export function record(way: Way, figures: PackageFigures): void {
  console.log(rowOf(way, figures));
  const all = existsSync(FILE)
    ? (JSON.parse(readFileSync(FILE, 'utf8')) as Partial<Record<Way, PackageFigures>>)
    : {};
  all[way] = figures;
  mkdirSync(dirname(FILE), { recursive: true });
  writeFileSync(FILE, `${JSON.stringify(all, null, 2)}\n`);
  if (process.env.UPDATE_GENERATED !== '1') return;
  const text = readFileSync(DOCUMENT, 'utf8');
  const [from, to] = [text.indexOf(BEGIN) + BEGIN.length, text.indexOf(END)];
  writeFileSync(DOCUMENT, `${text.slice(0, from)}\n\n${tableOf(all)}\n\n${text.slice(to)}`);
}

export function rowOf(way: Way, { firstAnswerMs, residentKib, socket }: PackageFigures): string {
  const first = firstAnswerMs === null ? '–' : `${(firstAnswerMs / 1000).toFixed(1)} s`;
  const resident = residentKib === null ? '–' : `${Math.round(residentKib / 1024)} MiB`;
  const [name, platform, command] = WAYS[way];
  return `| ${[name, platform, `\`${command}\``, first, resident, socket].join(' | ')} |`;
}

/** The table: of all ways that were seen. */
export function tableOf(all: Partial<Record<Way, PackageFigures>>): string {
  const rows = (Object.keys(WAYS) as Way[]).flatMap((way) => (all[way] ? [rowOf(way, all[way])] : []));
  return [`| ${TITLES.join(' | ')} |`, '| --- | --- | --- | ---: | ---: | --- |', ...rows].join('\n');
}
