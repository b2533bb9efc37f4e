// The scripts that remove the user say it when they cannot, and do not fail for it.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const SCRIPTS = [
  { script: 'deb-postrm', argument: 'purge' },
  { script: 'rpm-postun', argument: '0' },
];

let programs: string;

function program(name: string, body: string): void {
  writeFileSync(join(programs, name), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
}

function run(script: string, argument: string) {
  return spawnSync('/bin/sh', [`packaging/linux/scripts/${script}`, argument], {
    // Nothing of this machine's is called: the scripts would change it.
    env: { PATH: programs },
    encoding: 'utf8',
  });
}

beforeAll(() => {
  programs = mkdtempSync(join(tmpdir(), 'unloop-scripts-'));
  for (const name of ['rm', 'rmdir', 'systemctl', 'deb-systemd-helper']) program(name, 'exit 0');
});
afterAll(() => rmSync(programs, { recursive: true, force: true }));

describe.each(SCRIPTS)('$script', ({ script, argument }) => {
  it('says why the user stays, and the cure', () => {
    program('getent', 'exit 0');
    program('userdel', 'echo "userdel: user unloop is currently used by process 7" >&2; exit 8');
    const { status, stderr } = run(script, argument);
    expect(stderr).toBe(
      'userdel: user unloop is currently used by process 7\n' +
        'unloop: its user stays; to remove it: userdel unloop\n',
    );
    expect(status).toBe(0);
  });

  it('says nothing where there is no such user, or it was removed', () => {
    program('userdel', 'exit 0');
    program('getent', 'exit 0');
    expect(run(script, argument)).toMatchObject({ status: 0, stderr: '' });
    program('getent', 'exit 2');
    program('userdel', 'echo "userdel: user unloop does not exist" >&2; exit 6');
    expect(run(script, argument)).toMatchObject({ status: 0, stderr: '' });
  });
});
