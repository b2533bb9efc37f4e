// The debugger of Node.js gives whoever reaches its port the whole process: its memory, its
// secrets, its rights. Called by run before anything is read or opened, after the signals are
// handled.
import { close, url } from 'node:inspector';
import { UnloopError } from '../base/errors.ts';

/**
 * Throws UNLOOP_DEBUGGER_OPEN where a flag opened the debugger and the image or unit says that this
 * is production. One that no flag opened is closed: SIGUSR1 came before we handled it.
 */
export function refuseDebugger(environment: NodeJS.ProcessEnv = process.env): void {
  const address = url();
  if (address === undefined) return;
  const flags = [...process.execArgv, environment.NODE_OPTIONS ?? ''];
  if (!flags.some((flag) => flag.includes('--inspect'))) {
    close();
    return;
  }
  if (environment.NODE_ENV !== 'production') return;
  throw new UnloopError(
    'UNLOOP_DEBUGGER_OPEN',
    `the debugger of Node.js listens on ${new URL(address).host}: whoever reaches it controls this process`,
    'Remove --inspect from the command and from NODE_OPTIONS.',
  );
}
