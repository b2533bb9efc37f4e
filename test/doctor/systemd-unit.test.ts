import { describe, expect, it } from 'vitest';
import { NodeFiles } from '../../src/discovery/node-files.ts';
import { readUnit } from '../../src/doctor/systemd-unit.ts';
import { makeTree, type Tree } from '../discovery/temp-tree.ts';

describe('a unit', () => {
  async function commandOf(tree: Tree) {
    const unit = await readUnit(
      new NodeFiles(await makeTree(tree)),
      'kubelet',
      '[Service]\nExecStart=/lost\n',
    );
    return unit.command.map(({ text, file, line }) => `${text} ${file}:${line}`);
  }

  it('has its variables put in, from its environment files over its own', async () => {
    const command = await commandOf({
      '/usr/lib/systemd/system/kubelet.service':
        // biome-ignore lint/suspicious/noTemplateCurlyInString: systemd's own spelling
        '[Service]\nEnvironment="A=--a --b" B=/c\nEnvironmentFile=-/env\nExecStart=/kubelet $A --x=${B} $NONE\n',
      '/env': '# comment\nA="--d \\\n  --e"\n',
    });
    expect(command).toEqual([
      '/kubelet /usr/lib/systemd/system/kubelet.service:4',
      '--d /env:2',
      '--e /env:3',
      '--x=/c /usr/lib/systemd/system/kubelet.service:4',
    ]);
  });

  it('is that of /etc, with the drop-ins of every directory in the order of their names', async () => {
    const command = await commandOf({
      '/usr/lib/systemd/system/kubelet.service': '[Service]\nExecStart=/one\n',
      '/etc/systemd/system/kubelet.service': '[Service]\nExecStart=/two\n',
      '/etc/systemd/system/kubelet.service.d/10-a.conf': '[Service]\nExecStart=\nExecStart=/four\n',
      '/usr/lib/systemd/system/kubelet.service.d/10-a.conf': '[Service]\nExecStart=\nExecStart=/three\n',
      '/usr/lib/systemd/system/kubelet.service.d/05-b.conf': '[Service]\nExecStart=\nExecStart=/five\n',
      '/usr/lib/systemd/system/kubelet.service.d/README': 'ExecStart=/no\n',
    });
    expect(command).toEqual(['/four /etc/systemd/system/kubelet.service.d/10-a.conf:3']);
  });

  it('that no file has is the one given for it', async () => {
    expect(await commandOf({})).toEqual(['/lost :2']);
  });
});
