// The manual pages and completions say what the help and the table of settings say.
// UPDATE_GENERATED=1 (`npm run docs`) writes them again instead of comparing.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { documentedCommands, readHelp } from '../../packaging/manual/commands.ts';
import { renderBash, renderFish, renderZsh } from '../../packaging/manual/completions.ts';
import { renderCommandPage, renderConfigurationPage } from '../../packaging/manual/manual-pages.ts';
import { OVERRIDE_FLAGS } from '../../src/cli/flags.ts';
import { SETTINGS } from '../../src/config/schema.ts';

const ROOT = join(import.meta.dirname, '../..');
const BASH = join(ROOT, 'config/completions/unloop.bash');

it.each([
  ['config/man/unloop.1', renderCommandPage],
  ['config/man/unloop.yaml.5', async () => renderConfigurationPage()],
  ['config/completions/unloop.bash', renderBash],
  ['config/completions/_unloop', renderZsh],
  ['config/completions/unloop.fish', renderFish],
])('%s is as the program says', async (file, render) => {
  const path = join(ROOT, file);
  const text = await render();
  if (process.env.UPDATE_GENERATED === '1') {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
  expect(readFileSync(path, 'utf8'), 'run `npm run docs`').toBe(text);
});

describe('the help texts', () => {
  it('are read as paragraphs and flags', () => {
    const help = [
      'Does it.',
      'Well.',
      '',
      '  --json        print JSON,',
      '                on one line',
      '',
      'After.',
    ];
    expect(readHelp(help)).toEqual([
      'Does it. Well.',
      { name: 'json', value: null, text: 'print JSON, on one line' },
      'After.',
    ]);
  });

  it('have every flag of run, with a value and a text', async () => {
    const run = (await documentedCommands()).find(({ name }) => name === 'run')!;
    expect(run.flags.map(({ name }) => name).sort()).toEqual(['config', ...OVERRIDE_FLAGS].sort());
    for (const { value, text } of run.flags)
      expect([value, text.length > 20]).toEqual([expect.any(String), true]);
  });
});

it('the page of the configuration has every setting', () => {
  const headings = renderConfigurationPage().match(/^\.TP$/gm);
  expect(headings).toHaveLength(SETTINGS.length);
});

it.each([
  [['unloop', 'ru'], ['run']],
  [['unloop', 'cache', 'fl'], ['flush']],
  [['unloop', 'run', '--ups'], ['--upstream']],
  [['unloop', 'run', '--listen', ''], []],
  [['unloop', 'check', '--config', join(ROOT, 'LICEN')], [join(ROOT, 'LICENSE')]],
])('bash completes %j as %j', (words, expected) => {
  const script = `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _unloop
    [ \${#COMPREPLY[@]} -eq 0 ] || printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = spawnSync('bash', ['-c', script, 'bash', BASH, ...words], { encoding: 'utf8' });
  expect({ found: stdout.split('\n').filter(Boolean), stderr }).toEqual({ found: expected, stderr: '' });
});
