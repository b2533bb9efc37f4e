// A UDP socket and a TCP listener on one port, as a DNS server has them. Opened by the reflector
// and the responder.
import type { DatagramHandler, DatagramSocket } from '../io/datagram-socket.ts';
import { openDatagramSocket } from '../io/open-socket.ts';

/** Ports of the kernel's choice that are tried: one that is free for UDP may be taken for TCP. */
const TRIES = 20;

/** Port 0: any that is free for both. Rejects with the system's error. */
export async function openSamePort<T>(
  address: string,
  port: number,
  handler: DatagramHandler,
  listen: (port: number) => Promise<T>,
): Promise<[DatagramSocket, T]> {
  for (let tried = 1; ; tried++) {
    const socket = await openDatagramSocket({ address, port }, handler);
    try {
      return [socket, await listen(socket.localPort)];
    } catch (error) {
      await socket.close();
      if (port !== 0 || tried === TRIES) throw error;
    }
  }
}
