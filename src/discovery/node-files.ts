// Reads the node's files below a root directory ('/', or /host in a pod): the one door through
// which discovery and the doctor see the file system. Every path asked for is remembered, so that
// the watch knows what to follow.
import { constants } from 'node:fs';
import { lstat, open, opendir, readlink } from 'node:fs/promises';
import { posix, resolve } from 'node:path';

/** No resolver configuration is larger; a larger file is a finding, not something to read. */
export const MAX_FILE_BYTES = 256 * 1024;
/** No directory that is listed here holds more on a sane machine. */
const MAX_ENTRIES = 256;
/** Linux gives up after 40 as well (path_resolution(7)). */
const MAX_LINKS = 40;
/** Bounds what a walk through many files can make the watch follow. */
const MAX_TOUCHED = 1024;

export type UnreadableReason = 'directory' | 'tooLarge' | 'denied' | 'notAFile' | 'linkLoop' | 'failed';

/** A file or directory that is there and cannot be used. */
export interface Unreadable {
  readonly kind: 'unreadable';
  /** The path as asked for, without the root. */
  readonly path: string;
  readonly reason: UnreadableReason;
  /** One phrase for people: "is a directory". */
  readonly detail: string;
}

export interface FileText {
  readonly kind: 'text';
  readonly path: string;
  readonly text: string;
  /** Wall clock, only good for telling the newer of two files. */
  readonly modifiedMs: number;
}

export interface Missing {
  readonly kind: 'missing';
  readonly path: string;
}

export type FileReading = FileText | Missing | Unreadable;

type Located = { readonly kind: 'found'; readonly path: string } | Missing | Unreadable;

/**
 * The files of one node during one discovery. Paths are absolute on the node; symbolic links never
 * lead out of the root.
 */
export class NodeFiles {
  /** Absolute, without a trailing slash; '' for '/'. */
  readonly #prefix: string;
  readonly #touched = new Set<string>();
  /** What was there and could not be used, in the order met. */
  readonly unreadable: Unreadable[] = [];
  /**
   * Files and directories that are mounts of what the node has deleted or replaced: nothing that
   * changes on the node is seen there any more.
   */
  readonly detached: string[] = [];

  constructor(root: string) {
    const absolute = resolve(root);
    this.#prefix = absolute === '/' ? '' : absolute;
  }

  /** True when the root is a directory of this machine, not its '/'. */
  get isBelowRoot(): boolean {
    return this.#prefix !== '';
  }

  /**
   * Every path read, listed, followed (symbolic links) or found missing, without the root; bounded.
   */
  get touched(): string[] {
    return [...this.#touched];
  }

  /** A node's path, as seen on this machine. */
  locate(path: string): string {
    return this.#prefix + path || '/';
  }

  /** Reads a text file of at most MAX_FILE_BYTES. Never throws. */
  async read(path: string): Promise<FileReading> {
    const located = await this.#follow(path);
    if (located.kind !== 'found') return located;
    try {
      return await this.#readLocated(path, this.locate(located.path));
    } catch (error) {
      return this.#refuse(path, error);
    }
  }

  /**
   * Reads the file, or gives '' where there is none (an unreadable one is remembered in
   * `unreadable`).
   */
  async text(path: string): Promise<string> {
    const reading = await this.read(path);
    return reading.kind === 'text' ? reading.text : '';
  }

  /**
   * The names in a directory, sorted, hidden and editors' files left out, at most `limit`. Empty
   * when there is none. Never throws.
   */
  async list(path: string, limit = MAX_ENTRIES): Promise<string[]> {
    const located = await this.#follow(path);
    if (located.kind !== 'found') return [];
    const names: string[] = [];
    try {
      const directory = await opendir(this.locate(located.path));
      for await (const entry of directory) {
        if (entry.name.startsWith('.') || entry.name.endsWith('~')) continue;
        names.push(entry.name);
        if (names.length === limit) break;
      }
    } catch (error) {
      this.#refuse(path, error);
      return [];
    }
    // The watch follows names in a directory; this one stands for "any name in here".
    this.#touch(posix.join(located.path, '*'));
    return names.sort();
  }

  async #readLocated(path: string, hostPath: string): Promise<FileReading> {
    // O_NONBLOCK: opening a FIFO without a writer would otherwise wait forever. O_NOFOLLOW: all
    // links have been followed; one that was put here since could lead out of the root.
    const flags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW;
    const handle = await open(hostPath, flags);
    try {
      const stat = await handle.stat();
      if (stat.isDirectory()) return this.#unusable(path, 'directory', 'is a directory');
      if (!stat.isFile()) return this.#unusable(path, 'notAFile', 'is not a regular file');
      const buffer = Buffer.allocUnsafe(MAX_FILE_BYTES + 1);
      let length = 0;
      while (length < buffer.length) {
        const { bytesRead } = await handle.read(buffer, length, buffer.length - length, length);
        if (bytesRead === 0) break;
        length += bytesRead;
      }
      if (length > MAX_FILE_BYTES) {
        return this.#unusable(path, 'tooLarge', `is larger than ${MAX_FILE_BYTES / 1024} KiB`);
      }
      return { kind: 'text', path, text: buffer.toString('utf8', 0, length), modifiedMs: stat.mtimeMs };
    } finally {
      await handle.close();
    }
  }

