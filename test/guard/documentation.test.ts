// Documents are true: the commands, flags, settings and metrics in them exist, and all of them are
// documented.
import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.ts';
import { OVERRIDE_FLAGS } from '../../src/cli/flags.ts';
import { commandHelp } from '../../src/cli/help.ts';
import { SETTINGS } from '../../src/config/schema.ts';
import { readRepositoryFile, repositoryFiles } from './repository-files.ts';

const pages = [
  ...repositoryFiles(['.'], ['.md']).filter((path) => path !== 'CHANGELOG.md'),
  ...repositoryFiles(['docs'], ['.md']),
];
const { scripts } = JSON.parse(readRepositoryFile('package.json')) as { scripts: Record<string, string> };

/** Every "npm run x", "npm x" and "npx unloop x" of the pages, with its file and line. */
function commandsIn(path: string): { place: string; tool: 'npm' | 'unloop'; name: string }[] {
  const found: { place: string; tool: 'npm' | 'unloop'; name: string }[] = [];
  let isCode = false;
  readRepositoryFile(path)
    .split('\n')
    .forEach((line, i) => {
      const place = `${path}:${i + 1}`;
      for (const [, name] of line.matchAll(/\bnpm run (?:-s |--silent )?([\w:-]+)/g))
        found.push({ place, tool: 'npm', name: name! });
      for (const [, name] of line.matchAll(/\bnpm (start|test)\b/g))
        found.push({ place, tool: 'npm', name: name! });
      if (line.trimStart().startsWith('```')) isCode = !isCode;
      // At the beginning of a line it is a command only in a block of code: prose wraps anywhere.
      const command = isCode
        ? /(?:`|\bnpx |^\s*(?:\$ )?)unloop ([a-z]+)\b/g
        : /(?:`|\bnpx )unloop ([a-z]+)\b/g;
      for (const [, name] of line.matchAll(command)) found.push({ place, tool: 'unloop', name: name! });
    });
  return found;
}

describe('documentation', () => {
  it('names only commands that exist', () => {
    const commands = pages.flatMap(commandsIn);
    expect(commands.length).toBeGreaterThan(5);
    const unloopCommands = [...COMMANDS.map((command) => command.name), 'help'];
    const missing = commands.filter(({ tool, name }) =>
      tool === 'npm' ? !(name in scripts) : !unloopCommands.includes(name),
    );
    expect(missing).toEqual([]);
  });

  it('links only to files that are there', () => {
    const broken: string[] = [];
    for (const page of pages) {
      for (const [, target] of readRepositoryFile(page).matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)) {
        if (/^[a-z]+:/.test(target!)) continue;
        const path = new URL(target!, `file:///${page}`).pathname.slice(1);
        const isThere = repositoryFiles([path.includes('/') ? path.split('/')[0]! : '.'], ['']).some(
          (file) => file === path || file.startsWith(`${path.replace(/\/$/, '')}/`),
        );
        if (!isThere) broken.push(`${page}: ${target}`);
      }
    }
    expect(broken).toEqual([]);
  });

  it('tells of every flag of run in `unloop help run`', () => {
    const help = commandHelp(COMMANDS.find((command) => command.name === 'run')!);
    for (const flag of ['config', ...OVERRIDE_FLAGS]) expect(help).toContain(`--${flag} `);
    for (const flag of ['config', 'listen', 'upstream', 'zone', 'admin', 'workers', 'log-level'])
      expect(['config', ...OVERRIDE_FLAGS]).toContain(flag);
  });

  it('has a section for every setting, and no other', () => {
    const page = readRepositoryFile('docs/configuration.md');
    const sections = [...page.slice(page.indexOf('## Settings')).matchAll(/^### (\S+)$/gm)].map(
      ([, name]) => name!,
    );
    const settings = SETTINGS.map((setting) => setting.path.replace('*', 'SUFFIX'));
    expect(settings.length).toBeGreaterThan(30);
    expect(sections.sort()).toEqual([...settings].sort());
  });
});
