import { execFileSync } from 'node:child_process';
import { open, rm, symlink } from 'node:fs/promises';
import { describe, expect, it, vi } from 'vitest';
import { NodeFiles } from '../../src/discovery/node-files.ts';
import { makeTree } from './temp-tree.ts';

describe('NodeFiles', () => {
  it('follows absolute links inside the root, never to the machine around it', async () => {
    const root = await makeTree({ '/etc/resolv.conf': '→ /run/real.conf', '/run/real.conf': 'inside' });
    const files = new NodeFiles(root);
    expect(await files.text('/etc/resolv.conf')).toBe('inside');
    expect(files.touched).toEqual(['/etc/resolv.conf', '/run/real.conf']);
  });

  it('cannot be led out of the root by dots', async () => {
    const root = await makeTree({ '/etc/hosts': '→ ../../../../../../../../etc/hostname' });
    expect((await new NodeFiles(root).read('/etc/hosts')).kind).toBe('missing');
  });

  it('is not led out by links of any kind: whole directories, the way up from one, the root by another name', async () => {
    const outside = await makeTree({ '/secret': 'outside' });
    const root = await makeTree({
      '/etc/resolv.conf': `→ ${outside}/secret`,
      '/etc/up.conf': `→ ${'../'.repeat(40)}${outside.slice(1)}/secret`,
      '/run/systemd': `→ ${outside}`,
      '/run/proc': '→ /proc/self/root',
      '/run/mixed': '→ proc/../../..',
      '/run/self': '→ .',
    });
    const files = new NodeFiles(root);
    const paths = [
      '/etc/resolv.conf',
      '/etc/up.conf',
      '/run/systemd/secret',
      `/run/proc${outside}/secret`,
      `/run/mixed${outside}/secret`,
      `/run/../../..${outside}/secret`,
      `/run/${'self/'.repeat(30)}../..${outside}/secret`,
    ];
    for (const path of paths) expect((await files.read(path)).kind, path).toBe('missing');
    expect(await files.list('/run/systemd')).toEqual([]);
  });

  it('opens nothing through a link that takes the place of a file that was looked at', async () => {
    const outside = await makeTree({ '/secret': 'outside' });
    const root = await makeTree({ '/etc/resolv.conf': 'inside' });
    const files = new NodeFiles(root);
    const reading = files.read('/etc/resolv.conf');
    // lstat has been asked for; what is there changes before it is opened, or not: never is it the
    // other file.
    await rm(`${root}/etc/resolv.conf`);
    await symlink(`${outside}/secret`, `${root}/etc/resolv.conf`);
    expect(await reading).not.toMatchObject({ text: 'outside' });
  });

  it('reads through a linked directory', async () => {
    const root = await makeTree({ '/var/run': '→ ../run', '/run/a.conf': 'text' });
    const files = new NodeFiles(root);
    expect(await files.text('/var/run/a.conf')).toBe('text');
    expect(files.touched).toEqual(['/var/run', '/run/a.conf']);
  });

  it('remembers a missing file by the path at which it will appear', async () => {
    const files = new NodeFiles(await makeTree({ '/run/x': '' }));
    expect((await files.read('/run/late/dir/file')).kind).toBe('missing');
    expect(files.touched).toEqual(['/run/late/dir/file']);
  });

  it('does not wait on a FIFO', async () => {
    const root = await makeTree({ '/etc/x': '' });
    execFileSync('mkfifo', [`${root}/etc/fifo`]);
    expect(await new NodeFiles(root).read('/etc/fifo')).toMatchObject({
      kind: 'unreadable',
      reason: 'notAFile',
    });
  });

  it('names a file that may not be read', async () => {
    const root = await makeTree({ '/etc/secret': 'x' });
    // Root may read everything, so the refusal comes from a stand-in.
    const handle = await open(`${root}/etc/secret`);
    const prototype = Object.getPrototypeOf(handle) as { stat(): Promise<unknown> };
    await handle.close();
    const refusal = Object.assign(new Error('no'), { code: 'EACCES' });
    const spy = vi.spyOn(prototype, 'stat').mockRejectedValueOnce(refusal);
    const files = new NodeFiles(root);
    expect(await files.read('/etc/secret')).toMatchObject({ reason: 'denied', detail: 'may not be read' });
    expect(files.unreadable).toHaveLength(1);
    spy.mockRestore();
  });

  it('lists names sorted, without hidden files and backups, and asks the watch for any name', async () => {
    const root = await makeTree({ '/d/b': '', '/d/a': '', '/d/.hidden': '', '/d/a~': '' });
    const files = new NodeFiles(root);
    expect(await files.list('/d')).toEqual(['a', 'b']);
    expect(files.touched).toContain('/d/*');
    await rm(`${root}/d`, { recursive: true });
    expect(await files.list('/d')).toEqual([]);
  });
});
