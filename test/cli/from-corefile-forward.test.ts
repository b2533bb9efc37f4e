import { describe, expect, it } from 'vitest';
import { readForward } from '../../src/cli/from-corefile-forward.ts';
import { Notes } from '../../src/cli/from-corefile-notes.ts';
import { parseCorefile } from '../../src/config/corefile.ts';

/** What a `forward` says, and the notes about it. */
function convert(head: string, ...body: string[]) {
  const text = `. {\n${head}${body.length === 0 ? '' : ` {\n${body.join('\n')}\n}`}\n}\n`;
  const { blocks, faults } = parseCorefile(text, 'Corefile');
  expect(faults).toEqual([]);
  const notes = new Notes();
  const settings = readForward(blocks[0]!.directives[0]!, notes);
  return { settings, said: notes.lines.map((note) => note.text) };
}

describe("CoreDNS's forward", () => {
  it.each<[string[], object]>([
    [['forward . 10.0.0.2'], { from: '.', upstreams: ['10.0.0.2'], resolvConf: null, policy: null }],
    [
      ['forward corp 10.0.0.2:5353 [fd00::1]:53'],
      { from: 'corp', upstreams: ['10.0.0.2:5353', '[fd00::1]:53'] },
    ],
    [['forward . /etc/resolv.conf'], { upstreams: 'auto', resolvConf: '/etc/resolv.conf' }],
    [['forward . dns://10.0.0.2'], { upstreams: ['10.0.0.2'] }],
    [['forward . 10.0.0.2', 'force_tcp'], { upstreams: ['tcp://10.0.0.2'] }],
    [['forward . tls://9.9.9.9%dns.quad9.net'], { upstreams: ['tls://9.9.9.9#dns.quad9.net'] }],
    [
      ['forward . tls://9.9.9.9', 'tls_servername dns.quad9.net'],
      { upstreams: ['tls://9.9.9.9#dns.quad9.net'] },
    ],
    [['forward . tls://9.9.9.9%own', 'tls_servername other'], { upstreams: ['tls://9.9.9.9#own'] }],
    [['forward . https://dns.example/dns-query'], { upstreams: ['https://dns.example/dns-query'] }],
    [['forward . 10.0.0.2', 'policy round_robin'], { policy: 'roundRobin' }],
    [['forward . 10.0.0.2', 'max_concurrent 1000'], { maxInFlight: 1000 }],
    [
      ['forward . 10.0.0.2', 'next nxdomain', 'next_on_nodata'],
      { next: [], goesOnAfter: ['NXDOMAIN', 'NODATA'], goesOn: { name: 'next' } },
    ],
    [['forward . 10.0.0.2', 'failover NXDOMAIN'], { next: ['NXDOMAIN'], goesOn: null }],
    [
      ['forward . 10.0.0.2', 'health_check 5s domain Example.org'],
      { healthInterval: '5s', healthName: 'example.org' },
    ],
    [['forward . 10.0.0.2', 'health_check 5s domain .'], { healthName: null }],
    // CoreDNS takes an upstream out after more than max_fails failures, unloop after as many.
    [['forward . 10.0.0.2', 'max_fails 2'], { maxFails: 3 }],
    [['forward . 10.0.0.2', 'max_fails 0'], { maxFails: 0 }],
  ])('%j becomes %j', ([head, ...body], expected) => {
    const { settings, said } = convert(head!, ...body);
    expect(settings).toMatchObject(expected);
    expect(said).toEqual([]);
  });

  it.each<[string[], object | null, RegExp]>([
    [['forward . quic://10.0.0.2 10.0.0.3'], { upstreams: ['10.0.0.3'] }, /quic:\/\/ is not supported/],
    [['forward . 10.0.0.256 10.0.0.3'], { upstreams: ['10.0.0.3'] }, /10\.0\.0\.256/],
    [['forward . {$DNS} 10.0.0.3'], { upstreams: ['10.0.0.3'] }, /\{\$DNS\}/],
    [
      ['forward . /etc/resolv.conf 10.0.0.3'],
      { upstreams: ['10.0.0.3'], resolvConf: null },
      /the list is kept/,
    ],
    [['forward . /etc/resolv.conf', 'force_tcp'], { upstreams: 'auto' }, /list the servers as tcp:\/\/ADDR/],
    [['forward .'], null, /no server in it that can be used/],
    [['forward . 10.0.0.2', 'policy fair'], { policy: 'random' }, /policy fair is not known/],
    [['forward . 10.0.0.2', 'max_concurrent 0'], { maxInFlight: null }, /the default is kept/],
    [['forward . 10.0.0.2', 'max_fails 100'], { maxFails: null }, /the default is kept/],
    [['forward . 10.0.0.2', 'health_check 1ms'], { healthInterval: '50ms' }, /becomes 50ms/],
    [['forward . 10.0.0.2', 'health_check 5s domain a..b'], { healthName: null }, /left out/],
    [['forward . 10.0.0.2', 'health_check 5s no_rec'], { healthInterval: '5s' }, /no_rec has no equivalent/],
    [
      ['forward . 10.0.0.2', 'next NXDOMAIN SERVFAIL'],
      { goesOnAfter: ['NXDOMAIN'] },
      /not needed for SERVFAIL/,
    ],
    [['forward . 10.0.0.2', 'next servfail'], { goesOnAfter: [] }, /not needed/],
    [['forward . 10.0.0.2', 'failover YXDOMAIN'], { next: [] }, /not needed for YXDOMAIN/],
    [['forward . 10.0.0.2', 'next NOERROR'], { goesOnAfter: ['NODATA'] }, /only where there are no records/],
    [['forward . 10.0.0.2', 'prefer_udp'], {}, /not needed: always so/],
    [['forward . 10.0.0.2', 'except corp'], {}, /zones of their own/],
    [['forward . 10.0.0.2', 'tls cert key'], {}, /client certificates have no equivalent/],
    [['forward . 10.0.0.2', 'expire 10s'], {}, /expire 10s: no equivalent/],
  ])('%j becomes %j, with a note', ([head, ...body], expected, note) => {
    const { settings, said } = convert(head!, ...body);
    if (expected === null) expect(settings).toBeNull();
    else expect(settings).toMatchObject(expected);
    expect(said.at(-1)).toMatch(note);
  });

  it('keeps the options that are settings of the whole server apart', () => {
    const { settings } = convert('forward . 10.0.0.2', 'max_fails 2', 'policy random', 'max_concurrent 9');
    expect(settings!.serverWide.map(({ name }) => name)).toEqual(['max_fails', 'max_concurrent']);
  });
});
