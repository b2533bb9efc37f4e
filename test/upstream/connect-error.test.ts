import { describe, expect, it } from 'vitest';
import {
  describeConnectError,
  describeEarlyEnd,
  describeOpenError,
  describeStall,
  describeSystemCode,
} from '../../src/upstream/connect-error.ts';
import { createTcpConnector, createTlsConnector } from '../../src/upstream/stream-connector.ts';

const server = { host: '127.0.0.1', port: 853, serverName: 'dns.example' };
const TCP = createTcpConnector('127.0.0.1', 53);
const DOT = createTlsConnector({ ...server, protocols: ['dot'] });
const DOH = createTlsConnector({ ...server, protocols: ['h2', 'http/1.1'] });

function errorOf(code: string, more: object = {}): NodeJS.ErrnoException {
  return Object.assign(new Error('the message'), { code, ...more });
}

describe('an error before the connection is usable', () => {
  it.each([
    ['CERT_HAS_EXPIRED', /expired: renew it/],
    ['SELF_SIGNED_CERT_IN_CHAIN', /private CA.*NODE_EXTRA_CA_CERTS/],
    ['ERR_SSL_WRONG_VERSION_NUMBER', /does not speak TLS on this port: check the port, 853/],
    ['ERR_SSL_UNSUPPORTED_PROTOCOL', /only TLS 1\.1 or older/],
    ['ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL', /does not offer the protocol "dot" \(ALPN\)/],
    ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', /wants a certificate of its clients/],
    ['ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR', /alert "internal error"/],
    ['ECONNRESET', /during the TLS handshake \(ECONNRESET\)/],
    ['ECONNREFUSED', /^connection refused \(ECONNREFUSED\)/],
    ['ENETUNREACH', /no route to it/],
    ['EMFILE', /ulimit -n/],
  ])('%s names its cause', (code, text) => {
    expect(describeConnectError(errorOf(code), DOT)).toMatch(text);
  });

  it('speaks of no handshake where there is no TLS', () => {
    expect(describeConnectError(errorOf('ECONNRESET'), TCP)).toBe('it closed the connection (ECONNRESET)');
  });

  it('names every protocol of HTTPS', () => {
    const error = errorOf('ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL');
    expect(describeConnectError(error, DOH)).toContain('"h2" or "http/1.1" (ALPN): check the port, 443');
  });

  it('shows the names of a wrong certificate, cut to 120 characters', () => {
    const names = `DNS:${'a'.repeat(200)}`;
    const code = 'ERR_TLS_CERT_ALTNAME_INVALID';
    const text = (subjectaltname: string) =>
      describeConnectError(errorOf(code, { host: 'dns.example', cert: { subjectaltname } }), DOT);
    expect(text('DNS:other.example')).toContain('not for "dns.example" but for DNS:other.example:');
    expect(text(names)).toContain(`but for ${names.slice(0, 120)} …:`);
    expect(text(names)).not.toContain(names.slice(0, 121));
  });

  it('gives the code of an unknown error once', () => {
    expect(describeConnectError(errorOf('ENEW'), TCP)).toBe('ENEW: the message');
    const error = Object.assign(new Error('connect ENEW'), { code: 'ENEW' });
    expect(describeConnectError(error, TCP)).toBe('connect ENEW');
  });
});

it('reads the alert of an open connection, and trims any other message', () => {
  expect(describeOpenError(errorOf('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED'))).toMatch(/certificate/);
  expect(describeOpenError(new Error(' reset \n'))).toBe('reset');
});

it('has no words for an unknown system code', () => {
  expect(describeSystemCode('ENEW')).toBeNull();
});

it('tells how far a connection came before it stalled', () => {
  expect(describeStall(false, DOT, 2000)).toMatch(/^no TCP connection in 2000 ms/);
  expect(describeStall(true, DOT, 2000)).toMatch(/TLS handshake in 2000 ms: check the port, 853/);
  expect(describeStall(true, TCP, 2000)).toBe('no connection in 2000 ms');
});

it('tells when the server closed at once', () => {
  expect(describeEarlyEnd(DOT)).toMatch(/TLS handshake/);
  expect(describeEarlyEnd(TCP)).toBe('it closed the connection at once');
});
