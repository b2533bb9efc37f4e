// The query of a path that takes a limit.
import { expect, it } from 'vitest';
import { readLimit } from '../../src/admin/limit.ts';

it.each([
  ['', 10],
  ['limit=1', 1],
  ['limit=100', 100],
])('reads "%s"', (query, limit) => {
  expect(readLimit(new URLSearchParams(query), 10, 100)).toBe(limit);
});

it.each([
  ['limit=', 'limit is not a number from 1 to 100'],
  ['limit=0', 'limit is not a number from 1 to 100'],
  ['limit=101', 'limit is not a number from 1 to 100'],
  ['limit=1.5', 'limit is not a number from 1 to 100'],
  ['limit=1&limit=2', 'limit is given twice'],
  ['limt=1', 'unknown parameter "limt"'],
])('refuses "%s"', (query, error) => {
  expect(readLimit(new URLSearchParams(query), 10, 100)).toEqual({ error });
});
