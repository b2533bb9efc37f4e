// Opens a UDP socket: the batched one if the addon is available, else node:dgram's. Called by
// listeners and upstreams.
import { openBatchSocket } from './batch-socket.ts';
import type { DatagramHandler, DatagramSocket, DatagramSocketOptions } from './datagram-socket.ts';
import { nativeStatus } from './native-addon.ts';
import { nodeSupportsReusePort, openNodeSocket } from './node-socket.ts';

export { type NativeStatus, nativeStatus } from './native-addon.ts';

/**
 * Opens a socket; its handler may be called as soon as the promise resolves. Rejects with an Error
 * with the system's code: EADDRINUSE, EACCES, EADDRNOTAVAIL, EINVAL (not an IP literal), ENOTSUP
 * (reusePort is not available).
 */
export async function openDatagramSocket(
  options: DatagramSocketOptions,
  handler: DatagramHandler,
): Promise<DatagramSocket> {
  return nativeStatus().available ? openBatchSocket(options, handler) : openNodeSocket(options, handler);
}

/** Whether several threads may bind the same UDP port here. Without it, one worker serves. */
export function supportsReusePort(): boolean {
  return nativeStatus().available || nodeSupportsReusePort();
}
