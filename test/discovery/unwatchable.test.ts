// Directories that the kernel does not let us watch: polling follows them, and one notice with a
// remedy names each.
import type * as fs from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { expect, it, onTestFinished, vi } from 'vitest';
import { type CannotWatch, watchDiscovery } from '../../src/discovery/watch.ts';
import { localOptions, makeTree } from './temp-tree.ts';

let refusal = '';
vi.mock('node:fs', async (original) => ({
  ...(await original<typeof fs>()),
  watch: () => {
    throw Object.assign(new Error(`${refusal}: no`), { code: refusal });
  },
}));

it.each([
  ['EACCES', /right to read this directory/],
  ['ENOSPC', /fs\.inotify\.max_user_watches/],
  ['EMFILE', /fs\.inotify\.max_user_instances/],
  ['EIO', /Nothing needs doing/],
])('%s: changes are seen all the same, and the remedy is said once', async (code, remedy) => {
  refusal = code;
  const root = await makeTree({ '/etc/resolv.conf': 'nameserver 192.0.2.1\n' });
  const seen: string[] = [];
  const errors: CannotWatch[] = [];
  const watch = watchDiscovery(
    { ...localOptions(root), debounceMs: 5, pollMs: 20 },
    ({ upstreams }) => seen.push(upstreams.map(({ endpoint }) => endpoint.host).join()),
    (error) => errors.push(error as CannotWatch),
  );
  onTestFinished(() => watch.close());
  await expect.poll(() => seen, { timeout: 40_000 }).toEqual(['192.0.2.1']);
  // In one step: a poll may fall between a truncation and the new text.
  await writeFile(`${root}/resolv.conf.new`, 'nameserver 192.0.2.2\n');
  await rename(`${root}/resolv.conf.new`, `${root}/etc/resolv.conf`);
  await expect.poll(() => seen, { timeout: 40_000 }).toEqual(['192.0.2.1', '192.0.2.2']);
  const ofEtc = errors.filter(({ message }) => message.startsWith(`${root}/etc cannot be watched (${code})`));
  expect(ofEtc).toHaveLength(1);
  expect(ofEtc[0]!.remedy).toMatch(remedy);
});
