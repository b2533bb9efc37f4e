// `unloop health`: asks the running unloop of the same configuration whether it is alive, for
// supervisors that can only run a program (an image's HEALTHCHECK, in an image without a shell).
// Imported by dispatch.
import { printable } from '../base/printable.ts';
import { adminOf, adminUrl, requestAdmin } from './ask-admin.ts';
import { parseHealthFlags } from './flags.ts';

/** Below what supervisors usually allow for it (3 s and more). */
const TIMEOUT_MS = 2000;

/** Resolves to 0 when the answer is 200, to 1 for anything else or none; says what it asked. */
export async function main(args: string[]): Promise<number> {
  const flags = parseHealthFlags(args);
  const { listen } = adminOf(flags);
  const path = flags.ready ? '/ready' : '/health';
  const { status, text } = await requestAdmin(listen, {
    method: 'GET',
    path,
    token: '',
    timeoutMs: TIMEOUT_MS,
  }).catch((error: Error) => ({ status: 0, text: error.message }));
  const isOk = status === 200;
  (isOk ? process.stdout : process.stderr).write(`${adminUrl(listen, path)}: ${printable(text.trim())}\n`);
  return isOk ? 0 : 1;
}
