// `unloop run`: starts loading the first worker's code, then does everything else.
import { prepareWorker } from '../server/worker-handle.ts';

/** Runs until SIGTERM or SIGINT; resolves to the exit code. */
export async function main(args: string[]): Promise<number> {
  prepareWorker();
  const { serve } = await import('./serve.ts');
  return serve(args);
}
