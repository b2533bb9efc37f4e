// Finds and loads the C addon (native/*.c), once per thread. Called by open-socket, batch-socket
// and listen-tcp. Without it everything still works, over node:dgram.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { isOneFile } from '../base/own-files.ts';
import { findRootFolder } from '../base/root-folder.ts';
import { embeddedAddon, openAddon } from './embedded-addon.ts';

/** As ABI in native/module.c: an addon built from different sources is not used. */
const ABI = 8;

/**
 * The functions of the addon; native/module.c says what each does. Failures are negative errno
 * numbers. attach() and open() have more than five parameters: they are called once per thread and
 * per socket, and C reads an argument with less code than a field of an object.
 */
export interface NativeAddon {
  readonly abi: number;
  attach(
    onEvent: (socketId: number, countOrErrno: number) => void,
    receiveMemory: Uint8Array,
    receiveLengths: Int32Array,
    receivePeers: Int32Array,
    sendMemory: Uint8Array,
    sendLengths: Int32Array,
    sendPeers: Int32Array,
    sendSockets: Int32Array,
    control: Int32Array,
  ): void;
  open(
    address: string,
    port: number,
    sharing: number,
    receiveBufferBytes: number,
    connectAddress: string,
    connectPort: number,
    fd: number,
    details: Int32Array,
  ): number;
  close(socketId: number): void;
  retire(socketId: number): number;
  deal(socketId: number, program: Uint8Array): number;
  flush(): void;
  counters(socketId: number, numbers: Float64Array): void;
  listenTcp(address: string, port: number, backlog: number, sharing: number): number;
  adoptTcp(fd: number): number;
  startTicks(firstNs: number, periodNs: number, onTick: () => void): object | undefined;
  stopTicks(ticks: object): void;
  notify(path: string, text: string): number;
  shortenTimeSlice(): number;
}

/** How `open` and `listenTcp` share an address (Sharing in native/descriptor.h). */
export function sharingOf(options: { readonly reusePort?: boolean; readonly claim?: boolean }): number {
  if (options.reusePort !== true) return 0;
  return options.claim === true ? 2 : 1;
}

/** Whether the addon is in use, and if not, why not (one line, for the start message). */
export interface NativeStatus {
  available: boolean;
  reason: string;
}

let loaded: { addon: NativeAddon | null; reason: string } | undefined;

/** The addon, or null if it cannot be used. */
export function nativeAddon(): NativeAddon | null {
  loaded ??= load();
  return loaded.addon;
}

/** Says whether the addon is in use and why. */
export function nativeStatus(): NativeStatus {
  loaded ??= load();
  return { available: loaded.addon !== null, reason: loaded.reason };
}

function load(): { addon: NativeAddon | null; reason: string } {
  if (process.env.UNLOOP_NATIVE === '0') return { addon: null, reason: 'UNLOOP_NATIVE=0' };
  if (process.platform !== 'linux')
    return { addon: null, reason: `needs Linux, this is ${process.platform}` };
  return isOneFile ? loadEmbedded() : loadFromFolder();
}

/** The executable has the one addon that was built with it. */
function loadEmbedded(): { addon: NativeAddon | null; reason: string } {
  const { path, reason } = embeddedAddon();
  return { addon: path === null ? null : (openAddon(path) as NativeAddon), reason };
}

/**
 * What was compiled on this machine comes first, then what the package brings. Either works with
 * every release of Node.js that has this interface; `build` has the release in its name, since it
 * was compiled with that one's headers.
 */
function loadFromFolder(): { addon: NativeAddon | null; reason: string } {
  const root = findRootFolder();
  const remedy = `compile one here, which needs a C compiler: node ${join(root, 'src/io/native/build.mjs')}`;
  const paths = [
    join(root, 'build', `batch-socket-${process.versions.modules}-${process.arch}.node`),
    join(root, 'prebuilds', `linux-${process.arch}`, 'batch-socket.node'),
  ].filter((path) => existsSync(path));
  let reason = `there is none for Node.js ${process.version} on linux-${process.arch}; ${remedy}`;
  for (const path of paths) {
    try {
      const addon = createRequire(import.meta.url)(path) as NativeAddon;
      if (addon.abi === ABI) return { addon, reason: path };
      reason = `${path} is of another release; ${remedy}`;
    } catch (error) {
      // As of another architecture or an older C library.
      const [why] = (error as Error).message.split('\n', 1);
      reason = `${path} does not load: ${why}; ${remedy}`;
    }
  }
  return { addon: null, reason };
}
