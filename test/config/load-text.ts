// Loads a configuration from a text, for the tests of load and of what it calls.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { type ConfigInvalid, formatFault } from '../../src/config/fault.ts';
import { type LoadedConfig, type LoadOptions, loadConfig } from '../../src/config/load.ts';

/** For the files of one test file; removed at its end. */
export const folder: string = mkdtempSync(join(tmpdir(), 'unloop-config-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Loads a text as the file, with an environment of its own. */
export function load(text: string, more: Partial<LoadOptions> = {}): LoadedConfig {
  const path = join(folder, 'unloop.yaml');
  writeFileSync(path, text, { mode: 0o600 });
  chmodSync(path, 0o600);
  return loadConfig({ path, environment: {}, ...more });
}

/** The faults of a text as they are printed, the file's name cut to unloop.yaml. */
export function faultsOf(text: string, more: Partial<LoadOptions> = {}): string[] {
  try {
    load(text, more);
  } catch (error) {
    return (error as ConfigInvalid).faults.map((fault) => formatFault(fault).replaceAll(`${folder}/`, ''));
  }
  return [];
}

export function warningsOf(text: string): string[] {
  return load(text).warnings.map((fault) => formatFault(fault).replaceAll(`${folder}/`, ''));
}
