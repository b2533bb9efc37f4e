// The rpm package, installed, upgraded under load and erased by rpm itself, its scripts run by it.
// No distribution that uses rpm is at hand, so the root is Debian 13's, with its rpm. A small
// package stands for what such a distribution provides: it names what unloop's package asks for.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { VERSION } from '../../../packaging/source.ts';
import { goTool } from '../../../packaging/tools.ts';
import { record } from '../support/package-figures.ts';
import { DebianRoot } from './debian-root.ts';
import { NEXT_VERSION, putPackages } from './put-packages.ts';
import { configureUpstream, underLoad } from './under-load.ts';

/** What Debian's packages do for unloop's in this root, under the names that rpm knows. */
const PROVIDED = ['glibc = 2.41', 'libgcc', 'libstdc++', 'shadow-utils', '/bin/sh'];

let files: string;
let root: DebianRoot;
let before: string;

const path = (version: string) => `/run/files/unloop-${version}-1.x86_64.rpm`;

beforeAll(async () => {
  files = mkdtempSync(join(tmpdir(), 'unloop-rpm-'));
  putPackages(files, 'rpm');
  const base = { name: 'base', arch: 'amd64', version: '1.0.0', maintainer: 'x', description: 'x' };
  writeFileSync(join(files, 'base.yaml'), JSON.stringify({ ...base, provides: PROVIDED }));
  const args = ['package', '--config', join(files, 'base.yaml'), '--packager', 'rpm'];
  execFileSync(goTool('nfpm'), [...args, '--target', join(files, 'base.rpm')], { stdio: 'pipe' });
  root = await DebianRoot.start('trixie', files, ['rpm']);
  root.playSystemd();
  // As on Fedora and Red Hat's systems: a service starts when the administrator says so.
  root.sh('mkdir -p /usr/lib/systemd/system-preset');
  root.sh("echo 'disable *' > /usr/lib/systemd/system-preset/99-default.preset");
  // Of the packages filesystem and systemd there.
  root.sh('mkdir -p /usr/share/fish/vendor_completions.d /usr/share/zsh/site-functions');
  root.sh('mkdir -p /etc/systemd/system/multi-user.target.wants');
}, 600_000);
afterAll(async () => {
  await root?.stop();
  rmSync(files, { recursive: true, force: true });
});

describe('the rpm package', () => {
  it('says what it needs, and is refused where that is missing', () => {
    const { status, stderr } = root.try(`rpm --install ${path(VERSION)}`);
    expect(status).not.toBe(0);
    expect(stderr).toContain('glibc >= 2.28 is needed by unloop');
    root.sh('rpm --install /run/files/base.rpm');
    before = root.files();
  });

  it('leaves nothing behind when it is erased as it was installed', () => {
    root.sh(`rpm --install ${path(VERSION)}`);
    expect(root.try('systemctl is-enabled unloop.service').stdout).toBe('disabled\n');
    root.sh('rpm --verify unloop');
    root.sh('rpm --erase unloop');
    expect(root.try('getent passwd unloop').stdout).toBe('');
    expect(root.files()).toBe(before);
  });

  it('starts by its unit’s command, as its own user', () => {
    root.sh(`rpm --install ${path(VERSION)}`);
    root.sh('systemctl enable --now unloop.service');
    const pid = root.servicePid();
    expect(root.sh('cat /run/unloop.service.log')).toContain('"socket":"batch"');
    expect(root.sh(`stat -c %U /proc/${pid}`)).toBe('unloop\n');
    expect(root.sh('unloop --version')).toBe(`unloop ${VERSION}\n`);
    expect(root.sh('unloop check --config /etc/unloop/unloop.yaml')).not.toContain('error');
    expect(root.sh('unloop health')).toContain('"status":"ok"');
    expect(root.sh('rpm --query --configfiles unloop')).toBe('/etc/unloop/unloop.yaml\n');
  });

  it('is upgraded without a lost query, and keeps the configuration', async () => {
    await configureUpstream(root);
    record('rpm', await root.restartService());
    const old = root.servicePid();
    await underLoad(root, files, `rpm --upgrade ${path(NEXT_VERSION)}`);
    expect(root.servicePid()).not.toBe(old);
    expect(root.sh('rpm --query unloop')).toBe(`unloop-${NEXT_VERSION}-1.x86_64\n`);
    expect(root.sh('grep ^upstreams /etc/unloop/unloop.yaml')).toContain('127.0.0.1:');
    expect(root.sh('ls /run/systemd/system /run/units').trim().split(/\s+/)).toEqual([
      '/run/systemd/system:',
      '/run/units:',
      'unloop.service',
    ]);
  });

  it('goes on with the old program when the new one does not start', () => {
    const old = root.servicePid();
    root.sh("sed -i 's/^workers: auto/workers: many/' /etc/unloop/unloop.yaml");
    const said = root.sh(`rpm --upgrade --replacepkgs ${path(NEXT_VERSION)} 2>&1`);
    expect(said).toContain('the old one goes on: journalctl -u unloop-upgrade');
    expect(root.servicePid()).toBe(old);
    expect(root.sh('unloop health')).toContain('"status":"ok"');
  });

  it('is stopped when it is erased; only the configuration that somebody changed stays', () => {
    root.sh('rpm --erase unloop');
    expect(root.sh('ls /run/units')).toBe('');
    expect(root.try('getent passwd unloop').stdout).toBe('');
    root.sh('test -e /etc/unloop/unloop.yaml.rpmsave');
    root.sh('rm -r /etc/unloop');
    expect(root.files()).toBe(before);
  });
});
