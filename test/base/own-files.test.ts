import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { findRootFolder } from '../../src/base/root-folder.ts';

beforeEach(() => vi.resetModules());
afterEach(() => vi.doUnmock('node:sea'));

const load = () => import('../../src/base/own-files.ts');

describe('in a folder', () => {
  it('the program and the manifest are files', async () => {
    const { isOneFile, ownCommand, readManifest } = await load();
    expect(isOneFile).toBe(false);
    expect(ownCommand()).toEqual([process.execPath, join(findRootFolder(), 'dist/unloop/main.js')]);
    expect(existsSync(ownCommand()[1]!)).toBe(true);
    expect(JSON.parse(readManifest())).toMatchObject({ name: 'unloop' });
  });
});

describe('in an executable', () => {
  it('all of them are inside', async () => {
    const inside: Record<string, string> = { 'package.json': '{"version":"1.2.3"}', 'worker.js': 'code' };
    vi.doMock('node:sea', () => ({
      isSea: () => true,
      getAsset: (name: string, encoding?: string) =>
        encoding === undefined ? new TextEncoder().encode(name).buffer : inside[name],
    }));
    const { isOneFile, ownCommand, readEmbedded, readManifest, readWorkerScript } = await load();
    expect(isOneFile).toBe(true);
    expect(ownCommand()).toEqual([process.execPath]);
    expect(readManifest()).toBe('{"version":"1.2.3"}');
    expect(readWorkerScript()).toBe('code');
    expect(Buffer.from(readEmbedded('addon')).toString()).toBe('addon');
  });
});
