// `unloop check --from-corefile`: Corefiles from the field become valid configurations, and the
// output names what has no equivalent. UPDATE_GOLDEN=1 writes the expected files again.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { dispatch } from '../../src/cli/dispatch.ts';
import { convertCorefile } from '../../src/cli/from-corefile.ts';
import { ConfigInvalid, formatFault } from '../../src/config/fault.ts';
import { readYaml } from '../../src/config/read-yaml.ts';

const FIXTURES = join(import.meta.dirname, '../cluster/fixtures');
const corefiles = readdirSync(FIXTURES).filter((name) => name.endsWith('.corefile'));

function convert(name: string): string {
  return convertCorefile(readFileSync(join(FIXTURES, name), 'utf8'), name);
}

function faultsOf(text: string): string[] {
  try {
    convertCorefile(text, 'Corefile');
  } catch (error) {
    if (error instanceof ConfigInvalid) return error.faults.map(formatFault);
    throw error;
  }
  return [];
}

describe('a Corefile that is converted', () => {
  it.each(corefiles)('%s becomes the expected configuration', (name) => {
    const path = join(FIXTURES, name.replace('.corefile', '.golden.yaml'));
    const converted = convert(name);
    if (process.env.UPDATE_GOLDEN === '1') writeFileSync(path, converted);
    expect(converted).toBe(readFileSync(path, 'utf8'));
  });

  it.each(corefiles)('%s becomes a configuration without faults', (name) => {
    expect(readYaml(convert(name), name).faults.map(formatFault)).toEqual([]);
  });

  it('names every directive that did not become a setting', () => {
    const remarks = convert('everything.corefile').split('What has no equivalent')[1]!;
    const words = [
      'tls://.:853: the listener stays with CoreDNS',
      'corp.example:5353: the listener',
      'quic://',
      '10.0.0.256',
      'except',
      'no_rec',
      'expire',
      'keepttl',
      'hosts',
      'import',
      'cache',
      'next NXDOMAIN SERVFAIL: not needed for SERVFAIL',
      'health_check 5s: lost for split.example',
      'max_fails 5: lost for split.example',
      'max_concurrent 50: lost for split.example',
      'next SERVFAIL REFUSED: not needed for SERVFAIL, REFUSED',
    ];
    for (const word of [...words, 'max_fails 0: lost', 'max_concurrent 0', '10.9.9.9'])
      expect(remarks).toContain(word);
  });
});

describe('what is no Corefile', () => {
  it.each([
    ['', 'Corefile:1:1: there is no server block in it'],
    ['# only a comment\n', 'Corefile:1:1: there is no server block in it'],
    ['.:53 {\n  forward . 10.0.0.1\n', 'Corefile:1:1: its "{" is never closed'],
    [
      'upstreams: auto\n',
      'Corefile:1:1: "upstreams:" is not a zone; expected for example .:53 { or example.org {',
    ],
    ['}\n', 'Corefile:1:1: "}" is not the start of a server block; expected for example .:53 {'],
    ['.:53 {\n  cache {\n    {\n', 'Corefile:3:5: a "{" without a word before it'],
    [`. {\n${'a {\n'.repeat(20)}`, 'Corefile:10:1: braces are nested too deeply'],
  ])('is refused with the place: %j', (text, fault) => {
    expect(faultsOf(text)).toEqual([fault]);
  });

  it('never makes the reader throw anything else, or go on for ever', () => {
    const pieces = [
      '{',
      '}',
      '"',
      '#',
      '\n',
      ' ',
      'forward',
      '.',
      'cache',
      'import',
      '(a)',
      'a',
      '\\',
      ',',
      '30',
    ];
    let seed = 1;
    for (let round = 0; round < 2000; round++) {
      let text = '';
      for (let i = 0; i < 30; i++) {
        seed = (seed * 48_271) % 2_147_483_647;
        text += `${pieces[seed % pieces.length]}${seed % 3 === 0 ? ' ' : ''}`;
      }
      expect(faultsOf(text).length).toBeLessThan(2);
    }
  });
});

describe('the command', () => {
  afterEach(() => vi.restoreAllMocks());

  async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
    const said = { out: '', err: '' };
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      said.out += text;
      return true;
    });
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
      said.err += text;
      return true;
    });
    const code = await dispatch(args);
    return { code, ...said };
  }

  it('prints the configuration and ends with 0', async () => {
    const { code, out } = await run('check', '--from-corefile', join(FIXTURES, 'kubeadm.corefile'));
    expect(code).toBe(0);
    expect(out).toContain('maxInFlight: 1000');
  });

  it('ends with 2 when the file is no Corefile, or not there', async () => {
    const wrong = await run('check', '--from-corefile', join(FIXTURES, 'kubeadm.golden.yaml'));
    expect(wrong.code).toBe(2);
    expect(wrong.out).toMatch(/kubeadm\.golden\.yaml:\d+:\d+: /);
    const missing = await run('check', '--from-corefile', join(FIXTURES, 'no-such.corefile'));
    expect(missing).toMatchObject({ code: 2 });
    expect(missing.err).toContain('no such file');
  });
});
