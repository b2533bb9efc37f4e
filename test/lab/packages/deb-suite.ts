// The deb package in a fresh Debian: installed, started by its unit's command, upgraded under load,
// removed and purged. systemd does not run there: systemctl.mjs plays its part.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { VERSION } from '../../../packaging/source.ts';
import { record } from '../support/package-figures.ts';
import { DebianRoot, type Release } from './debian-root.ts';
import { putPackages } from './put-packages.ts';
import { configureUpstream, underLoad } from './under-load.ts';

export function debSuite(release: Release): void {
  describe(`the deb package on Debian ${release}`, () => {
    let files: string;
    let root: DebianRoot;
    let before: string;
    // As an unattended upgrade does where both sides changed the configuration.
    const dpkg = (version: string) => `dpkg --force-confold -i /run/files/unloop_${version}-1_amd64.deb 2>&1`;
    const install = (version: string) => root.sh(dpkg(version));
    const pid = () => root.servicePid();

    beforeAll(async () => {
      files = mkdtempSync(join(tmpdir(), 'unloop-deb-'));
      putPackages(files, 'deb');
      root = await DebianRoot.start(release, files);
      before = root.files();
      root.playSystemd();
    }, 300_000);
    afterAll(async () => {
      await root?.stop();
      rmSync(files, { recursive: true, force: true });
    });

    it('installs without anything that Debian’s smallest root lacks, and runs as its own user', () => {
      install(VERSION);
      expect(root.sh('cat /run/unloop.service.log')).toContain('"socket":"batch"');
      expect(root.sh(`stat -c %U /proc/${pid()}`)).toBe('unloop\n');
      expect(root.sh(`tr '\\0' ' ' < /proc/${pid()}/cmdline`)).toContain(
        'run --config /etc/unloop/unloop.yaml',
      );
      expect(root.sh('unloop --version')).toBe(`unloop ${VERSION}\n`);
      expect(root.sh('unloop check --config /etc/unloop/unloop.yaml')).not.toContain('error');
      expect(root.sh('unloop health')).toContain('"status":"ok"');
      expect(root.sh('dpkg-query --status unloop')).toMatch(/^ \/etc\/unloop\/unloop\.yaml \S+$/m);
      // Enabled: a link for the next boot.
      root.sh('test -L /etc/systemd/system/multi-user.target.wants/unloop.service');
    });

    it('is upgraded without a lost query, and keeps the configuration', async () => {
      await configureUpstream(root);
      record(`deb-${release}`, await root.restartService());
      const old = pid();
      root.sh('rm -f /run/systemctl.log');
      await underLoad(root, files, dpkg('99.0.0'));

      expect(pid()).not.toBe(old);
      expect(root.sh('grep -v -e is- -e daemon-reload /run/systemctl.log').trim().split('\n')).toEqual([
        'cat unloop.service',
        'start unloop-upgrade.service',
        'restart unloop.service',
        'stop unloop-upgrade.service',
      ]);
      expect(root.sh('ls /run/systemd/system /run/units').trim().split(/\s+/)).toEqual([
        '/run/systemd/system:',
        '/run/units:',
        'unloop.service',
      ]);
      expect(root.sh('grep ^upstreams /etc/unloop/unloop.yaml')).toContain('127.0.0.1:');
    });

    it('goes on with the old program when the new one does not start', () => {
      const old = pid();
      root.sh("sed -i 's/^workers: auto/workers: many/' /etc/unloop/unloop.yaml");
      expect(install('99.0.0')).toContain('the old one goes on: journalctl -u unloop-upgrade');
      expect(pid()).toBe(old);
      expect(root.sh('unloop health')).toContain('"status":"ok"');
    });

    it('leaves the configuration when it is removed, and nothing at all when it is purged', () => {
      root.sh('dpkg -r unloop');
      expect(root.try('systemctl is-active unloop.service').status).toBe(127);
      root.sh('test -e /etc/unloop/unloop.yaml && ! test -e /usr/lib/unloop');
      root.sh('dpkg -P unloop; rm /usr/bin/systemctl');
      expect(root.try('getent passwd unloop').stdout).toBe('');
      expect(root.files()).toBe(before);
    });
  });
}
