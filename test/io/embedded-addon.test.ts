// Only the executable has it (test/lab/packages/executable.packages.ts); here the addon that was
// built for this Node.js stands for what is inside, and folders for what a machine may have.
import { chmodSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { findRootFolder } from '../../src/base/root-folder.ts';
import { scratchDirectory } from '../kit/scratch-directory.ts';

const BUILT = join(findRootFolder(), `build/batch-socket-${process.versions.modules}-${process.arch}.node`);

let addon: Uint8Array;
let workerData: unknown;
beforeEach(() => {
  vi.resetModules();
  addon = readFileSync(BUILT);
  workerData = null;
  vi.doMock('../../src/base/own-files.ts', async (original) => ({
    ...(await original<object>()),
    readEmbedded: () => addon,
  }));
  vi.doMock('node:worker_threads', () => ({ isMainThread: workerData === null, workerData }));
});
afterEach(() => {
  vi.doUnmock('../../src/base/own-files.ts');
  vi.doUnmock('node:worker_threads');
  vi.unstubAllEnvs();
});

const load = () => import('../../src/io/embedded-addon.ts');

describe('the addon in the executable', () => {
  it('is loaded from a file that has no name any more', async () => {
    const folder = scratchDirectory();
    vi.stubEnv('TMPDIR', folder);
    const { embeddedAddon, openAddon } = await load();
    const { path, reason } = embeddedAddon();
    expect(reason).toBe(`inside ${process.execPath}`);
    expect(path).toMatch(/^\/proc\/self\/fd\/\d+$/);
    expect(readlinkSync(path!)).toMatch(
      new RegExp(`^${folder}/unloop-\\w+/batch-socket.node \\(deleted\\)$`),
    );
    expect(readdirSync(folder)).toEqual([]);
    expect(openAddon(path!)).toMatchObject({ abi: expect.any(Number) });
    expect(embeddedAddon()).toEqual({ path, reason });
  });

  it('is looked for by a thread where the main thread has it', async () => {
    workerData = { path: '/proc/self/fd/99', reason: 'told' };
    expect((await load()).embeddedAddon()).toEqual(workerData);
  });

  it('that no folder takes: one line says why, of each, and the cure', async () => {
    addon = Buffer.from('not an addon');
    const folder = scratchDirectory();
    vi.stubEnv('TMPDIR', join(folder, 'none'));
    vi.stubEnv('XDG_RUNTIME_DIR', folder);
    chmodSync(folder, 0o700);
    const { path, reason } = (await load()).embeddedAddon();
    expect(path).toBeNull();
    expect(reason).toMatch(
      /^no folder takes it as a file \(\S+\/none: not there; \S+: [^;]*(?:too short|invalid ELF)[^;]*; \/dev\/shm: .*\); mount a tmpfs without noexec, and name its folder in TMPDIR$/,
    );
    expect(reason).not.toContain('\n');
    expect(readdirSync(folder)).toEqual([]);
  });
});
