import { afterEach, expect, it, vi } from 'vitest';
import { describeMachine, formatMachine } from '../../src/load/machine.ts';

afterEach(() => vi.unstubAllEnvs());

const MACHINE = {
  ...{ cpu: 'AMD EPYC', cores: 2, memoryGib: 24, kernel: '6.18', node: '20.20.2' },
  ...{ loadBefore: 0, commit: '529a361', modified: false },
};

it('names the machine and the sources, and changes in them', () => {
  expect(formatMachine(MACHINE)).toBe(
    'AMD EPYC, 2 cores, 24 GiB, Linux 6.18, Node 20.20.2; unloop at 529a361',
  );
  expect(formatMachine({ ...MACHINE, modified: true })).toMatch(/ with changes$/);
});

it('reads this machine', () => {
  const machine = describeMachine();
  expect(machine).toMatchObject({ node: process.versions.node });
  expect(machine.cores).toBeGreaterThan(0);
  expect(machine.loadBefore).toBeGreaterThanOrEqual(0);
});

it('does without git: an installed copy has no sources', () => {
  vi.stubEnv('PATH', '/nowhere');
  expect(describeMachine()).toMatchObject({ commit: 'unknown', modified: false });
});
