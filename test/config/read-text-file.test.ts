import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Child } from '../../src/base/child-process.ts';
import { readSmallFile, readTextFile } from '../../src/config/read-text-file.ts';
import { folder } from './load-text.ts';

const PATH = join(folder, 'text');

it('reads up to its limit, and not one byte more', () => {
  writeFileSync(PATH, 'ä'.repeat(50_000));
  expect(readTextFile(PATH, 100_000)).toBe('ä'.repeat(50_000));
  expect(() => readTextFile(PATH, 99_999)).toThrow('it is larger than 99999 bytes');
});

it('takes one MiB by default', () => {
  writeFileSync(PATH, Buffer.alloc(1024 * 1024 + 1, 0x20));
  expect(() => readSmallFile(PATH)).toThrow('it is larger than 1048576 bytes');
});

it('reads an empty file', () => {
  writeFileSync(PATH, '');
  expect(readTextFile(PATH)).toBe('');
});

it('refuses what is not UTF-8, and gives its bytes', () => {
  writeFileSync(PATH, Uint8Array.of(0x61, 0xff));
  expect(() => readTextFile(PATH)).toThrow('it is not UTF-8 text');
  expect([...readSmallFile(PATH)]).toEqual([0x61, 0xff]);
});

it('says in words why a file cannot be read', () => {
  expect(() => readTextFile(join(folder, 'missing'))).toThrow(/^no such file$/);
  expect(() => readTextFile(folder)).toThrow(/^it is a directory$/);
});

it('does not wait for a pipe that nobody writes to', () => {
  const pipe = join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  expect(() => readTextFile(pipe)).toThrow('it is a pipe that nobody writes to');
});

it('gives up on a pipe whose writer does not finish', async () => {
  const pipe = join(folder, 'slow-pipe');
  execFileSync('mkfifo', [pipe]);
  const writer = new Child(['sh', '-c', `exec 3<>${pipe}; echo some >&3; echo written; exec sleep 60`]);
  await writer.untilSaid('written', 40_000);
  expect(() => readTextFile(pipe)).toThrow('it is a pipe whose writer does not finish');
  await writer.kill();
});
