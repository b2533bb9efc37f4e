// Compiles the C programs of bench/compare/floor, with whatever cc the machine has.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { FLOOR_SOURCES } from './project.ts';

/** Paths of the compiled programs. */
export interface FloorPrograms {
  readonly answer: string;
  readonly forward: string;
}

/** Throws when there is no C compiler. */
export function buildFloorPrograms(folder: string): FloorPrograms {
  return { answer: compileFloor('answer', folder), forward: compileFloor('forward', folder) };
}

/**
 * Compiles one of them; `batch` is how many datagrams it takes or sends in one system call. Returns
 * its path.
 */
export function compileFloor(name: 'answer' | 'forward', folder: string, batch = 64): string {
  const program = join(folder, `floor-${name}-${batch}`);
  const cc = process.env.CC ?? 'cc';
  const flags = ['-O2', '-Wall', '-Wextra', `-DBATCH=${batch}`];
  execFileSync(cc, [...flags, '-o', program, join(FLOOR_SOURCES, `${name}.c`)]);
  return program;
}
