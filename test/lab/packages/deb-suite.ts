// The deb package in a fresh Debian: installed, started by its unit's command, upgraded under load,
// removed and purged. systemd does not run there: systemctl.mjs plays its part.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { buildPackage } from '../../../packaging/linux/build.ts';
import { VERSION } from '../../../packaging/source.ts';
import { Child } from '../../../src/base/child-process.ts';
import { findRootFolder } from '../../../src/base/root-folder.ts';
import { DebianRoot, type Release } from './debian-root.ts';

const UPSTREAM = join(import.meta.dirname, '../nothing-lost/slow-upstream.mjs');
/** Of load, around an upgrade that takes about 5 s. */
const LOAD_S = 15;
/** What dpkg and the commands of these tests write themselves. */
const NOT_OURS =
  '-path ./proc -o -path ./run -o -path ./dev -o -path ./tmp -o -path ./var/lib/dpkg -o -path ./var/log';

export function debSuite(release: Release): void {
  describe(`the deb package on Debian ${release}`, () => {
    let files: string;
    let root: DebianRoot;
    let before: string;
    const fileList = () =>
      root.sh(
        `find . \\( ${NOT_OURS} \\) -prune -o -print | sort | grep -v -e '^./etc/.*-$' -e '^./etc/.pwd.lock$'`,
      );
    const install = (version: string) => root.sh(`dpkg -i /run/files/unloop_${version}-1_amd64.deb 2>&1`);
    const pid = () => root.sh('cat /run/units/unloop.service').trim();

    beforeAll(async () => {
      files = mkdtempSync(join(tmpdir(), 'unloop-deb-'));
      execFileSync('npm', ['run', '--silent', 'prebuilds'], { cwd: findRootFolder(), stdio: 'pipe' });
      for (const version of [VERSION, '99.0.0']) buildPackage(files, 'deb', 'amd64', version);
      cpSync(join(import.meta.dirname, 'systemctl.mjs'), join(files, 'systemctl'));
      root = await DebianRoot.start(release, files);
      before = fileList();
      root.sh('mkdir -p /run/systemd/system; install -m 755 /run/files/systemctl /run/systemctl');
      root.sh('ln -s /run/systemctl /usr/bin/systemctl');
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
      const upstream = new Child([...root.enter('beside'), 'node', UPSTREAM, '20']);
      onTestFinished(() => upstream.kill());
      const port = await upstream.until(() => /^(\d+)\n/.exec(upstream.stdout)?.[1], 40_000);
      root.sh(`sed -i 's/^upstreams: auto/upstreams: ["127.0.0.1:${port}"]/' /etc/unloop/unloop.yaml`);
      // A busy machine may keep an answer waiting: what is tested is that all come.
      root.sh(`sed -i 's/deadline: 1800ms/deadline: 4500ms/' /etc/unloop/unloop.yaml`);
      root.sh('systemctl restart unloop.service');
      const old = pid();

      const names = Array.from({ length: 5000 }, (_, i) => `name${i}.example A`);
      const list = join(files, 'names');
      writeFileSync(list, `${names.join('\n')}\n`);
      const load = ['dnsperf', '-s', '127.0.0.1', '-p', '5300', '-Q', '200', '-l', String(LOAD_S), '-c', '8'];
      const client = new Child([...root.enter('beside'), ...load, '-d', list]);
      onTestFinished(() => client.kill());
      await client.untilSaid('[Status] Sending queries', 40_000);
      root.sh('rm -f /run/systemctl.log');
      install('99.0.0');
      expect(client.hasEnded).toBe(false);
      await client.ended;

      expect(client.stdout).toMatch(/Queries lost:\s+0 /);
      expect(client.stdout).toMatch(/Response codes:\s+NOERROR \d+ \(100\.00%\)/);
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
      expect(root.sh('grep ^upstreams /etc/unloop/unloop.yaml')).toContain(`127.0.0.1:${port}`);
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
      expect(fileList()).toBe(before);
    });
  });
}
