// A resolv.conf that is a mount of its own, as every container has it: written in place, and its
// directory hears nothing of it. Needs root, to mount one file over another inside a temporary
// directory.
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { expect, it, onTestFinished } from 'vitest';
import { discoverUpstreams } from '../../src/discovery/discover.ts';
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

/** A directory of another file system than the temporary directory, as the node's are to a pod. */
async function nodeDirectory(): Promise<string> {
  const node = await mkdtemp('/dev/shm/unloop-');
  onTestFinished(() => rm(node, { recursive: true, force: true }));
  return node;
}

function bind(source: string, target: string): void {
  execFileSync('mount', ['--bind', '-o', 'ro', source, target]);
  onTestFinished(() => void execFileSync('umount', [target]));
}

it('says that a mounted file is one that the node has replaced', async () => {
  const root = await makeTree({ '/etc/resolv.conf': '' });
  const node = await nodeDirectory();
  await writeFile(`${node}/resolv.conf`, 'nameserver 10.0.0.1\n');
  bind(`${node}/resolv.conf`, `${root}/etc/resolv.conf`);
  const codes = async () => (await discoverUpstreams(localOptions(root))).notices.map(({ code }) => code);
  expect(await codes()).toEqual([]);
  await writeFile(`${node}/next`, 'nameserver 10.0.0.2\n');
  await rename(`${node}/next`, `${node}/resolv.conf`);
  expect(await codes()).toEqual(['mount-detached']);
});

it('says that a mounted directory is one that the node has removed', async () => {
  const root = await makeTree({
    '/etc/resolv.conf': 'nameserver 127.0.0.53\n',
    '/run/systemd/resolve/x': '',
  });
  const node = await nodeDirectory();
  await mkdir(`${node}/resolve`);
  bind(`${node}/resolve`, `${root}/run/systemd/resolve`);
  await rm(`${node}/resolve`, { recursive: true });
  const { notices } = await discoverUpstreams(localOptions(root));
  expect(notices.map(({ code }) => code)).toContain('mount-detached');
  expect(notices.find(({ code }) => code === 'mount-detached')!.message).toContain('/run/systemd/resolve ');
});

it('follows all that changes in mounted directories: a rename, a link set elsewhere, a new file', async () => {
  const root = await makeTree({ '/etc/x': '', '/run/systemd/resolve/x': '' });
  const [etc, resolve] = [await nodeDirectory(), await nodeDirectory()];
  await writeFile(`${etc}/resolv.conf`, 'nameserver 10.0.0.1\n');
  bind(etc, `${root}/etc`);
  bind(resolve, `${root}/run/systemd/resolve`);
  const replaceByRename = async (path: string, text: string) => {
    await writeFile(`${path}.next`, text);
    await rename(`${path}.next`, path);
  };
  const link = async (target: string) => {
    await symlink(target, `${etc}/link`);
    await rename(`${etc}/link`, `${etc}/resolv.conf`);
  };
  const steps: Record<string, () => Promise<unknown>> = {
    '10.0.0.1': () => replaceByRename(`${etc}/resolv.conf`, 'nameserver 10.0.0.2\n'),
    // resolved is installed: its file comes first, then the link to it.
    '10.0.0.2': async () => {
      await replaceByRename(`${resolve}/resolv.conf`, 'nameserver 10.0.0.3\n');
      await link('../run/systemd/resolve/resolv.conf');
    },
    // resolved starts again with other servers.
    '10.0.0.3': () => replaceByRename(`${resolve}/resolv.conf`, 'nameserver 10.0.0.4\n'),
    // The link leads to the stub: the servers behind it stay.
    '10.0.0.4': async () => {
      await replaceByRename(`${resolve}/resolv.conf`, 'nameserver 10.0.0.5\n');
      await writeFile(`${resolve}/stub-resolv.conf`, 'nameserver 127.0.0.53\n');
      await link('/run/systemd/resolve/stub-resolv.conf');
    },
  };
  const seen: string[] = [];
  await new Promise<void>((done, reject) => {
    const watch = watchDiscovery(
      { ...localOptions(root, { isForeign: true }), debounceMs: 10, pollMs: 3_600_000 },
      ({ upstreams, notices }) => {
        const { host } = upstreams[0]!.endpoint;
        if (notices.some(({ code }) => code === 'loopback-rewritten') && host === '10.0.0.5') done();
        if (seen.includes(host)) return;
        seen.push(host);
        steps[host]?.().catch(reject);
      },
      reject,
    );
    onTestFinished(() => watch.close());
  });
  expect(seen).toEqual(['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5']);
});
