// The Kubernetes pages have their steps as commands, which the laboratory's cluster runs as written
// (test/lab/kubernetes). Here: they are there, and a shell can read them.
import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { blocksOf, commandsOf } from '../lab/kubernetes/page-commands.ts';

describe.each([
  ['sidecar.md', { Install: ['REGISTRY', 'SERVER'], Upgrade: [], Remove: [] }],
  ['node-local.md', { Install: ['REGISTRY', 'SERVER'], Upgrade: [], Remove: [] }],
  ['cluster-wide.md', { Install: ['REGISTRY'], Upgrade: [], Remove: ['SERVER'] }],
  ['README.md', { 'Check a node': ['NODE', 'REGISTRY'] }],
])('%s', (page, sections) => {
  it.each(Object.entries(sections))('has the commands of %s', (section, words) => {
    const values = Object.fromEntries(words.map((word: string) => [word, 'filled.in']));
    const script = commandsOf(page, section, values);
    expect(script).toMatch(/^(?:helm|kubectl|sed) /m);
    expect(script).not.toMatch(/\b[A-Z]{4,}\b/);
    execFileSync('sh', ['-n'], { input: script });
  });
});

describe('the commands of a page', () => {
  it('lose the indentation of their list', () => {
    for (const { text } of blocksOf('cluster-wide.md', 'Install'))
      expect(text).toMatch(/^(?:\S| {4}forward)/);
  });

  it('are an error where they are missed', () => {
    expect(() => commandsOf('cluster-wide.md', 'Uninstall')).toThrow('has no section "Uninstall"');
    expect(() => commandsOf('cluster-wide.md', 'If no pod runs')).toThrow('has no commands');
    expect(() => commandsOf('cluster-wide.md', 'Install', { PLACE: 'x' })).toThrow('does not name PLACE');
  });
});
