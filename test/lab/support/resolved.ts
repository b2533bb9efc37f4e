// Today's systemd-resolved inside a namespace. It runs in the root of today.ts with a /run of its
// own, so that nothing of this machine changes and its files can be read from outside.
import { chownSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { today, USERS } from '../../../bench/compare/today.ts';
import type { Child } from '../../../src/base/child-process.ts';
import { labDirectory } from './lab-directory.ts';
import type { Namespace } from './namespace.ts';
import { untilListening } from './real-servers.ts';

export interface Resolved {
  /**
   * Where its file system is seen from outside: `${root}/run/systemd/resolve/resolv.conf` is its
   * file.
   */
  readonly root: string;
  /** Ends it and starts it again with other servers: it writes its files again. */
  restart(servers: readonly string[]): Promise<void>;
}

/**
 * Starts systemd-resolved on 127.0.0.53 and .54 of the namespace, and on `extra` if given,
 * forwarding to these servers.
 */
export async function startResolved(
  namespace: Namespace,
  servers: readonly string[],
  extra = '',
): Promise<Resolved> {
  const root = labDirectory();
  const run = join(root, 'run');
  const [configuration, state] = [join(run, 'systemd/resolved.conf.d'), join(run, 'systemd/resolve')];
  for (const folder of [configuration, state]) mkdirSync(folder, { recursive: true });
  chownSync(state, USERS['systemd-resolve'], USERS['systemd-resolve']);
  const start = async (names: readonly string[]): Promise<Child> => {
    writeFileSync(
      join(configuration, 'lab.conf'),
      `[Resolve]\nDNS=${names.join(' ')}\nDNSSEC=no\nLLMNR=no\nMulticastDNS=no\nCache=no\n${extra === '' ? '' : `DNSStubListenerExtra=${extra}\n`}`,
    );
    const daemon = namespace.spawn('env', [`UNLOOP_LAB_RUN=${run}`, today('systemd-resolved').command]);
    await untilListening(namespace, daemon, '127.0.0.53%lo');
    while (!existsSync(join(state, 'resolv.conf'))) {
      if (daemon.hasEnded) throw daemon.failure('ended');
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return daemon;
  };
  let daemon = await start(servers);
  return {
    root,
    restart: async (next) => {
      await daemon.stop();
      daemon = await start(next);
    },
  };
}
