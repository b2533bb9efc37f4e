// `unloop run`: handles signals, starts loading the first worker's code, then does everything else.
import { refuseTooFewOpenFiles } from '../base/open-files.ts';
import { prepareWorkers } from '../server/worker/worker-handle.ts';
import { refuseDebugger } from './refuse-debugger.ts';
import { SignalInbox } from './signal-inbox.ts';

/** Runs until SIGTERM or SIGINT; resolves to the exit code. */
export async function main(args: string[]): Promise<number> {
  const signals = new SignalInbox();
  refuseTooFewOpenFiles();
  refuseDebugger();
  prepareWorkers(1);
  const { serve } = await import('./serve.ts');
  return serve(args, signals);
}
