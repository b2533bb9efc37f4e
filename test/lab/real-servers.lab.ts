// Real clients (dig, kdig, delv, dnsperf) through unloop to real servers (today’s unbound and
// dnsmasq, NSD) with a real signed zone.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runProgram } from '../kit/run-program.ts';
import { scratchDirectory } from '../kit/scratch-directory.ts';
import { startUnloop, type UnloopProcess } from '../kit/unloop-process.ts';
import {
  type RealServer,
  type SignedZone,
  signZone,
  startDnsmasq,
  startNsd,
  startUnbound,
  type ZoneText,
} from './support/real-server.ts';

const LONG_TEXTS = Array.from({ length: 40 }, (_, i) => `long IN TXT "${i} ${'x'.repeat(200)}"`);

/**
 * Records of every kind that has its own way of being written, names in RDATA compressed and not.
 */
const ZONE: ZoneText = {
  origin: 'lab.example',
  text: `$ORIGIN lab.example.
$TTL 300
@ IN SOA ns.lab.example. host.lab.example. 1 3600 600 86400 60
@ IN NS ns
@ IN NS ns2
@ IN MX 10 mail
@ IN CAA 0 issue "ca.example"
@ IN TXT "v=spf1 -all"
ns IN A 192.0.2.53
ns IN AAAA 2001:db8::53
ns2 IN A 192.0.2.54
www IN A 192.0.2.1
www IN A 192.0.2.2
www IN AAAA 2001:db8::1
alias IN CNAME www
chain IN CNAME alias
mail IN A 192.0.2.25
host IN HINFO "PDP-11" "UNIX"
text IN TXT "one" "two" "with \\"quotes\\" and \\\\"
_sip._tcp IN SRV 10 60 5060 www
naptr IN NAPTR 100 50 "s" "SIP+D2U" "" _sip._tcp.lab.example.
web IN HTTPS 1 . alpn=h2,h3 ipv4hint=192.0.2.1
svc IN SVCB 1 www.lab.example. port=8443
dane IN TLSA 3 1 1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
ssh IN SSHFP 4 2 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
place IN LOC 52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m
rp IN RP host.lab.example. text.lab.example.
odd IN TYPE65280 \\# 4 C00C0001
wild IN A 192.0.2.9
*.wild IN A 192.0.2.10
WithCase IN A 192.0.2.11
sub IN NS ns.sub
ns.sub IN A 192.0.2.99
*.perf IN A 192.0.2.100
${LONG_TEXTS.join('\n')}
`,
};

const QUESTIONS = [
  ['lab.example', 'SOA'],
  ['lab.example', 'NS'],
  ['lab.example', 'MX'],
  ['lab.example', 'CAA'],
  ['lab.example', 'TXT'],
  ['lab.example', 'DNSKEY'],
  ['lab.example', 'NSEC'],
  ['www.lab.example', 'A'],
  ['www.lab.example', 'AAAA'],
  ['alias.lab.example', 'CNAME'],
  ['chain.lab.example', 'A'],
  ['host.lab.example', 'HINFO'],
  ['text.lab.example', 'TXT'],
  ['_sip._tcp.lab.example', 'SRV'],
  ['naptr.lab.example', 'NAPTR'],
  ['web.lab.example', 'HTTPS'],
  ['svc.lab.example', 'SVCB'],
  ['dane.lab.example', 'TLSA'],
  ['ssh.lab.example', 'SSHFP'],
  ['place.lab.example', 'LOC'],
  ['rp.lab.example', 'RP'],
  ['odd.lab.example', 'TYPE65280'],
  ['any.wild.lab.example', 'A'],
  ['WITHcase.lab.example', 'A'],
  ['long.lab.example', 'TXT'],
  ['www.lab.example', 'MX'],
  ['nothing.lab.example', 'A'],
  ['nothing.lab.example', 'TXT'],
] as const;

