// Why a connection toward an upstream could not be made, or broke, in words: the cause, then what
// cures it. Used by stream-link, the HTTP clients and health checks; shown in the log, by
// /upstreams and by health checks. Listed in docs/errors.md.
import type { PeerCertificate } from 'node:tls';
import type { StreamConnector } from './stream-connector.ts';

/** Characters of a certificate's names that are shown. */
const MAX_NAMES_TEXT = 120;

const CERTIFICATE_TEXTS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'its certificate has expired: renew it on the server, or set the clock of this machine',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet: set the clock of this machine, or the server’s',
  DEPTH_ZERO_SELF_SIGNED_CERT:
    'its certificate is self-signed: trust it with NODE_EXTRA_CA_CERTS=FILE, or use one from a known CA',
  SELF_SIGNED_CERT_IN_CHAIN:
    'its certificate comes from a private CA that is not trusted here: name the CA’s file in NODE_EXTRA_CA_CERTS',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    'its certificate comes from an unknown CA: name the CA’s file in NODE_EXTRA_CA_CERTS',
  UNABLE_TO_GET_ISSUER_CERT:
    'its certificate comes from an unknown CA: name the CA’s file in NODE_EXTRA_CA_CERTS',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    'its certificate comes from an unknown CA, or the server does not send the whole chain: name the CA’s file in NODE_EXTRA_CA_CERTS',
  CERT_REVOKED: 'its certificate is revoked: replace it on the server',
};

/**
 * What TLS libraries say of a peer that talks something else, of old versions, and of protocols
 * (ALPN).
 */
const NO_TLS =
  /WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST|UNKNOWN_PROTOCOL|UNEXPECTED_MESSAGE|BAD_RECORD_TYPE|RECORD_LAYER_FAILURE/;
const OLD_TLS = /UNSUPPORTED_PROTOCOL|ALERT_PROTOCOL_VERSION|VERSION_TOO_LOW/;
const NO_ALPN = /ALERT_NO_APPLICATION_PROTOCOL/;
const ALERT = /ALERT_([A-Z_]+)/;

/** An error of a socket that never became usable. */
export function describeConnectError(error: NodeJS.ErrnoException, connector: StreamConnector): string {
  const code = error.code ?? '';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return describeWrongName(error);
  const certificate = CERTIFICATE_TEXTS[code];
  if (certificate !== undefined) return certificate;
  if (NO_TLS.test(code)) return `it does not speak TLS on this port: ${connector.portRemedy}`;
  if (OLD_TLS.test(code)) return 'it speaks only TLS 1.1 or older: it needs TLS 1.2 or 1.3';
  if (NO_ALPN.test(code)) {
    return `it does not offer the protocol ${connector.protocols.map((name) => `"${name}"`).join(' or ')} (ALPN): ${connector.portRemedy}`;
  }
  const alert = ALERT.exec(code)?.[1];
  if (alert !== undefined) return describeAlert(alert);
  if (code === 'ECONNRESET' || code === 'EPIPE') {
    return connector.encrypted
      ? `it closed the connection during the TLS handshake (${code}): ${connector.portRemedy}`
      : `it closed the connection (${code})`;
  }
  const system = describeSystemCode(code);
  if (system !== null) return system;
  return code === '' || error.message.includes(code) ? error.message : `${code}: ${error.message}`;
}

/** An error of a socket that was usable: with TLS 1.3 the server judges us only then. */
export function describeOpenError(error: NodeJS.ErrnoException): string {
  const alert = ALERT.exec(error.code ?? '')?.[1];
  return alert === undefined ? error.message.trim() : describeAlert(alert);
}

function describeAlert(name: string): string {
  if (name === 'CERTIFICATE_REQUIRED')
    return 'it wants a certificate of its clients, which unloop does not have: let it serve us without';
  return `it ended TLS with the alert "${name.toLowerCase().replaceAll('_', ' ')}": see its log`;
}

/** What the system says of any socket, of datagrams too; null for codes that have no words here. */
export function describeSystemCode(code: string): string | null {
  switch (code) {
    case 'ECONNREFUSED':
      return 'connection refused (ECONNREFUSED): nobody listens there; check address and port';
    case 'EHOSTUNREACH':
      return 'host unreachable (EHOSTUNREACH): it is away, or a router on the way does not reach it';
    case 'ENETUNREACH':
    case 'EADDRNOTAVAIL':
    case 'EAFNOSUPPORT':
      return `network unreachable (${code}): this machine has no route to it`;
    case 'EACCES':
    case 'EPERM':
      return `not permitted (${code}): the firewall of this machine rejects it, or it is a broadcast address`;
    case 'EMFILE':
    case 'ENFILE':
      return `no more sockets can be opened here (${code}): raise ulimit -n`;
    default:
      return null;
  }
}

/** Nothing came in time. */
export function describeStall(transportReached: boolean, connector: StreamConnector, ms: number): string {
  if (!transportReached)
    return `no TCP connection in ${ms} ms: a firewall may drop it, or the server is away`;
  return connector.encrypted
    ? `it accepts TCP but does not finish the TLS handshake in ${ms} ms: ${connector.portRemedy}`
    : `no connection in ${ms} ms`;
}

/** Closed without an error before it could be used. */
export function describeEarlyEnd(connector: StreamConnector): string {
  return connector.encrypted
    ? `it closed the connection during the TLS handshake: ${connector.portRemedy}`
    : 'it closed the connection at once';
}

function describeWrongName(error: NodeJS.ErrnoException): string {
  const { host = '', cert } = error as { host?: string; cert?: PeerCertificate };
  const names = cert?.subjectaltname ?? cert?.subject?.CN ?? '';
  const shown = names.length > MAX_NAMES_TEXT ? `${names.slice(0, MAX_NAMES_TEXT)} …` : names;
  return `its certificate is not for "${host}"${shown === '' ? '' : ` but for ${shown}`}: give the right name, as in tls://ADDRESS#NAME or https://NAME/dns-query`;
}
