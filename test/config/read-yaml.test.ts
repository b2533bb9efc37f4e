import { describe, expect, it } from 'vitest';
import { formatFault } from '../../src/config/fault.ts';
import { readYaml } from '../../src/config/read-yaml.ts';

const faultsOf = (text: string) => readYaml(text, 'f').faults.map(formatFault);
const valuesOf = (text: string) => {
  const { assignments, faults } = readYaml(text, 'f');
  expect(faults).toEqual([]);
  return Object.fromEntries(assignments.map(({ keys, value }) => [keys.join('/'), value]));
};

describe('a file', () => {
  it.each(['', '# nothing\n', '---\n', 'cache:\n', 'zones: null\n'])('may set nothing: %j', (text) => {
    expect(valuesOf(text)).toEqual({});
  });

  it('gives the settings with the places of their values', () => {
    const { place } = readYaml('forward:\n  deadline: 2s\n', 'f').assignments[0]!;
    expect(place).toEqual({ file: 'f', line: 2, column: 13 });
  });

  it('takes the suffix of a zone as one key, dots and all', () => {
    const zone = valuesOf('zones:\n  Cluster.Local.: { upstreams: [10.96.0.10], policy: random }\n');
    expect(zone['zones/cluster.local/policy']).toBe('random');
  });

  it('may use aliases', () => {
    const { 'limits/allow': allow, 'limits/deny': deny } = valuesOf(
      'limits:\n  allow: &net [10.0.0.0/8]\n  deny: *net\n',
    );
    expect(allow).toEqual(deny);
  });
});

describe('a fault', () => {
  it.each<[string, string]>([
    ['forward:\n  deadlin: 2s\n', 'f:2:3: unknown key "forward.deadlin"; did you mean "deadline"?'],
    // Written on the wrong level.
    ['deadline: 2s\n', 'f:1:1: unknown key "deadline"; did you mean "forward.deadline"?'],
    ['workers: 1\nworkers: 2\n', 'f:2:1: duplicate key "workers"; it is already on line 1'],
    [
      'zones:\n  a: { upstreams: [10.0.0.1] }\n  A.: { upstreams: [10.0.0.2] }\n',
      'f:3:3: duplicate key "zones.a"; it is already on line 2',
    ],
    ['zones: [a]\n', 'f:1:8: zones: expected a mapping (zone suffixes), not a list'],
    ['zones:\n  a: 10.0.0.1\n', 'f:2:6: zones.a: a zone is a mapping; write { upstreams: ["10.96.0.10"] }'],
    ['zones:\n  a: {}\n', 'f:2:3: zones.a: upstreams is missing; write for example ["10.96.0.10"]'],
    ['zones:\n  a:\n', 'f:2:3: zones.a: upstreams is missing; write for example ["10.96.0.10"]'],
    ['workers: *w\n', 'f:1:10: *w: no such anchor before it'],
    ['a: 1\n---\nb: 2\n', 'f:2:1: not valid YAML: the file contains a second document (---)'],
  ])('of %j says %j', (text, fault) => {
    expect(faultsOf(text)[0]).toBe(fault);
  });

  it('of a misspelled key in a zone does not also call the key missing', () => {
    expect(faultsOf('zones:\n  a: { upstream: [10.0.0.1] }\n')).toHaveLength(1);
  });

  it('of the syntax hides what a broken tree would lead to', () => {
    expect(faultsOf('nonsense: 1\nworkers: [\n').every((fault) => fault.includes('not valid YAML'))).toBe(
      true,
    );
  });

  it('of a text that is no mapping names the settings', () => {
    expect(faultsOf('just a word\n')[0]).toMatch(
      /^f:1:1: expected a mapping \(.*workers.*\), not "just a word"/,
    );
  });

  it('ends the use of aliases after a hundred', () => {
    const many = Array.from({ length: 101 }, (_, i) => `  z${i}: *z`).join('\n');
    const faults = faultsOf(`zones:\n  z: &z { upstreams: [10.0.0.1] }\n${many}\n`);
    expect(faults.some((fault) => fault.includes('too many aliases'))).toBe(true);
  });
});
