import { join } from 'node:path';
import { expect, it } from 'vitest';
import { planWatches } from '../../src/discovery/watch-plan.ts';
import { makeTree } from './temp-tree.ts';

async function plan(tree: Record<string, string>, paths: readonly string[]) {
  const root = await makeTree({ '/present': '', ...tree });
  const watches = await planWatches(paths, (path) => join(root, path));
  const entries = watches.map(({ hostPath, names }) => [hostPath.slice(root.length), [...names].sort()]);
  return Object.fromEntries(entries) as Record<string, string[]>;
}

it('watches the directory of a file, with the names that matter', async () => {
  expect(await plan({ '/etc/resolv.conf': '' }, ['/etc/resolv.conf', '/etc/missing'])).toEqual({
    '/etc': ['missing', 'resolv.conf'],
  });
});

it('takes any name in a directory', async () => {
  expect(await plan({ '/etc/conf.d/a': '' }, ['/etc/conf.d/*'])).toEqual({ '/etc/conf.d': ['*'] });
});

it('watches the nearest directory above that exists, with the next name on the way down', async () => {
  expect(await plan({ '/run/x': '' }, ['/run/systemd/resolve/resolv.conf', '/run/systemd/*'])).toEqual({
    '/run': ['systemd'],
  });
});

it('does not mistake a file in the way for a directory', async () => {
  expect(await plan({ '/run/systemd': 'a file' }, ['/run/systemd/resolv.conf'])).toEqual({
    '/run': ['systemd'],
  });
});

it('needs 64 watches at most', async () => {
  const names = Array.from({ length: 100 }, (_, i) => `/d${i}/file`);
  const watches = await plan(Object.fromEntries(names.map((name) => [name, ''])), names);
  expect(Object.keys(watches)).toHaveLength(64);
});
