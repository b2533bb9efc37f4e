// A resolv.conf that is a mount of its own, as every container has it: written in place, and its
// directory hears nothing of it. Needs root, to mount one file over another inside a temporary
// directory.
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { it, onTestFinished } from 'vitest';
import { watchDiscovery } from '../../src/discovery/watch.ts';
import { localOptions, makeTree } from '../discovery/temp-tree.ts';

it('follows a bind-mounted resolv.conf without polling', async () => {
  const root = await makeTree({ '/etc/resolv.conf': '' });
  // Shared memory is another file system than the temporary directory, as the host's files are to a
  // container.
  const host = await mkdtemp('/dev/shm/unloop-');
  onTestFinished(() => rm(host, { recursive: true }));
  await writeFile(`${host}/resolv.conf`, 'nameserver 10.0.0.1\n');
  execFileSync('mount', ['--bind', `${host}/resolv.conf`, `${root}/etc/resolv.conf`]);
  onTestFinished(() => void execFileSync('umount', [`${root}/etc/resolv.conf`]));

  await new Promise<void>((resolve, reject) => {
    const watch = watchDiscovery(
      { ...localOptions(root), debounceMs: 10, pollMs: 3_600_000 },
      ({ upstreams, notices }) => {
        if (upstreams[0]!.endpoint.host === '10.0.0.2') resolve();
        else if (notices.length === 0)
          writeFile(`${host}/resolv.conf`, 'nameserver 10.0.0.2\n').catch(reject);
      },
      reject,
    );
    onTestFinished(() => watch.close());
  });
});
