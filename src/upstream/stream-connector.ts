// How a connection toward an upstream begins: TCP, or TLS that proves who answers (RFC 7858, RFC 8310). Used by stream-exchange
// and, for its TLS, by doh-exchange.
import net from 'node:net';
import tls from 'node:tls';

/** Begins connections to one server. */
export interface StreamConnector {
  /** A socket that has begun to connect. */
  connect(): net.Socket;
  /** The event of the socket that says it can be written to. */
  readonly openEvent: 'connect' | 'secureConnect';
  readonly encrypted: boolean;
}

/** Plain TCP to an IP literal, zone kept. */
export function createTcpConnector(address: string, port: number): StreamConnector {
  return {
    openEvent: 'connect',
    encrypted: false,
    connect: () => net.connect({ host: address, port, noDelay: true }),
  };
}

export interface TlsConnectorOptions {
  /** IP literal. */
  readonly address: string;
  readonly port: number;
  /** The name that the certificate must carry; '': the address. */
  readonly serverName: string;
  /** "dot" or "h2". */
  readonly alpn: string;
  /** Certificates (PEM) to trust in place of Node's. */
  readonly ca?: string;
}

/** TLS, verified, resuming its last session. */
export function createTlsConnector(options: TlsConnectorOptions): StreamConnector {
  const { address, port, serverName } = options;
  // A zone means something on this machine only, and stands in no certificate.
  const verifiedName = serverName === '' ? address.replace(/%.*$/, '') : serverName;
  const secureContext = tls.createSecureContext({
    minVersion: 'TLSv1.2',
    ...(options.ca === undefined ? {} : { ca: options.ca }),
  });
  let session: Buffer | undefined;
  return {
    openEvent: 'secureConnect',
    encrypted: true,
    connect() {
      const socket = tls.connect({
        host: address,
        port,
        secureContext,
        ALPNProtocols: [options.alpn],
        // No address in SNI (RFC 6066 §3).
        servername: net.isIP(verifiedName) === 0 ? verifiedName : '',
        checkServerIdentity: (_host, certificate) => tls.checkServerIdentity(verifiedName, certificate),
        ...(session === undefined ? {} : { session }),
      });
      socket.setNoDelay(true);
      socket.on('session', (newest) => {
        session = newest;
      });
      // A session that the server did not like must not be offered for ever.
      socket.on('error', () => {
        session = undefined;
      });
      return socket;
    },
  };
}
