import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { describeChanges, findChanges, touches } from '../../src/config/changes.ts';
import type { Config } from '../../src/config/config.ts';
import { loadConfig } from '../../src/config/load.ts';
import { ZONE_SETTINGS } from '../../src/config/schema-forward.ts';

function configOf(text: string): Config {
  const folder = mkdtempSync(join(tmpdir(), 'unloop-changes-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'unloop.yaml');
  writeFileSync(path, text);
  return loadConfig({ path, environment: {} }).config;
}

const describe = (previous: Config, next: Config) => describeChanges(findChanges(previous, next));

it('names each setting that is another now, with both values', () => {
  const before = configOf('workers: 2\nforward: { deadline: 4s }\n');
  const after = configOf('workers: 2\nforward: { deadline: 3s }\nupstreams: ["192.0.2.1"]\n');
  expect(describe(before, after)).toEqual([
    'upstreams: auto → ["192.0.2.1:53"]',
    'forward.deadline: 4s → 3s',
  ]);
  expect(describe(after, after)).toEqual([]);
});

it('names a zone that came or went', () => {
  const after = configOf('zones: { corp.example: { upstreams: ["192.0.2.1"] } }');
  expect(describe(configOf(''), after)).toEqual([
    'zones.corp.example.upstreams: unset → ["192.0.2.1:53"]',
    'zones.corp.example.policy: unset → random',
    'zones.corp.example.race: unset → 1',
    'zones.corp.example.next: unset → []',
    'zones.corp.example.healthCheck.name: unset → corp.example',
    'zones.corp.example.healthCheck.type: unset → NS',
    'zones.corp.example.nxdomainCut: unset → false',
    'zones.corp.example.search: unset → off',
  ]);
});

it('says of a secret only that it changed', () => {
  const before = configOf('admin: { token: hunter2hunter2hunter2 }');
  const after = configOf('admin: { token: hunter3hunter3hunter3 }');
  expect(describe(before, after)).toEqual(['admin.token: changed']);
  expect(describe(configOf(''), after)).toEqual(['admin.token:  → ********']);
});

it('counts what is too much for a line', () => {
  const zones = Array.from({ length: 30 }, (_, i) => `  z${i}.example: { upstreams: ["192.0.2.1"] }`);
  const changes = describe(configOf(''), configOf(`zones:\n${zones.join('\n')}\n`));
  expect(changes).toHaveLength(21);
  expect(changes.at(-1)).toBe(`and ${30 * ZONE_SETTINGS.length - 20} more`);
});

it('says what waits for the next start', () => {
  expect(describe(configOf('log: { format: json }'), configOf('log: { format: text }'))).toEqual([
    'log.format: json → text (takes effect at the next start)',
  ]);
});

it('sees another order of the zones: the first one says what a health check asks for', () => {
  const zone = (suffix: string) => `  ${suffix}: { upstreams: ["192.0.2.1"] }\n`;
  const before = configOf(`zones:\n${zone('a.example')}${zone('b.example')}`);
  const after = configOf(`zones:\n${zone('b.example')}${zone('a.example')}`);
  expect(describe(before, after)).toEqual(['zones: a.example, b.example → b.example, a.example']);
  expect(findChanges(before, after)[0]!.setting.reload).toBe('live');
});

it('knows which settings and groups are touched', () => {
  const changes = findChanges(configOf(''), configOf('loop: { probe: { interval: 5s } }'));
  expect(changes.map(({ setting }) => setting.path)).toEqual(['loop.probe.interval']);
  expect(touches(changes, 'loop.probe')).toBe(true);
  expect(touches(changes, 'loop.probe.interval')).toBe(true);
  expect(touches(changes, 'listen', 'loop')).toBe(true);
  expect(touches(changes, 'loop.pro', 'listen')).toBe(false);
});
