// The doctor reaches a verdict whatever a node's files contain.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseDoctorFlags } from '../../src/doctor/flags.ts';
import { examine } from '../../src/doctor/main.ts';
import { renderText } from '../../src/doctor/render-text.ts';
import { makeTree } from '../discovery/temp-tree.ts';

const PATHS = [
  '/etc/resolv.conf',
  '/etc/dnsmasq.conf',
  '/etc/systemd/resolved.conf',
  '/run/systemd/resolve/resolv.conf',
  '/var/lib/kubelet/config.yaml',
  '/etc/default/kubelet',
  '/etc/systemd/system/kubelet.service',
  '/proc/7/cmdline',
  '/etc/pihole/pihole.toml',
  '/etc/unbound/unbound.conf',
  '/etc/dnscrypt-proxy/dnscrypt-proxy.toml',
  '/system/state/config.yaml',
  '/etc/coredns/Corefile',
  '/etc/resolv.pre-tailscale-backup.conf',
  '/etc/rancher/k3s/config.yaml',
  '/opt/AdGuardHome/AdGuardHome.yaml',
  '/Corefile',
];

/** What the readers look for, put together at random. */
const WORDS = [
  ...[
    'nameserver ',
    '127.0.0.1',
    '127.0.0.53',
    '::1',
    '10.96.0.10',
    '169.254.20.10',
    'fe80::1%2',
    'search x',
    'server=',
  ],
  ...[
    '[Resolve]',
    'DNS=',
    'Domains=~corp',
    'resolvConf: ',
    'clusterDNS: ',
    '- ',
    '[',
    ']',
    '*a',
    '&a ',
    '---',
    '"',
    ': ',
  ],
  ...[
    '--resolv-conf=',
    '--config=/etc/resolv.conf',
    'kubelet-arg: ',
    'resolv-conf',
    'dns:\n  upstream_dns: ',
    '[dns]\nupstreams = ',
    'forward-zone:\n name: .\n forward-addr: ',
    'include: /etc/unbound/*',
    'ExecStart=kubelet $A ',
    'EnvironmentFile=/etc/default/kubelet',
    'A=',
    '\\\n',
    'kubelet\0',
    'machine: { network: { nameservers: ',
    'kind: ResolverConfig\nnameservers: ',
  ],
  ...[
    '.:53 {',
    '}',
    '{',
    'forward . ',
    '/etc/resolv.conf',
    'bind ',
    'import a',
    '(a) {',
    'kubernetes',
    '\n',
    '\n',
    ' ',
  ],
];
const text = fc.array(fc.oneof(fc.constantFrom(...WORDS), fc.string({ maxLength: 4 })), { maxLength: 24 });

it('comes to a verdict, whatever the files hold', { timeout: 120_000 }, async () => {
  const root = await makeTree(Object.fromEntries(PATHS.map((path) => [path, ''])));
  const args = ['--root', root, '--corefile', join(root, 'Corefile')];
  await fc.assert(
    fc.asyncProperty(fc.array(text, { minLength: PATHS.length, maxLength: PATHS.length }), async (texts) => {
      for (const [index, path] of PATHS.entries()) await writeFile(root + path, texts[index]!.join(''));
      const report = await examine(parseDoctorFlags(args), {});
      expect([0, 1, 2]).toContain(report.exitCode);
      expect(renderText(report, false).startsWith(report.summary)).toBe(true);
      expect(JSON.parse(JSON.stringify(report))).toEqual(report);
    }),
    { numRuns: 30 },
  );
});

it('reads a long file in time, whatever it repeats', { timeout: 120_000 }, async () => {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: systemd's own spelling
  const pieces = ['"', "'", '\\"', '"\'', '\n', ' ', '\\\n', '--a=', '${A}', '[', '= ["', 'a:', '\t#'];
  const readers = PATHS.filter((path) => /kubelet|cmdline|pihole|unbound|dnscrypt|AdGuard|state/.test(path));
  const root = await makeTree({
    '/etc/resolv.conf': 'nameserver 10.0.0.2\n',
    ...Object.fromEntries(readers.map((path) => [path, ''])),
  });
  const args = parseDoctorFlags(['--root', root]);
  for (const piece of pieces) {
    const text = piece.repeat(Math.floor(60_000 / piece.length));
    for (const path of readers) await writeFile(root + path, text);
    expect([0, 1, 2]).toContain((await examine(args, {})).exitCode);
  }
});
