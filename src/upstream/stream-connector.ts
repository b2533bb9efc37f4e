// How a connection toward an upstream begins: TCP, or TLS that proves who answers (RFC 7858, RFC
// 8310). Used by stream-link.
import net from 'node:net';
import { nodeTls } from '../base/lazy-node.ts';

/** Begins connections to one server. */
export interface StreamConnector {
  /** A socket that has begun to connect. */
  connect(): net.Socket;
  /** The event of the socket that says it can be written to. */
  readonly openEvent: 'connect' | 'secureConnect';
  readonly encrypted: boolean;
  /** Offered by ALPN, the best first; none for TCP. */
  readonly protocols: readonly string[];
  /** What to check when the server speaks something else. */
  readonly portRemedy: string;
}

const REMEDIES: Readonly<Record<string, string>> = {
  dot: 'check the port, 853 for tls://, or use tcp://',
  h2: 'check the port, 443 for https://',
};

/** Plain TCP to an IP literal, zone kept. */
export function createTcpConnector(host: string, port: number): StreamConnector {
  return {
    openEvent: 'connect',
    encrypted: false,
    protocols: [],
    portRemedy: 'check the port',
    connect: () => net.connect({ host, port, noDelay: true }),
  };
}

export interface TlsConnectorOptions {
  /** IP literal. */
  readonly host: string;
  readonly port: number;
  /** The name that the certificate must carry; '': the address is verified. */
  readonly serverName: string;
  /** "dot", or "h2" and "http/1.1". */
  readonly protocols: readonly string[];
  /** Certificates (PEM) to trust in place of Node's. */
  readonly ca?: string;
}

/** TLS, verified, resuming its last session. */
export function createTlsConnector(options: TlsConnectorOptions): StreamConnector {
  const { host, port, serverName, protocols } = options;
  // A zone means something on this machine only, and stands in no certificate.
  const verifiedName = serverName === '' ? host.replace(/%.*$/, '') : serverName;
  const tls = nodeTls();
  const secureContext = tls.createSecureContext({
    minVersion: 'TLSv1.2',
    ...(options.ca === undefined ? {} : { ca: options.ca }),
  });
  let session: Buffer | undefined;
  return {
    openEvent: 'secureConnect',
    encrypted: true,
    protocols,
    portRemedy: REMEDIES[protocols[0]!] ?? 'check the port',
    connect() {
      const socket = tls.connect({
        host,
        port,
        secureContext,
        ALPNProtocols: [...protocols],
        // No address in SNI (RFC 6066 §3).
        servername: net.isIP(verifiedName) === 0 ? verifiedName : '',
        checkServerIdentity: (_host, certificate) => tls.checkServerIdentity(verifiedName, certificate),
        ...(session === undefined ? {} : { session }),
      });
      socket.setNoDelay(true);
      socket.on('session', (newest) => {
        session = newest;
      });
      // A session that the server did not like must not be offered forever.
      socket.on('error', () => {
        session = undefined;
      });
      return socket;
    },
  };
}
