// The file that keeps the cache: what was written is read, and nothing else is believed.
import { chmod, mkdir, mkdtemp, readFile, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, it } from 'vitest';
import { type KeptAnswers, readCacheFile, writeCacheFile } from '../../../src/server/control/cache-file.ts';

const folder = await mkdtemp(join(tmpdir(), 'unloop-cache-'));
afterAll(() => rm(folder, { recursive: true }));
const path = join(folder, 'cache');
const KEPT: KeptAnswers = {
  savedAtMs: 1_700_000_000_000,
  partitions: new Map([
    [1, '. udp://192.0.2.1:53#'],
    [2, 'corp.example udp://192.0.2.2:53#'],
  ]),
  withheld: 'rebind home.arpa',
  records: [Buffer.from('records of answers')],
};

beforeEach(async () => {
  await rm(path, { recursive: true, force: true });
  await writeCacheFile(path, KEPT);
});

const reasonOf = () => readCacheFile(path, 1000).then(String, (error: Error) => error.message);

it('has what was written, for its owner alone', async () => {
  expect((await readCacheFile(path, 1000))!).toEqual(KEPT);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await readCacheFile(join(folder, 'other'), 1000)).toBeNull();
});

it('takes the place of the one before as a whole, and of no other file', async () => {
  const victim = join(folder, 'victim');
  await writeFile(victim, 'untouched');
  await symlink(victim, `${path}.next`);
  const inode = (await stat(path)).ino;
  await writeCacheFile(path, { ...KEPT, records: [Buffer.from('in'), Buffer.from('pieces')] });
  expect((await stat(path)).ino).not.toBe(inode);
  expect(Buffer.concat((await readCacheFile(path, 1000))!.records).toString()).toBe('inpieces');
  expect(await readFile(victim, 'utf8')).toBe('untouched');
});

it('leaves nothing behind where it cannot be written', async () => {
  await rm(path);
  await mkdir(join(path, 'in the way'), { recursive: true });
  await expect(writeCacheFile(path, KEPT)).rejects.toThrow();
  await expect(stat(`${path}.next`)).rejects.toThrow();
});

it('is not believed with any byte changed, or cut off anywhere', async () => {
  const whole = await readFile(path);
  for (let at = 0; at < whole.length; at++) {
    const changed = Buffer.from(whole);
    changed[at]! ^= 0x10;
    await writeFile(path, changed);
    expect(await reasonOf(), `byte ${at}`).toMatch(/^it is (damaged|no cache file|of another version)/);
    await writeFile(path, whole.subarray(0, at));
    expect(await reasonOf(), `${at} bytes`).toMatch(/^it is (damaged|no cache file)/);
  }
});

it.each<[string, string, () => Promise<unknown>]>([
  ['that others may write', 'others may write it', () => chmod(path, 0o620)],
  ['that is too large', 'it is larger than cache.maxBytes', () => truncate(path, 2 * 1024 * 1024)],
  ['of another program', 'it is no cache file of unloop', () => writeFile(path, 'something else, and long')],
  ['that is a link', 'it is a symbolic link', () => rm(path).then(() => symlink('/etc/passwd', path))],
  ['that is a folder', 'it is not a file', () => rm(path).then(() => mkdir(path))],
])('is not read: one %s', async (_, reason, change) => {
  await change();
  expect(await reasonOf()).toBe(reason);
});
