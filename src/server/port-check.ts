// Whether a listen address is free. Workers share their ports (SO_REUSEPORT), so a second unloop started by mistake would
// silently take half of the first one's queries: the address is first bound without sharing. Main thread, at start.
import { listenTcp } from '../io/listen-tcp.ts';
import { openDatagramSocket } from '../io/open-socket.ts';
import { listenError } from './listen-error.ts';
import type { BoundAddress } from './worker-channel.ts';

/** Rejects with the system's error (EADDRINUSE …) when somebody holds the address, UDP or TCP. */
export async function assertFree(address: BoundAddress): Promise<void> {
  const ignore = { onBatch() {}, onError() {} };
  const socket = await openDatagramSocket({ address: address.host, port: address.port }, ignore);
  try {
    const server = await listenTcp(
      { address: address.host, port: address.port, reusePort: false },
      (client) => client.destroy(),
    );
    await new Promise<void>((resolve) => server.close(() => resolve()));
  } finally {
    await socket.close();
  }
}

/** Rejects with UNLOOP_LISTEN_FAILED when the address cannot be had. */
export async function refuseTaken(address: BoundAddress): Promise<void> {
  if (address.port === 0) return;
  try {
    await assertFree(address);
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    throw listenError(code, message, error);
  }
}

/** The same for one who holds some addresses already: an address that shares a port with those cannot be tried. */
export async function refuseTakenByOthers(
  wanted: readonly BoundAddress[],
  held: readonly BoundAddress[],
): Promise<void> {
  for (const address of wanted) {
    if (!held.some((own) => overlaps(own, address))) await refuseTaken(address);
  }
}

function overlaps(own: BoundAddress, other: BoundAddress): boolean {
  const isWildcard = ({ host }: BoundAddress) => host === '0.0.0.0' || host === '::';
  return own.port === other.port && (own.host === other.host || isWildcard(own) || isWildcard(other));
}
