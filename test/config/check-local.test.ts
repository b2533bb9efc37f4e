// Records that do not go together, through the whole of load: each at its own line.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { faultsOf, folder, load, warningsOf } from './load-text.ts';

/** One record a line, from line 3 on. */
function textOf(records: readonly string[]): string {
  return `local:\n  records:\n${records.map((record) => `    - ${JSON.stringify(record)}\n`).join('')}`;
}

describe('aliases that lead round', () => {
  it.each([
    [
      ['a.b CNAME a.b'],
      '3:7: local.records: "a.b CNAME a.b" leads to itself; let it lead to a name that has',
    ],
    [
      ['a.b CNAME c.b', 'x.b A 10.0.0.1', 'c.b CNAME a.b'],
      '5:7: local.records: "a.b CNAME c.b" and "c.b CNAME a.b" lead round in a circle; let one of them lead',
    ],
    [
      ['c.b CNAME d.b', 'a.b CNAME c.b', 'd.b CNAME a.b'],
      '5:7: local.records: "c.b CNAME d.b" and "d.b CNAME a.b" and "a.b CNAME c.b" lead round',
    ],
    [
      ['*.b CNAME x.b'],
      '3:7: local.records: "*.b CNAME x.b" leads to itself, as x.b is one of the names of *.b; give x.b a record',
    ],
    [
      ['*.apps.b CNAME a.b', 'a.b CNAME x.apps.b'],
      '4:7: local.records: "*.apps.b CNAME a.b" and "a.b CNAME x.apps.b" lead round in a circle',
    ],
    [
      ['in.b CNAME a.b', 'a.b CNAME c.b', 'c.b CNAME a.b'],
      '5:7: local.records: "a.b CNAME c.b" and "c.b CNAME a.b" lead round',
    ],
  ])('%j', (records, message) => {
    expect(faultsOf(textOf(records))).toEqual([expect.stringContaining(message)]);
  });

  it('name four of a circle of more', () => {
    const records = Array.from({ length: 6 }, (_, i) => `n${i}.b CNAME n${(i + 1) % 6}.b`);
    expect(faultsOf(textOf(records))).toEqual([
      expect.stringContaining('"n3.b CNAME n4.b" and 2 more lead round'),
    ]);
  });

  it.each([
    [['a.b CNAME c.b', 'c.b CNAME d.b', 'd.b A 10.0.0.1']],
    [['*.b CNAME x.b', 'x.b A 10.0.0.1']],
    [['*.apps.b CNAME a.b', 'a.b A 10.0.0.1']],
  ])('and none that do not: %j', (records) => {
    expect(load(textOf(records)).warnings).toEqual([]);
  });

  it('or on through more names than clients follow', () => {
    const chain = (aliases: number) => [
      ...Array.from({ length: aliases }, (_, i) => `n${i}.b CNAME n${i + 1}.b`),
      `n${aliases}.b A 10.0.0.1`,
    ];
    expect(faultsOf(textOf(chain(12)))).toEqual([
      expect.stringContaining(
        '6:7: local.records: "n3.b CNAME n4.b" leads on through 8 more aliases; let it lead to n12.b',
      ),
    ]);
    expect(load(textOf(chain(8))).warnings).toEqual([]);
  });
});

it.each([
  [
    ['a.b CNAME c.b', 'c.b A 10.0.0.1', 'a.b A 10.0.0.2'],
    '5:7: local.records: a.b has a CNAME and another record: "a.b A 10.0.0.2" beside "a.b CNAME c.b"; a CNAME is',
  ],
  [
    ['c.b A 10.0.0.1', 'a.b TXT x', 'a.b CNAME c.b'],
    '5:7: local.records: a.b has a CNAME and another record: "a.b CNAME c.b" beside "a.b TXT "x""',
  ],
  [
    ['c.b A 10.0.0.1', '*.a.b CNAME c.b', '*.a.b CNAME d.b'],
    '5:7: local.records: *.a.b has a second CNAME: "*.a.b CNAME d.b" beside "*.a.b CNAME c.b"',
  ],
])('refuses a CNAME beside another record: %j', (records, message) => {
  expect(faultsOf(textOf(records))).toEqual([expect.stringContaining(message)]);
});

it('warns of an alias that leads away, at its line', () => {
  const records = ['a.b A 10.0.0.1', 'www.b CNAME db.away', 'x.b CNAME y.a.b', '*.b TXT x'];
  expect(warningsOf(textOf(records))).toEqual([
    expect.stringContaining('4:7: local.records: www.b is an alias of db.away, which has no record here'),
    // a.b has a record of its own, so the wildcard does not answer for y.a.b.
    expect.stringContaining('5:7: local.records: x.b is an alias of y.a.b, which has no record here'),
  ]);
});

it('names the line of a record that is none, and of one that comes twice', () => {
  expect(faultsOf(textOf(['a.b A 10.0.0.1', 'a..b A 10.0.0.1', 'a.b A 10.0.0.1']))).toEqual([
    expect.stringContaining(
      '4:7: local.records: "a..b" has an empty label; expected for example db.internal',
    ),
  ]);
  expect(faultsOf(textOf(['a.b A 10.0.0.1', 'a.b A 10.0.0.1']))).toEqual([
    expect.stringContaining('4:7: local.records: a.b A 10.0.0.1 is in the list twice'),
  ]);
});

it('leaves out what a hosts file says of an alias, with a warning', () => {
  writeFileSync(join(folder, 'hosts'), '10.0.0.9 www.b db.b\n10.0.0.8 www.b\n');
  const text = `${textOf(['www.b CNAME db.b'])}  hosts: [hosts]\n`;
  const { config } = load(text);
  expect(config.local.hosts[0]!.records.map(({ name }) => name)).toEqual([
    'db.b',
    '9.0.0.10.in-addr.arpa',
    '8.0.0.10.in-addr.arpa',
  ]);
  expect(warningsOf(text)).toEqual([
    expect.stringContaining('3:7: local.records: www.b is an alias here; what hosts says of it is left out'),
  ]);
});
