// A real systemd-resolved inside a namespace, without its package being installed: the package is taken apart into a cache, and the
// daemon runs with file systems of its own over /run, /etc/systemd and the user database, so that nothing of this machine changes.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LAB_CACHE } from './lab-cache.ts';
import { labDirectory } from './lab-directory.ts';
import type { LabProcess } from './lab-process.ts';
import type { Namespace } from './namespace.ts';
import { untilListening } from './real-servers.ts';

const CACHE = join(LAB_CACHE, 'resolved');
const BINARY = join(CACHE, 'root', 'lib', 'systemd', 'systemd-resolved');
const USER = 'systemd-resolve';
const UID = 64_053;

/** Takes the package apart, if that was not done yet. Its libraries come with systemd itself. */
export function ensureResolved(): void {
  if (existsSync(BINARY)) return;
  mkdirSync(CACHE, { recursive: true });
  execFileSync('apt-get', ['download', 'systemd-resolved'], { cwd: CACHE, stdio: 'ignore' });
  const file = readdirSync(CACHE).find((name) => name.endsWith('.deb'))!;
  execFileSync('dpkg', ['-x', file, 'root'], { cwd: CACHE });
}

export interface Resolved {
  /** Where its file system is seen from outside: `${root}/run/systemd/resolve/resolv.conf` is its file. */
  readonly root: string;
  /** Ends it and starts it anew with other servers: it writes its files again. */
  restart(servers: readonly string[]): Promise<void>;
}

/** Starts systemd-resolved on 127.0.0.53 and .54 of the namespace, and on `extra` if given, forwarding to these servers. */
export async function startResolved(
  namespace: Namespace,
  servers: readonly string[],
  extra = '',
): Promise<Resolved> {
  ensureResolved();
  const directory = labDirectory();
  const configure = (names: readonly string[]) =>
    writeFileSync(
      join(directory, 'resolved.conf'),
      `[Resolve]\nDNS=${names.join(' ')}\nDNSSEC=no\nLLMNR=no\nMulticastDNS=no\nCache=no\n${extra === '' ? '' : `DNSStubListenerExtra=${extra}\n`}`,
    );
  configure(servers);
  for (const [file, line] of [
    ['passwd', `${USER}:x:${UID}:${UID}::/run/systemd:/usr/sbin/nologin`],
    ['group', `${USER}:x:${UID}:`],
  ] as const) {
    const text = readFileSync(`/etc/${file}`, 'utf8')
      .split('\n')
      .filter((known) => !known.startsWith(`${USER}:`))
      .join('\n');
    writeFileSync(join(directory, file), `${text}${line}\n`);
  }
  // The holder keeps the file systems while the daemon comes and goes.
  const holder = namespace.spawn('unshare', [
    '-m',
    'sh',
    '-ec',
    `mount --make-rprivate /
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/resolve /run/dbus
mount -t tmpfs tmpfs /etc/systemd
mount --bind ${directory}/passwd /etc/passwd
mount --bind ${directory}/group /etc/group
chown ${UID}:${UID} /run/systemd/resolve
echo mounted
exec sleep infinity`,
  ]);
  while (!holder.output.includes('mounted')) {
    if (holder.hasEnded) throw new Error(`no mount namespace: ${holder.output}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  let daemon: LabProcess | null = null;
  const start = async () => {
    daemon = namespace.spawn('nsenter', [
      '-t',
      String(holder.pid),
      '-m',
      'sh',
      '-ec',
      `cp ${directory}/resolved.conf /etc/systemd/resolved.conf; exec ${BINARY}`,
    ]);
    await untilListening(namespace, daemon, '127.0.0.53%lo');
    const file = `/proc/${holder.pid}/root/run/systemd/resolve/resolv.conf`;
    while (!existsSync(file)) {
      if (daemon.hasEnded) throw new Error(`systemd-resolved ended: ${daemon.output}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  await start();
  return {
    root: `/proc/${holder.pid}/root`,
    restart: async (next) => {
      configure(next);
      await daemon!.stop();
      await start();
    },
  };
}
