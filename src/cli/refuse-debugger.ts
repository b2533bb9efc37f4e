// The debugger of Node.js gives whoever reaches its port the whole process: its memory, its secrets, its rights. Called by
// run before anything is read or opened.
import { url } from 'node:inspector';
import { UnloopError } from '../base/errors.ts';

/** Throws UNLOOP_DEBUGGER_OPEN where the debugger listens and the image or unit says that this is production. */
export function refuseDebugger(environment: NodeJS.ProcessEnv = process.env, address = url()): void {
  if (address === undefined || environment.NODE_ENV !== 'production') return;
  throw new UnloopError(
    'UNLOOP_DEBUGGER_OPEN',
    `the debugger of Node.js listens on ${new URL(address).host}: whoever reaches it controls this process`,
    'Remove --inspect from the command and from NODE_OPTIONS.',
  );
}