/** The records that dig prints, TTLs left out, sorted: servers rotate and caches age. */
async function dig(port: number, args: readonly string[]): Promise<string[]> {
  const output = await runProgram('dig', [
    '@127.0.0.1',
    '-p',
    String(port),
    '+noall',
    '+answer',
    '+authority',
    '+comments',
    '+nocookie',
    '+time=5',
    '+tries=1',
    ...args,
  ]);
  const records = output.split('\n').filter((line) => line !== '' && !line.startsWith(';'));
  const status = /status: (\w+)/.exec(output)?.[1] ?? 'none';
  return [status, ...records.map((line) => line.replace(/^(\S+)\s+\d+\s+/, '$1 ').toLowerCase()).sort()];
}

function scenario(upstreams: readonly string[], config: object = {}): Promise<UnloopProcess> {
  return startUnloop({
    config: { workers: 2, upstreams, loop: { probe: { onStart: false, interval: '0s' } }, ...config },
  });
}

let signed: SignedZone;
beforeAll(() => {
  signed = signZone(ZONE);
});

describe.each([
  // Its NSEC for a wildcard is expanded as if it were one itself, and proves nothing (1.26.2).
  { name: 'unbound', start: startUnbound, provesWildcards: false },
  { name: 'NSD', start: startNsd, provesWildcards: true },
])('in front of $name', ({ start, provesWildcards }) => {
  let server: RealServer;
  let unloop: UnloopProcess;
  beforeAll(async () => {
    server = await start([signed]);
    unloop = await scenario([`127.0.0.1:${server.port}`]);
  });
  afterAll(async () => {
    await unloop.stop();
    await server.stop();
  });

  it.each(
    QUESTIONS,
  )('dig gets for %s %s what it gets there, over UDP and TCP, with and without DNSSEC', async (name, type) => {
    for (const extra of [[], ['+dnssec'], ['+tcp'], ['+tcp', '+dnssec'], ['+noedns']]) {
      // Unbound and NSD add NS records to the authority section as they like; the answer is what
      // counts.
      const args = [...extra, name, type];
      const direct = await dig(server.port, args);
      expect(await dig(unloop.port, args), `first: ${args}`).toEqual(direct);
      expect(await dig(unloop.port, args), `again: ${args}`).toEqual(direct);
    }
  });

  it('kdig gets a large answer over UDP and TCP, on one connection too', async () => {
    const base = ['@127.0.0.1', '-p', String(unloop.port), '+noall', '+answer'];
    for (const extra of [[], ['+tcp'], ['+tcp', '+keepopen'], ['+bufsize=4096'], ['+noedns']]) {
      const output = await runProgram('kdig', [...base, ...extra, 'long.lab.example', 'TXT']);
      expect(output.split('\n').filter((line) => line.includes('TXT'))).toHaveLength(40);
    }
    const many = await runProgram('kdig', [
      ...base,
      '+tcp',
      '+keepopen',
      'www.lab.example',
      'A',
      'mail.lab.example',
      'A',
      'long.lab.example',
      'TXT',
    ]);
    expect(many.split('\n').filter((line) => /\t(A|TXT)\t/.test(line))).toHaveLength(43);
  });

  it('delv finds the signatures intact', async () => {
    const anchor = join(scratchDirectory(), 'anchor');
    writeFileSync(anchor, signed.trustAnchor);
    for (const [name, type] of [
      ['www.lab.example', 'A'],
      ['long.lab.example', 'TXT'],
      ['web.lab.example', 'HTTPS'],
      ...(provesWildcards ? [['any.wild.lab.example', 'A']] : []),
    ] as [string, string][]) {
      for (const extra of [[], ['+tcp']]) {
        const output = await runProgram('delv', [
          '@127.0.0.1',
          '-p',
          String(unloop.port),
          '-a',
          anchor,
          '+root=lab.example',
          ...extra,
          name,
          type,
        ]);
        expect(output).toContain('fully validated');
      }
    }
  });

  it('the client’s spelling comes back, cached or not', async () => {
    for (let round = 0; round < 2; round++) {
      const output = await runProgram('dig', [
        '@127.0.0.1',
        '-p',
        String(unloop.port),
        'wWw.LaB.eXaMpLe',
        'A',
      ]);
      expect(output).toMatch(/^;wWw\.LaB\.eXaMpLe\./m);
    }
  });
});

