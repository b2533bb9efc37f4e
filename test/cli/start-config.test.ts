import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ConfigReader, type StartConfig } from '../../src/cli/start-config.ts';

const GOOD = 'cache: { maxEntries: 4321 }\n';
const FAULTY = 'cache: { maxEntries: many }\n';
const FALLBACK = 'cache: { maxEntries: 1234 }\nloop: { clusterKeyFile: secrets/key }\n';

function folderOf(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'unloop-start-config-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

function readerOf(folder: string, environment: NodeJS.ProcessEnv): ConfigReader {
  return new ConfigReader({ configPath: join(folder, 'unloop.yaml'), overrides: [] }, environment);
}

/** The name and the size of the cache of the first that loads. */
function firstGood(configs: readonly StartConfig[]): [string, number] {
  for (const { name, load } of configs) {
    try {
      return [name, load().config.cache.maxEntries];
    } catch {
      // The next one.
    }
  }
  throw new Error('none loads');
}

describe('on a host', () => {
  it('there is nothing but the file, whatever UNLOOP_LAST_GOOD says', () => {
    const folder = folderOf({ 'unloop.yaml': FAULTY, last: GOOD });
    const configs = readerOf(folder, { UNLOOP_LAST_GOOD: join(folder, 'last') }).startConfigs();
    expect(configs.map(({ name }) => name)).toEqual(['']);
    expect(() => configs[0]!.load()).toThrow('maxEntries');
  });

  it('a key that cannot be read is a fault', () => {
    const folder = folderOf({ 'unloop.yaml': 'loop: { clusterKeyFile: secrets/key }\n' });
    expect(() => readerOf(folder, {}).load()).toThrow('secrets/key');
  });
});

describe('with a fallback', () => {
  const environment = (folder: string) => ({
    UNLOOP_FALLBACK_CONFIG: FALLBACK,
    UNLOOP_LAST_GOOD: join(folder, 'last'),
  });

  it.each([
    ['the file', { 'unloop.yaml': GOOD, last: 'x: 1' }, '', 4321],
    ['the last good one', { 'unloop.yaml': FAULTY, last: GOOD }, 'the last good configuration', 4321],
    ['the fallback without a last good one', { 'unloop.yaml': FAULTY }, 'the fallback', 1234],
    ['the fallback without any file', {}, 'the fallback', 1234],
    ['the fallback beside a faulty last good one', { last: FAULTY }, 'the fallback', 1234],
  ] as const)('starts with %s', (_case, files, name, maxEntries) => {
    const folder = folderOf(files as Record<string, string>);
    const [found, entries] = firstGood(readerOf(folder, environment(folder)).startConfigs());
    expect(found.startsWith(name) && (name !== '' || found === '')).toBe(true);
    expect(entries).toBe(maxEntries);
  });

  it('starts with the defaults where the fallback is faulty too', () => {
    const folder = folderOf({ 'unloop.yaml': FAULTY });
    const reader = readerOf(folder, { UNLOOP_FALLBACK_CONFIG: FAULTY });
    expect(firstGood(reader.startConfigs())[0]).toBe('the defaults');
  });

  it('keeps the good file for the next start, readable by its owner alone', () => {
    const folder = folderOf({ 'unloop.yaml': GOOD });
    const reader = readerOf(folder, environment(folder));
    reader.keep(reader.load());
    expect(readFileSync(join(folder, 'last'), 'utf8')).toBe(GOOD);
    expect(statSync(join(folder, 'last')).mode & 0o777).toBe(0o600);
  });

  it('does without a key that is not there, and never again once it has had it', () => {
    const folder = folderOf({ 'unloop.yaml': 'loop: { clusterKeyFile: key }\n' });
    const reader = readerOf(folder, environment(folder));
    const loaded = reader.load();
    expect(loaded.config.loop.clusterKey).toBe('');
    expect(loaded.missing).toEqual([join(folder, 'key')]);
    expect(loaded.warnings.map(({ message }) => message).join()).toContain('no such file');
    writeFileSync(join(folder, 'key'), 'sixteen-characters-and-more\n');
    expect(reader.load().config.loop.clusterKey).toBe('sixteen-characters-and-more');
    rmSync(join(folder, 'key'));
    expect(() => reader.load()).toThrow('no such file');
  });

  it('opens nothing where the token is not there: it has one that nobody knows', () => {
    const folder = folderOf({ 'unloop.yaml': 'admin: { tokenFile: token }\n' });
    const reader = readerOf(folder, environment(folder));
    const { config, missing } = reader.load();
    expect(missing).toEqual([join(folder, 'token')]);
    expect(config.admin.token.length).toBeGreaterThan(40);
    expect(reader.load().config.admin.token).toBe(config.admin.token);
    writeFileSync(join(folder, 'token'), 'the-token\n');
    expect(reader.load().config.admin.token).toBe('the-token');
  });
});
