// Runs a program to its end, for its output.
import { Child } from '../../src/base/child-process.ts';

/**
 * Resolves to what it wrote to standard output; rejects with all that it said when it fails, or
 * when it is not there. `input`: its standard input.
 */
export async function runProgram(command: string, args: readonly string[], input = ''): Promise<string> {
  const child = new Child([command, ...args], { stdin: 'pipe' });
  // A program that does not read it.
  child.process.stdin!.on('error', () => {});
  child.process.stdin!.end(input);
  const code = await child.ended;
  if (code !== 0) throw child.failure(`ended with ${code}`);
  return child.stdout;
}
