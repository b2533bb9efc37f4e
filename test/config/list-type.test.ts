import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import * as types from '../../src/config/list-type.ts';
import type { SettingType } from '../../src/config/setting-type.ts';

/** The value, or the messages. */
function read<T>(type: SettingType<T>, input: unknown): T | string[] {
  const result = v.safeParse(type.schema, input);
  return result.success ? result.output : result.issues.map(({ message }) => message);
}

describe('choices', () => {
  it('list what they take', () => {
    expect(read(types.choices(['a', 'b']), ['b', 'a'])).toEqual(['b', 'a']);
    expect(read(types.choices(['a', 'b']), ['a', 'c'])).toEqual(['"c" is not one of a, b']);
  });
});

describe('lists', () => {
  it('name the item that is wrong, and the one that comes twice', () => {
    const issuesOf = (input: unknown) =>
      v.safeParse(types.cidrs().schema, input).issues?.map(({ path, message }) => [path?.[0]?.key, message]);
    expect(issuesOf(['10.0.0.0/8', 'x'])).toEqual([[1, expect.stringContaining('not an address block')]]);
    expect(issuesOf(['10.0.0.0/8', 'fd00::/8', '10.0.0.0/8'])).toEqual([
      [2, '10.0.0.0/8 is in the list twice'],
    ]);
    expect(issuesOf('10.0.0.0/8')).toEqual([[undefined, expect.stringContaining('write ["10.0.0.0/8"]')]]);
  });

  it('of listen addresses have one item, and may have port 0 twice', () => {
    const type = types.listenAddresses();
    expect(read(type, [])).toEqual(['the list is empty; expected a list of ADDR:PORT']);
    expect(read(type, ['127.0.0.1:0', '127.0.0.1:0'])).toHaveLength(2);
    expect(read(type, ['127.0.0.1:1', '127.0.0.1:1'])).toEqual(['127.0.0.1:1 is in the list twice']);
  });
});

describe('upstreams', () => {
  it('are auto, alone or in a list of its own, or addresses', () => {
    const type = types.upstreams();
    expect([read(type, 'auto'), read(type, ['auto'])]).toEqual(['auto', 'auto']);
    expect(read(type, ['auto', '10.0.0.1'])).toEqual(['"auto" cannot be combined with other upstreams']);
    expect(read(type, ['10.0.0.1', '10.0.0.1:53'])).toEqual(['10.0.0.1:53 is in the list twice']);
    expect(read(type, [])).toEqual([expect.stringContaining('the list is empty')]);
  });
});

it('never throw, and give back what they wrote', () => {
  const samples: [SettingType<never>, unknown][] = [
    [types.nameSuffixes() as never, ['corp.example']],
    [types.cidrs() as never, ['10.0.0.0/8']],
    [types.listenAddresses() as never, ['127.0.0.1:53']],
    [types.upstreams() as never, ['10.0.0.1:53']],
    [types.localRecords() as never, ['db.internal A 10.0.0.9', 'a.b TXT "x" "y"']],
    [types.hostsFiles() as never, ['/etc/hosts']],
  ];
  for (const [type, written] of samples) {
    const value = read(type, written) as never;
    expect(type.toYaml(value)).toEqual(written);
    for (const input of [null, undefined, {}, [], [[]], 5, true, ''])
      expect(() => read(type, input)).not.toThrow();
  }
});