describe('in front of dnsmasq', () => {
  it('dig gets what dnsmasq knows, and its NODATA and NXDOMAIN', async () => {
    const dnsmasq = await startDnsmasq([
      '--host-record=www.home.example,192.0.2.7,2001:db8::7',
      '--txt-record=text.home.example,hello',
      '--cname=alias.home.example,www.home.example',
      '--local=/home.example/',
    ]);
    const unloop = await scenario([`127.0.0.1:${dnsmasq.port}`]);
    for (const [name, type] of [
      ['www.home.example', 'A'],
      ['www.home.example', 'AAAA'],
      ['text.home.example', 'TXT'],
      ['alias.home.example', 'A'],
      ['www.home.example', 'MX'],
      ['nobody.home.example', 'A'],
    ]) {
      for (const extra of [[], ['+tcp']]) {
        const args = [...extra, name!, type!];
        expect(await dig(unloop.port, args), args.join(' ')).toEqual(await dig(dnsmasq.port, args));
      }
    }
  });

  it('is one hop of many: dnsmasq asks unloop, which asks unbound', async () => {
    const unbound = await startUnbound([signed]);
    const unloop = await scenario([`127.0.0.1:${unbound.port}`]);
    const dnsmasq = await startDnsmasq([`--server=127.0.0.1#${unloop.port}`]);
    expect(await dig(dnsmasq.port, ['www.lab.example', 'A'])).toEqual(
      await dig(unbound.port, ['www.lab.example', 'A']),
    );
    expect((await unloop.metrics()).value('unloop_loop_detected_total')).toBe(0);
  });
});

describe('a wildcard listener', () => {
  it.each([
    { listen: '0.0.0.0:0', asked: '127.0.0.5' },
    { listen: '[::]:0', asked: '::1' },
  ])('on $listen answers from the address that was asked (RFC 2181 §4)', async ({ listen, asked }) => {
    const nsd = await startNsd([ZONE]);
    const unloop = await scenario([`127.0.0.1:${nsd.port}`], { listen: [listen] });
    // dig takes an answer from nowhere else.
    for (const extra of [[], ['+tcp']]) {
      const output = await runProgram('dig', [
        `@${asked}`,
        '-p',
        String(unloop.port),
        '+tries=1',
        '+short',
        ...extra,
        'mail.lab.example',
      ]);
      expect(output.trim()).toBe('192.0.2.25');
    }
  });
});

describe('dnsperf', () => {
  it.each([
    { native: true },
    { native: false },
  ])('loses none of 100,000 names at 10,000 a second (addon: $native)', async ({ native }) => {
    const nsd = await startNsd([ZONE]);
    const unloop = await startUnloop({
      native,
      config: { upstreams: [`127.0.0.1:${nsd.port}`], loop: { probe: { onStart: false, interval: '0s' } } },
    });
    const file = join(scratchDirectory(), 'names');
    writeFileSync(file, Array.from({ length: 100_000 }, (_, i) => `n${i}.perf.lab.example A\n`).join(''));
    const output = await runProgram('dnsperf', [
      '-s',
      '127.0.0.1',
      '-p',
      String(unloop.port),
      '-d',
      file,
      '-n',
      '1',
      '-Q',
      '10000',
      // Its own socket must not lose what was sent to it.
      '-b',
      '4096',
      '-t',
      '10',
    ]);
    expect(output).toMatch(/Queries completed:\s+100000 \(100\.00%\)/);
    expect(output).toMatch(/Queries lost:\s+0 \(/);
    expect(output).toMatch(/Response codes:\s+NOERROR 100000/);
    expect((await unloop.metrics()).value('unloop_worker_restarts_total')).toBe(0);
  });
});
