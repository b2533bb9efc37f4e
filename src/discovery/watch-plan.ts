// From the paths a discovery depends on to the directories to watch. Called by watch.
import { lstat } from 'node:fs/promises';
import { posix } from 'node:path';

/** inotify watches are a limited good, shared by all programs of a user. */
const MAX_WATCHES = 64;
const DIRECTORY = 'directory';

/**
 * A directory to watch, and the names in it that matter; or a file that is a mount of its own, and
 * any name.
 */
export interface WatchedDirectory {
  /** Its path on this machine. */
  readonly hostPath: string;
  /** Device and inode: the same path may become another directory. */
  readonly identity: string;
  readonly names: ReadonlySet<string>;
}

/**
 * The directory of each path, or the nearest one above it that exists, with the next name on the
 * way down. Files are replaced by rename, so a watch on the file itself would go on watching the
 * old one.
 */
export async function planWatches(
  paths: readonly string[],
  locate: (path: string) => string,
): Promise<WatchedDirectory[]> {
  const identities = new Map<string, string | null>();
  const plan = new Map<string, { identity: string; names: Set<string> }>();
  const add = (path: string, identity: string, name: string) => {
    const known = plan.get(path);
    if (known !== undefined) known.names.add(name);
    else if (plan.size < MAX_WATCHES) plan.set(path, { identity, names: new Set([name]) });
  };
  for (const path of paths) {
    let name = posix.basename(path);
    let directory = posix.dirname(path);
    let identity = await identify(directory, locate, identities);
    while (!isDirectory(identity) && directory !== '/') {
      name = posix.basename(directory);
      directory = posix.dirname(directory);
      identity = await identify(directory, locate, identities);
    }
    if (identity === null) continue;
    add(directory, identity, name);
    // A container's /etc/resolv.conf is a mount of its own: it is written in place, and its
    // directory hears nothing of it.
    const file = name === '*' ? null : await identify(path, locate, identities);
    if (file !== null && !isDirectory(file) && deviceOf(file) !== deviceOf(identity)) add(path, file, '*');
  }
  return [...plan].map(([directory, { identity, names }]) => ({
    hostPath: locate(directory),
    identity,
    names,
  }));
}

/**
 * Device, inode and kind of the file at a path, null if there is none; each is looked up once per
 * plan.
 */
async function identify(
  path: string,
  locate: (path: string) => string,
  identities: Map<string, string | null>,
): Promise<string | null> {
  const known = identities.get(path);
  if (known !== undefined) return known;
  let identity: string | null = null;
  try {
    const found = await lstat(locate(path));
    identity = `${found.dev}:${found.ino}:${found.isDirectory() ? DIRECTORY : 'other'}`;
  } catch {
    // Not there, or closed to us: the directory above is watched in its place, and the poll sees
    // the rest.
  }
  identities.set(path, identity);
  return identity;
}

function isDirectory(identity: string | null): boolean {
  return identity?.endsWith(DIRECTORY) === true;
}

function deviceOf(identity: string): string {
  return identity.slice(0, identity.indexOf(':'));
}
