// The doctor's messages, word for word, where no golden file has them. Every code is quoted here or
// there.
import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { diagnose } from '../../src/doctor/diagnose.ts';
import { parseDoctorFlags } from '../../src/doctor/flags.ts';
import { inspect } from '../../src/doctor/inspect.ts';
import { examine } from '../../src/doctor/main.ts';
import type { FindingCode, Probe } from '../../src/doctor/report.ts';
import { makeTree, type Tree } from '../discovery/temp-tree.ts';

const FIXTURES = join(import.meta.dirname, 'fixtures');
const CLEAN = { '/etc/resolv.conf': 'nameserver 10.0.0.2\n' };

/** Trees, a Corefile or unloop's configuration beside them, and what is said of them. */
const CASES: readonly [FindingCode, Tree, string, string][] = [
  [
    'unloop-loops',
    {
      ...CLEAN,
      '/etc/unbound/unbound.conf':
        'server:\n port: 5335\nforward-zone:\n name: .\n forward-addr: 127.0.0.1@5300\n',
    },
    'listen: ["127.0.0.1:5300"]\nupstreams: ["127.0.0.1:5335"]\n',
    'a query goes round in a circle: unloop → 127.0.0.1:5335 → 127.0.0.1:5300 is unloop again (/etc/unbound/unbound.conf:5)',
  ],
  [
    'resolv-conf-bad-lines',
    { '/etc/resolv.conf': 'nameserver 10.0.0.2\nnameservr 10.0.0.3\n' },
    '',
    '/etc/resolv.conf has lines that mean nothing (line 2: unknown keyword: nameservr 10.0.0.3)',
  ],
  [
    'more-than-three-servers',
    { '/etc/resolv.conf': [2, 3, 4, 5].map((host) => `nameserver 10.0.0.${host}\n`).join('') },
    '',
    '/etc/resolv.conf names 4 servers; libc and kubelet take the first 3, not 10.0.0.5',
  ],
  [
    'stub-not-listening',
    {
      '/etc/resolv.conf': 'nameserver 127.0.0.53\n',
      '/etc/systemd/resolved.conf': '[Resolve]\nDNSStubListener=no\nDNS=10.0.0.2\n',
    },
    '',
    '/etc/resolv.conf:1 names 127.0.0.53, where nobody listens',
  ],
  [
    'kubelet-file-unreadable',
    { ...CLEAN, '/var/lib/kubelet/config.yaml': 'resolvConf: /run/none\n' },
    '',
    '/run/none, which kubelet copies into pods (/var/lib/kubelet/config.yaml:1), does not exist',
  ],
  [
    'file-unreadable',
    { ...CLEAN, '/var/lib/kubelet/config.yaml': 'a: [\n' },
    '',
    '/var/lib/kubelet/config.yaml: is not a YAML mapping',
  ],
  [
    'stub-unknown',
    { '/etc/resolv.conf': 'nameserver 127.0.0.1\n' },
    '',
    '/etc/resolv.conf:1 names 127.0.0.1, and no file names the upstreams of the server there',
  ],
  [
    'kubelet-unknown',
    {
      '/etc/resolv.conf': 'nameserver 10.96.0.10\n',
    },
    '',
    'which file kubelet copies into pods is not known: no kubelet was found here (no ' +
      '/var/lib/kubelet/config.yaml); /etc/resolv.conf:1 names 10.96.0.10; ' +
      "if kubelet copies it (its default), that leads back to the cluster's DNS in a pod with dnsPolicy: Default: " +
      'a DNS server in there asks itself',
  ],
];

