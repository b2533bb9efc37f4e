import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { describeChanges } from '../../src/config/changes.ts';
import type { Config } from '../../src/config/config.ts';
import { loadConfig } from '../../src/config/load.ts';

function configOf(text: string): Config {
  const folder = mkdtempSync(join(tmpdir(), 'unloop-changes-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'unloop.yaml');
  writeFileSync(path, text);
  return loadConfig({ path, environment: {} }).config;
}

it('names each setting that is another now, with both values', () => {
  const before = configOf('workers: 2\nforward: { deadline: 4s }\n');
  const after = configOf('workers: 2\nforward: { deadline: 3s }\nupstreams: ["192.0.2.1"]\n');
  expect(describeChanges(before, after)).toEqual([
    'upstreams: auto → ["192.0.2.1:53"]',
    'forward.deadline: 4s → 3s',
  ]);
  expect(describeChanges(after, after)).toEqual([]);
});

it('names a zone that came or went', () => {
  const after = configOf('zones: { corp.example: { upstreams: ["192.0.2.1"] } }');
  expect(describeChanges(configOf(''), after)).toEqual([
    'zones.corp.example.upstreams: unset → ["192.0.2.1:53"]',
    'zones.corp.example.policy: unset → random',
    'zones.corp.example.healthCheck.name: unset → corp.example',
    'zones.corp.example.healthCheck.type: unset → NS',
  ]);
});

it('says of a secret only that it changed', () => {
  const before = configOf('admin: { token: hunter2hunter2hunter2 }');
  const after = configOf('admin: { token: hunter3hunter3hunter3 }');
  expect(describeChanges(before, after)).toEqual(['admin.token: changed']);
  expect(describeChanges(configOf(''), after)).toEqual(['admin.token:  → ********']);
});

it('counts what is too much for a line', () => {
  const zones = Array.from({ length: 30 }, (_, i) => `  z${i}.example: { upstreams: ["192.0.2.1"] }`);
  const changes = describeChanges(configOf(''), configOf(`zones:\n${zones.join('\n')}\n`));
  expect(changes).toHaveLength(21);
  expect(changes.at(-1)).toBe('and 100 more');
});
