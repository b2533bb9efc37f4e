// A node's file system in a temporary directory, for the tests of discovery.
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type Endpoint, type FoundUpstream, plainEndpoint } from '../../src/base/endpoint.ts';
import type { DiscoverOptions } from '../../src/discovery/search.ts';

/** Path on the node → text, or `→ target` for a symbolic link. */
export type Tree = Readonly<Record<string, string>>;

/** Writes the tree and removes it after the test; returns its root. */
export async function makeTree(tree: Tree): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'unloop-discovery-'));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  await addToTree(root, tree);
  return root;
}

/** Writes more files. */
export async function addToTree(root: string, tree: Tree): Promise<void> {
  for (const [path, text] of Object.entries(tree)) {
    await mkdir(dirname(root + path), { recursive: true });
    if (text.startsWith('→ ')) await symlink(text.slice(2), root + path);
    else await writeFile(root + path, text);
  }
}

/** Discovery on the machine itself (its loopback can be reached), nobody answering servers.bind. */
export function localOptions(root: string, more: Partial<DiscoverOptions> = {}): DiscoverOptions {
  return {
    resolvConf: '/etc/resolv.conf',
    root,
    rewriteLoopback: 'auto',
    listen: [{ host: '127.0.0.1', port: 5300 }],
    isForeign: false,
    interfaces: [
      { name: 'lo', address: '127.0.0.1', index: 0 },
      { name: 'eth0', address: '10.0.0.5', index: 0 },
      { name: 'eth0', address: 'fe80::5', index: 2 },
    ],
    askServersBind: async () => null,
    wallClockMs: Date.UTC(2026, 10, 24),
    ...more,
  };
}

/** What discovery gives: a plain server on port 53, unless more is said. */
export function found(
  host: string,
  source: string,
  more: Partial<Endpoint> & { replaces?: string } = {},
): FoundUpstream {
  const { replaces = null, ...rest } = more;
  return { endpoint: { ...plainEndpoint(host), ...rest }, origin: { source, replaces, hostName: '' } };
}
