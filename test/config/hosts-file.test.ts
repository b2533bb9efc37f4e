import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { findChanges } from '../../src/config/changes.ts';
import { parseHosts, readHostsFile } from '../../src/config/hosts-file.ts';
import { loadConfig } from '../../src/config/load.ts';
import { formatLocalRecord } from '../../src/config/local-record.ts';

function parse(text: string) {
  const { records, badLines } = parseHosts(text);
  return { records: records.map(formatLocalRecord), badLines };
}

describe('parseHosts', () => {
  it('gives each name its address, and each address its first name', () => {
    expect(parse('10.0.0.9\tDB.internal db # the database\n\nfd00::9 db.internal\n')).toEqual({
      records: [
        'db.internal A 10.0.0.9',
        'db A 10.0.0.9',
        '9.0.0.10.in-addr.arpa PTR db.internal',
        'db.internal AAAA fd00::9',
        `9.${'0.'.repeat(29)}d.f.ip6.arpa PTR db.internal`,
      ],
      badLines: [],
    });
  });

  it('keeps the first PTR of an address, and a record that comes twice once', () => {
    const { records } = parse('10.0.0.9 a\n10.0.0.9 b a\n');
    expect(records).toEqual(['a A 10.0.0.9', '9.0.0.10.in-addr.arpa PTR a', 'b A 10.0.0.9']);
  });

  it('leaves out what makes no sense, and says where', () => {
    expect(parse('here\n10.0.0.9\n10.0.0 a\nfe80::1%lo0 a\n10.0.0.9 a..b *.c\n10.0.0.9 a..b ok\n')).toEqual({
      records: ['ok A 10.0.0.9', '9.0.0.10.in-addr.arpa PTR ok'],
      badLines: [1, 2, 3, 4, 5],
    });
  });
});

describe('local.hosts', () => {
  function write(text: string) {
    const folder = mkdtempSync(join(tmpdir(), 'unloop-hosts-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const [path, hosts] = [join(folder, 'unloop.yaml'), join(folder, 'hosts')];
    writeFileSync(path, 'local: { hosts: [hosts] }\n');
    writeFileSync(hosts, text);
    return { path, hosts, load: () => loadConfig({ path, environment: {} }) };
  }

  it('is read from beside the configuration, watched, and another one when it says something else', () => {
    const { hosts, load } = write('10.0.0.9 a\nnothing\n');
    const before = load();
    expect(before.config.local.hosts[0]!.records).toHaveLength(2);
    expect(before.files).toContain(hosts);
    expect(before.warnings).toMatchObject([{ file: hosts, line: 2, path: 'local.hosts' }]);
    expect(findChanges(before.config, load().config)).toEqual([]);
    writeFileSync(hosts, '10.0.0.10 a\nnothing\n');
    expect(findChanges(before.config, load().config)).toMatchObject([{ path: 'local.hosts' }]);
  });

  it('that cannot be read is a fault, with its place', () => {
    const { hosts, path } = write('');
    rmSync(hosts);
    expect(() => loadConfig({ path, environment: {} })).toThrow(
      `local.hosts: cannot read ${hosts}: no such file`,
    );
    expect(readHostsFile('hosts', path).problem).toContain('no such file');
  });
});
