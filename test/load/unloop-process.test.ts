import { describe, expect, it } from 'vitest';
import { portOf, readReadyLine } from '../../src/load/unloop-process.ts';

describe('the line that says that unloop is ready', () => {
  it('says where it listens', () => {
    const line = '{"level":"info","msg":"unloop is ready","listen":["127.0.0.1:4711"],"admin":"off"}';
    expect(readReadyLine(line)).toMatchObject({ listen: ['127.0.0.1:4711'], admin: 'off' });
  });

  it.each([
    ['another line', '{"msg":"stopping"}'],
    ['a line that only mentions it', '{"msg":"waits until unloop is ready"}'],
    ['half of the line', '{"msg":"unloop is ready","lis'],
    ['an empty line', ''],
  ])('is not %s', (_, line) => {
    expect(readReadyLine(line)).toBeNull();
  });
});

it.each([
  ['127.0.0.1:5300', 5300],
  ['[::1]:5300', 5300],
  ['localhost:53', 53],
])('takes the port of %s', (text, port) => {
  expect(portOf(text)).toBe(port);
});
