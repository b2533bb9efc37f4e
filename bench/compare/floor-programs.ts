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
  return { answer: compile('answer', folder), forward: compile('forward', folder) };
}

function compile(name: string, folder: string): string {
  const program = join(folder, `floor-${name}`);
  const cc = process.env.CC ?? 'cc';
  execFileSync(cc, ['-O2', '-Wall', '-Wextra', '-o', program, join(FLOOR_SOURCES, `${name}.c`)]);
  return program;
}
