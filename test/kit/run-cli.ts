// The built program, run to its end.
import { fileURLToPath } from 'node:url';
import { Child } from '../../src/base/child-process.ts';

const MAIN = fileURLToPath(new URL('../../dist/unloop/main.js', import.meta.url));

export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** `unloop ARGS…`; for what ends by itself. */
export async function runCli(...args: string[]): Promise<CliResult> {
  const { UNLOOP_CONFIG: _config, ...env } = process.env;
  const child = new Child([process.execPath, MAIN, ...args], { env });
  return { code: await child.ended, stdout: child.stdout, stderr: child.stderr };
}
