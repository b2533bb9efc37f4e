import { describe, expect, it } from 'vitest';
import { Reading, showKeys } from '../../src/config/assignment.ts';
import { formatFault, type Place } from '../../src/config/fault.ts';
import { SETTINGS } from '../../src/config/schema.ts';

const PLACE: Place = { file: 'f.yaml', line: 2, column: 5 };
const setting = (path: string) => SETTINGS.find((candidate) => candidate.path === path)!;

function assign(path: string, raw: unknown, placeOfItem?: (index: number) => Place) {
  const reading = new Reading();
  reading.assign(setting(path), path.split('.'), raw, PLACE, placeOfItem);
  return { values: reading.assignments.map(({ value }) => value), faults: reading.faults.map(formatFault) };
}

describe('an assignment', () => {
  it('has the value in the units of the configuration', () => {
    expect(assign('forward.deadline', '1500ms')).toEqual({ values: [1500], faults: [] });
  });

  it('is none for an invalid value, which is a fault at its place', () => {
    const { values, faults } = assign('forward.deadline', 'soon');
    expect(values).toEqual([]);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(/^f\.yaml:2:5: forward\.deadline: "soon"/);
  });

  it('has a fault for each invalid item of a list, at the place of the item', () => {
    const placeOfItem = (index: number) => ({ ...PLACE, line: 10 + index });
    const { values, faults } = assign('limits.allow', ['10.0.0.0/8', 'x', 'y'], placeOfItem);
    expect(values).toEqual([]);
    expect(faults.map((fault) => fault.slice(0, 12))).toEqual(['f.yaml:11:5:', 'f.yaml:12:5:']);
  });

  it('never shows a secret, not even an invalid one', () => {
    const secret = SETTINGS.find((candidate) => candidate.secret === true)!;
    const { faults } = assign(secret.path, { hunter2: 'hunter2' });
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain(`expected ${secret.type.expected}`);
    expect(faults[0]).not.toContain('hunter2');
  });
});

it('shows the keys of a zone with its dots', () => {
  expect(showKeys(['zones', 'cluster.local', 'policy'])).toBe('zones.cluster.local.policy');
});
