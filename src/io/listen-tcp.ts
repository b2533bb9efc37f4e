// Opens a TCP listener, one per worker on the same port if SO_REUSEPORT is available (from the
// addon, or from Node ≥ 23.1), so that the kernel spreads connections as it spreads datagrams.
// Called by server/listen/tcp-listener.
import { createServer, isIPv6, type ListenOptions, type Server, type Socket } from 'node:net';
import { getSystemErrorName } from 'node:util';
import { nativeAddon, sharingOf } from './native-addon.ts';
import { nodeSupportsReusePort } from './node-socket.ts';
import { socketError } from './socket-error.ts';

/** Connections that may wait to be accepted; the kernel may cap it (net.core.somaxconn). */
const DEFAULT_BACKLOG = 1024;

export interface TcpListenOptions {
  /** IPv4 or IPv6 literal to bind. An IPv6 wildcard does not take IPv4 connections. */
  address: string;
  /** 0: the kernel chooses one. */
  port: number;
  /**
   * Several threads listen on the same port. If that is not available, the port is simply bound.
   * Default false.
   */
  reusePort?: boolean;
  /**
   * With reusePort: refused (EADDRINUSE) while any other socket has the address; shared once it is
   * ours. Default false.
   */
  claim?: boolean;
  backlog?: number;
  /**
   * A listening socket inherited from a supervisor (LISTEN_FDS). With the addon, each listener gets
   * a descriptor of its own.
   */
  fd?: number;
}

/**
 * Listens; rejects with an Error with the system's code (EADDRINUSE, EACCES, EADDRNOTAVAIL …).
 * Connections stay half open when the client has sent all it wants (RFC 7766 §6.2.4 asks for its
 * answers), and do not wait for more to send. Later errors (accept) are the server's 'error'
 * events: the caller listens.
 */
export async function listenTcp(
  options: TcpListenOptions,
  onConnection: (connection: Socket) => void,
): Promise<Server> {
  const { backlog = DEFAULT_BACKLOG } = options;
  if (options.claim && options.reusePort && nativeAddon() === null && nodeSupportsReusePort()) {
    // Node cannot share an address that it has bound already: the bind is tried first, a moment
    // before the real one.
    const trial = await listenTcp({ address: options.address, port: options.port }, (connection) =>
      connection.destroy(),
    );
    await new Promise<void>((resolve) => trial.close(() => resolve()));
  }
  return new Promise((resolve, reject) => {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, onConnection);
    server.once('error', reject);
    const listening = () => {
      server.off('error', reject);
      resolve(server);
    };
    const descriptor = openDescriptor(options, backlog);
    if (descriptor !== undefined) {
      server.listen({ fd: descriptor, backlog, exclusive: true }, listening);
      return;
    }
    const listenOptions: ListenOptions & { reusePort?: boolean } = {
      host: options.address,
      port: options.port,
      backlog,
      ipv6Only: isIPv6(options.address),
      exclusive: true,
      ...(options.reusePort && nodeSupportsReusePort() ? { reusePort: true } : {}),
    };
    server.listen(listenOptions, listening);
  });
}

/** The descriptor to listen on, where it is not Node that opens it. Throws as listenTcp rejects. */
function openDescriptor(options: TcpListenOptions, backlog: number): number | undefined {
  const addon = nativeAddon();
  if (addon === null) return options.fd;
  // Not only for SO_REUSEPORT: the addon takes the right to bind low ports when it is needed, and
  // gives it back.
  const descriptor =
    options.fd === undefined
      ? addon.listenTcp(options.address, options.port, backlog, sharingOf(options))
      : addon.adoptTcp(options.fd);
  if (descriptor < 0)
    throw socketError(getSystemErrorName(descriptor), 'listen', options.address, options.port);
  return descriptor;
}
