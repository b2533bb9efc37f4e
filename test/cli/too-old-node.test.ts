import { expect, it } from 'vitest';
import { tooOldNode } from '../../src/cli/too-old-node.ts';
import { readRepositoryFile } from '../guard/repository-files.ts';

it.each([
  '20.19.0',
  '20.20.2',
  '22.0.0',
  '24.22.3',
  '26.12.1',
  '100.0.0',
])('Node.js %s will do', (version) => {
  expect(tooOldNode(version)).toBeNull();
});

it.each(['20.18.3', '18.20.8', '16.20.2', '12.22.12'])('Node.js %s is too old, and hears so', (version) => {
  expect(tooOldNode(version)).toEqual({
    message: `needs Node.js 20.19 or newer, and this is ${version} (${process.execPath})`,
    remedy: expect.stringContaining('Install a current Node.js'),
  });
});

it('asks for what package.json asks for', () => {
  const { engines } = JSON.parse(readRepositoryFile('package.json'));
  const least = /^>=(\d+\.\d+)$/.exec(engines.node)?.[1];
  expect(tooOldNode('20.18.0')?.message).toContain(`Node.js ${least} or newer`);
  expect(tooOldNode(`${least}.0`)).toBeNull();
});