describe('the doctor says', () => {
  it.each(CASES)('%s', async (code, tree, config, message) => {
    const root = await makeTree(tree);
    const path = join(root, 'unloop.yaml');
    if (config !== '') await writeFile(path, config);
    const { findings } = await examine(
      parseDoctorFlags(['--root', root, ...(config === '' ? [] : ['--config', path])]),
      {},
    );
    const said = findings.filter((finding) => finding.code === code).map((finding) => finding.message);
    expect(said.map((text) => text.replace(`${root}/`, ''))).toContain(message);
  });

  const UNLOOP_POD = '/var/lib/kubelet/pods/1';
  it.each([
    ['limits: { allow: ["10.0.0.0/8", "2001:db8:1::/48"] }', ''],
    ['limits: { allow: ["10.0.0.0/8"] }', "REFUSES 1 of this node's pod addresses, such as 2001:db8:1::7 ("],
    ['', 'such as 2001:db8:1::7, unless their network is on a link of the node ('],
    ['limits: { allow: ["::/0", "0.0.0.0/0"], deny: ["10.1.0.0/16"] }', 'such as 10.1.0.7 ('],
  ])('pods-refused of an unloop with %j', async (limits, message) => {
    const root = await makeTree({
      ...CLEAN,
      [`${UNLOOP_POD}/volumes/kubernetes.io~configmap/unloop-config/config.yaml`]: `listen: ["169.254.20.11:53"]\n${limits}\n`,
      [`${UNLOOP_POD}/etc-hosts`]: '# Kubernetes-managed hosts file (host network).\n203.0.113.1 node1\n',
      '/var/lib/kubelet/pods/2/etc-hosts':
        '127.0.0.1\tlocalhost\nfe00::0\tip6-localnet\nff02::1\tip6-allnodes\n10.1.0.7\tpod\n2001:db8:1::7\tpod\n',
    });
    const { findings } = await examine(parseDoctorFlags(['--root', root]), {});
    const said = findings.filter(({ code }) => code === 'pods-refused').map(({ message }) => message);
    expect(said).toEqual(message === '' ? [] : [expect.stringContaining(message)]);
  });

  it('corefile-incomplete', async () => {
    const root = await makeTree({ ...CLEAN, '/Corefile': '. {\n import custom/*.override\n' });
    const args = ['--root', root, '--corefile', join(root, 'Corefile')];
    const { findings } = await examine(parseDoctorFlags(args), {});
    expect(findings.map(({ message }) => message.replace(`${root}/`, ''))).toEqual([
      'Corefile: line 1: its "{" is never closed',
      'Corefile: the block of line 1 imports custom/*.override, which is not read',
    ]);
  });

  const answered: Probe = {
    server: '10.0.0.2',
    outcome: 'answered',
    rttMs: 1,
    rcode: 'NOERROR',
    answersNewNames: true,
    extendedError: '',
  };
  it.each([
    [
      'server-reports-loop',
      { extendedError: '14 forwarding loop: x (.)' },
      '10.0.0.2 says itself that it is in a loop (extended error 14 forwarding loop: x (.))',
    ],
    ['server-silent', { outcome: 'silent' as const }, '10.0.0.2 does not answer'],
    ['server-fails', { rcode: 'SERVFAIL' }, '10.0.0.2 answers with SERVFAIL'],
    [
      'new-names-silent',
      { answersNewNames: false },
      '10.0.0.2 answers what it knows, but not a name it never saw: its own upstream is dead, or what it sends goes round in a loop',
    ],
  ])('%s of a server that was asked', async (code, more, message) => {
    const options = { isPod: false, podRoot: '/', corefile: null, config: null, clusterDns: [] };
    const facts = await inspect({ root: await makeTree(CLEAN), ...options, mayAsk: false, wallClockMs: 0 });
    expect(diagnose(facts, [{ ...answered, ...more }]).findings).toMatchObject([{ code, message }]);
  });

  it('mount-detached of a mount of what the node has replaced', async () => {
    const options = { isPod: false, podRoot: '/', corefile: null, config: null, clusterDns: [] };
    const facts = await inspect({ root: await makeTree(CLEAN), ...options, mayAsk: false, wallClockMs: 0 });
    const { findings } = diagnose({ ...facts, detached: ['/etc/resolv.conf'] }, []);
    expect(findings).toMatchObject([{ code: 'mount-detached', severity: 'unknown' }]);
    expect(findings[0]!.message).toContain('/etc/resolv.conf is a mount of something that the node has');
  });

  it('nothing about an unknown stub that answers new names', async () => {
    const options = { isPod: false, podRoot: '/', corefile: null, config: null, clusterDns: [] };
    const tree = {
      '/etc/resolv.conf': 'nameserver 127.0.0.1\n',
      '/var/lib/kubelet/config.yaml': 'resolvConf: /run/real\n',
      '/run/real': 'nameserver 10.0.0.2\n',
    };
    const facts = await inspect({ root: await makeTree(tree), ...options, mayAsk: false, wallClockMs: 0 });
    expect(diagnose(facts, []).exitCode).toBe(2);
    expect(diagnose(facts, [{ ...answered, server: '127.0.0.1' }]).exitCode).toBe(0);
  });

  it('a message for every code', () => {
    const source = readFileSync(join(import.meta.dirname, '../../src/doctor/report.ts'), 'utf8');
    const union = /export type FindingCode =([^;]*);/.exec(source)![1]!;
    const codes = [...union.matchAll(/'([\w-]+)'/g)].map((match) => match[1]!);
    const own = readFileSync(import.meta.filename, 'utf8');
    const golden = readdirSync(FIXTURES).map((name) =>
      readFileSync(join(FIXTURES, name, 'report.golden.json'), 'utf8'),
    );
    const isQuoted = (code: string) =>
      own.includes(`'${code}'`) || golden.some((text) => text.includes(`"code": "${code}"`));
    expect(codes.filter((code) => !isQuoted(code))).toEqual([]);
  });
});
