import { mkdir, writeFile } from 'node:fs/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NodeFiles } from '../../src/discovery/node-files.ts';
import { parseResolvConf, readResolvConf } from '../../src/discovery/resolv-conf.ts';
import { makeTree } from './temp-tree.ts';

const PATH = '/etc/resolv.conf';
const addresses = (text: string) => parseResolvConf(text, PATH).nameservers.map(({ address }) => address);

describe('parseResolvConf', () => {
  it('keeps every server, more than the three libc uses, with line numbers', () => {
    const conf = parseResolvConf(
      '# head\nnameserver 10.0.0.1\n\nnameserver 10.0.0.2\nnameserver 10.0.0.3\nnameserver ::2\n',
      PATH,
    );
    expect(conf.nameservers).toEqual([
      { address: '10.0.0.1', line: 2 },
      { address: '10.0.0.2', line: 4 },
      { address: '10.0.0.3', line: 5 },
      { address: '::2', line: 6 },
    ]);
    expect(conf.state).toBe('read');
    expect(conf.badLineCount).toBe(0);
  });

  it('takes comments at the start of a line and after a value', () => {
    expect(
      addresses('; one\n#nameserver 10.9.9.9\nnameserver 10.0.0.1 # two\nnameserver\t10.0.0.2\t; three'),
    ).toEqual(['10.0.0.1', '10.0.0.2']);
  });

  it('keeps the zone of a link-local server', () => {
    expect(addresses('nameserver fe80::1%eth0')).toEqual(['fe80::1%eth0']);
  });

  it('reads CRLF lines, a byte order mark, leading white space and a last line without an end', () => {
    expect(addresses('\uFEFFnameserver 10.0.0.1\r\n  nameserver 10.0.0.2\r\nnameserver 10.0.0.3')).toEqual([
      '10.0.0.1',
      '10.0.0.2',
      '10.0.0.3',
    ]);
  });

  it('lets the last search or domain line win', () => {
    expect(parseResolvConf('search a.example b.example\ndomain c.example d.example', PATH)).toMatchObject({
      search: ['c.example'],
      searchLine: 2,
    });
    expect(parseResolvConf('domain c.example\nsearch a.example b.example', PATH).search).toEqual([
      'a.example',
      'b.example',
    ]);
  });

  it('reads options of several lines and keeps the unknown ones', () => {
    const conf = parseResolvConf('options ndots:5 rotate\noptions timeout:1 trust-ad frobnicate:7', PATH);
    expect(conf.options).toEqual([
      { name: 'ndots', value: '5', known: true, line: 1 },
      { name: 'rotate', value: '', known: true, line: 1 },
      { name: 'timeout', value: '1', known: true, line: 2 },
      { name: 'trust-ad', value: '', known: true, line: 2 },
      { name: 'frobnicate', value: '7', known: false, line: 2 },
    ]);
  });

  it('records lines that mean nothing, with number and reason', () => {
    const conf = parseResolvConf(
      'nameserver\nnameserver dns.example\nnamserver 10.0.0.1\noptions ndots:many\nnameserver 10.0.0.1',
      PATH,
    );
    expect(conf.badLines.map(({ line, reason }) => `${line} ${reason}`)).toEqual([
      '1 nameserver without an address',
      '2 nameserver wants an IP address',
      '3 unknown keyword',
      '4 ndots wants a number',
    ]);
    expect(conf.nameservers).toHaveLength(1);
  });

  it('counts bad lines beyond those it keeps', () => {
    const conf = parseResolvConf('rubbish\n'.repeat(1000), PATH);
    expect(conf.badLineCount).toBe(1000);
    expect(conf.badLines).toHaveLength(64);
  });

  it('reports an empty file', () => {
    expect(parseResolvConf('', PATH).state).toBe('empty');
    expect(parseResolvConf('# nothing\n', PATH).state).toBe('empty');
  });

  it('takes any text without throwing, and finds the server in the middle of it', () => {
    const rubbish = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
    fc.assert(
      fc.property(rubbish, rubbish, (before, after) => {
        const conf = parseResolvConf(`${before}\nnameserver 192.0.2.1\n${after}`, PATH);
        expect(conf.nameservers.map(({ address }) => address)).toContain('192.0.2.1');
      }),
    );
  });
});

describe('readResolvConf', () => {
  const state = async (root: string) => {
    const { state: found, detail } = await readResolvConf(new NodeFiles(root), PATH);
    return `${found} ${detail}`;
  };

  it('names a missing file', async () => {
    expect(await state(await makeTree({}))).toBe('missing does not exist');
  });

  it('names a directory in its place', async () => {
    const root = await makeTree({});
    await mkdir(root + PATH, { recursive: true });
    expect(await state(root)).toBe('unreadable is a directory');
  });

  it('does not read a file of 10 MB', async () => {
    const root = await makeTree({ [PATH]: '' });
    await writeFile(root + PATH, Buffer.alloc(10 * 1024 * 1024, 'nameserver 10.0.0.1\n'));
    expect(await state(root)).toBe('unreadable is larger than 256 KiB');
  });

  it('names a circle of symbolic links', async () => {
    const root = await makeTree({ [PATH]: '→ other', '/etc/other': '→ resolv.conf' });
    expect(await state(root)).toBe('unreadable has too many symbolic links');
  });
});
