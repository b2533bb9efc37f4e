import { writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { expect, it } from 'vitest';
import { readSecret } from '../../src/config/read-secret.ts';
import { folder } from './load-text.ts';

const CONFIG = join(folder, 'unloop.yaml');

function write(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return name;
}

it.each([
  ['one line', 'the secret\n'],
  ['many lines', 'the secret\nmore\n'],
  ['CRLF', 'the secret\r\nmore'],
  ['spaces around', '  the secret \t'],
])('reads the first line: %s', (name, text) => {
  expect(readSecret(write(name, text), CONFIG)).toEqual({
    file: join(folder, name),
    text: 'the secret',
    problem: '',
  });
});

it('starts at the working directory where there is no configuration file', () => {
  const path = relative('.', join(folder, write('from-here', 'the secret')));
  expect(readSecret(path, null).text).toBe('the secret');
});

it('reports an empty first line and a missing file', () => {
  expect(readSecret(write('empty', '\nthe secret'), CONFIG).problem).toBe(
    `the first line of ${join(folder, 'empty')} is empty`,
  );
  expect(readSecret('missing', CONFIG)).toMatchObject({
    text: '',
    problem: `cannot read ${join(folder, 'missing')}: no such file`,
  });
});