  /**
   * Follows symbolic links inside the root: a link to /run/… means the node's /run, not the
   * container's.
   */
  async #follow(path: string): Promise<Located> {
    const pending = splitPath(path);
    let current: string[] = [];
    let links = 0;
    for (let component = pending.shift(); component !== undefined; component = pending.shift()) {
      if (component === '..') {
        current.pop();
        continue;
      }
      const candidate = `/${[...current, component].join('/')}`;
      try {
        const stat = await lstat(this.locate(candidate));
        if (!stat.isSymbolicLink()) {
          if (stat.nlink === 0) await this.#noteDetached(candidate);
          current.push(component);
          continue;
        }
        this.#touch(candidate);
        links++;
        if (links > MAX_LINKS) return this.#unusable(path, 'linkLoop', 'has too many symbolic links');
        const target = await readlink(this.locate(candidate));
        if (target.startsWith('/')) current = [];
        pending.unshift(...splitPath(target));
      } catch (error) {
        this.#touch(posix.join(candidate, ...pending));
        const code = errorCode(error);
        if (code === 'ENOENT' || code === 'ENOTDIR') return { kind: 'missing', path };
        return this.#refuse(path, error);
      }
    }
    const found = `/${current.join('/')}`;
    this.#touch(found);
    return { kind: 'found', path: found };
  }

  /** It has a path and no name. Looks twice: it may be replaced at this very moment. */
  async #noteDetached(path: string): Promise<void> {
    if (this.detached.includes(path) || this.detached.length === MAX_ENTRIES) return;
    const { nlink } = await lstat(this.locate(path));
    if (nlink === 0) this.detached.push(path);
  }

  #touch(path: string): void {
    if (this.#touched.size < MAX_TOUCHED) this.#touched.add(path);
  }

  #refuse(path: string, error: unknown): Missing | Unreadable {
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return { kind: 'missing', path };
    if (code === 'EISDIR') return this.#unusable(path, 'directory', 'is a directory');
    if (code === 'EACCES' || code === 'EPERM') return this.#unusable(path, 'denied', 'may not be read');
    return this.#unusable(path, 'failed', `cannot be read (${code})`);
  }

  #unusable(path: string, reason: UnreadableReason, detail: string): Unreadable {
    const finding: Unreadable = { kind: 'unreadable', path, reason, detail };
    if (this.unreadable.length < MAX_ENTRIES && !this.unreadable.some((known) => known.path === path)) {
      this.unreadable.push(finding);
    }
    return finding;
  }
}

function splitPath(path: string): string[] {
  return path.split('/').filter((component) => component !== '' && component !== '.');
}

function errorCode(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}
