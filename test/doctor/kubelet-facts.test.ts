import { describe, expect, it } from 'vitest';
import { asTexts, readYamlKeys } from '../../src/doctor/kubelet-facts.ts';

const keysOf = (text: string) => {
  const keys = readYamlKeys(text);
  return keys === null ? null : Object.fromEntries(keys);
};

describe('keys of a YAML mapping', () => {
  it('have their values and the lines that they stand in', () => {
    expect(keysOf('# kubelet\nresolvConf: /etc/resolv.conf\nclusterDNS:\n  - 10.96.0.10\nport: 1\n')).toEqual(
      {
        resolvConf: { value: '/etc/resolv.conf', line: 2 },
        clusterDNS: { value: ['10.96.0.10'], line: 3 },
        port: { value: 1, line: 5 },
      },
    );
  });

  it('are read from JSON as well', () => {
    expect(keysOf('{\n  "resolvConf": "/x"\n}')).toEqual({ resolvConf: { value: '/x', line: 2 } });
  });

  it('are those at the top alone, and texts', () => {
    expect(Object.keys(keysOf('a:\n  b: 1\n2: x\n')!)).toEqual(['a']);
  });

  it.each(['', '# nothing but a comment\n', '~'])('are none in %j', (text) => {
    expect(keysOf(text)).toEqual({});
  });

  it('follow an alias', () => {
    expect(keysOf('a: &x [1]\nb: *x\n')!.b).toEqual({ value: [1], line: 2 });
  });

  it.each<[string, string]>([
    ['a list', '- a\n'],
    ['a word', 'resolvConf'],
    ['a brace left open', '{ a: 1'],
    ['the same key twice', 'a: 1\na: 2\n'],
    ['an alias of nothing', 'a: *nothing\n'],
    ['nesting without end', '['.repeat(50_000)],
    [
      'aliases that grow without end',
      Array.from(
        { length: 20 },
        (_, i) =>
          `k${i}: &k${i} [${
            i === 0
              ? '1'
              : Array(9)
                  .fill(`*k${i - 1}`)
                  .join(',')
          }]`,
      ).join('\n'),
    ],
  ])('are not there in %s', (_, text) => {
    expect(readYamlKeys(text)).toBeNull();
  });
});

it.each<[unknown, string[]]>([
  ['a', ['a']],
  [
    ['a', 1, null, 'b'],
    ['a', 'b'],
  ],
  [undefined, []],
  [7, []],
  [{ a: 'b' }, []],
])('takes the texts of %j', (value, texts) => {
  expect(asTexts(value)).toEqual(texts);
});
