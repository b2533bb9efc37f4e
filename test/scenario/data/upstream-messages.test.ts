// The messages of the log and of GET /upstreams about an encrypted upstream that cannot be used:
// cause and remedy. The built program.
import net from 'node:net';
import tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { httpAnswer } from '../../kit/actions.ts';
import { answer } from '../../kit/answers.ts';
import { createTestCertificate, TestAuthority } from '../../kit/certificates.ts';
import { askUdp } from '../../kit/dns-client.ts';
import { startScriptedUpstream } from '../../kit/scripted-upstream.ts';
import { startUnloop } from '../../kit/unloop-process.ts';
import { scenarioConfig } from './forwarder.ts';

let authority: TestAuthority;

beforeAll(() => {
  authority = new TestAuthority();
});

afterAll(() => authority.remove());

/** Listens on loopback until the test ends; its port. */
async function listen(server: net.Server): Promise<number> {
  const sockets = new Set<net.Socket>();
  server.on('connection', (socket: net.Socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as net.AddressInfo).port;
}

async function secureServer(options: tls.TlsOptions): Promise<number> {
  const server = tls.createServer(options, (socket) => socket.on('error', () => {}));
  server.on('tlsClientError', () => {});
  return listen(server);
}

async function scripted(status: number, contentType: string): Promise<number> {
  const certificate = authority.issue(['127.0.0.1']);
  const upstream = await startScriptedUpstream(() => httpAnswer(status, contentType), { certificate });
  onTestFinished(() => upstream.close());
  return upstream.httpsPort;
}

const GOOD = { ALPNProtocols: ['dot'] };

/** What is wrong, the upstream that has it, and what must be said. */
const CASES: readonly { what: string; start: () => Promise<string>; says: string }[] = [
  {
    what: 'an expired certificate',
    start: async () =>
      `tls://127.0.0.1:${await secureServer({ ...GOOD, ...authority.issue(['127.0.0.1'], { expired: true }) })}`,
    says: 'its certificate has expired: renew it on the server, or set the clock of this machine',
  },
  {
    what: 'a self-signed certificate',
    start: async () =>
      `tls://127.0.0.1:${await secureServer({ ...GOOD, ...(await createTestCertificate(['dns.test'], ['127.0.0.1'])) })}`,
    says: 'its certificate is self-signed: trust it with NODE_EXTRA_CA_CERTS=FILE, or use one from a known CA',
  },
  {
    what: 'an unknown CA',
    start: async () => {
      const other = new TestAuthority();
      onTestFinished(() => other.remove());
      return `tls://127.0.0.1:${await secureServer({ ...GOOD, ...other.issue(['127.0.0.1']) })}`;
    },
    says: 'name the CA’s file in NODE_EXTRA_CA_CERTS',
  },
  {
    what: 'a wrong name',
    start: async () =>
      `tls://127.0.0.1:${await secureServer({ ...GOOD, ...authority.issue(['other.test']) })}#dns.test`,
    says: 'its certificate is not for "dns.test" but for DNS:other.test: give the right name',
  },
  {
    what: 'plain text',
    start: async () => {
      const server = net.createServer((socket) => {
        socket.on('error', () => {});
        socket.once('data', () => socket.write('220 mail.test ESMTP\r\n'));
      });
      return `tls://127.0.0.1:${await listen(server)}`;
    },
    says: 'it does not speak TLS on this port: check the port, 853 for tls://, or use tcp://',
  },
  {
    what: 'TLS 1.1 only',
    start: async () =>
      `tls://127.0.0.1:${await secureServer({
        ...authority.issue(['127.0.0.1']),
        minVersion: 'TLSv1.1',
        maxVersion: 'TLSv1.1',
        ciphers: 'DEFAULT@SECLEVEL=0',
      })}`,
    says: 'it speaks only TLS 1.1 or older: it needs TLS 1.2 or 1.3',
  },
  {
    what: 'no common ALPN',
    start: async () =>
      `https://127.0.0.1:${await secureServer({ ...authority.issue(['127.0.0.1']), ALPNProtocols: ['imap'] })}/dns-query`,
    says: 'it does not offer the protocol "h2" or "http/1.1" (ALPN): check the port, 443 for https://',
  },
  {
    what: 'a stalled handshake',
    start: async () =>
      `tls://127.0.0.1:${await listen(net.createServer((socket) => socket.on('error', () => {})))}`,
    says: 'it accepts TCP but does not finish the TLS handshake in 2000 ms: check the port',
  },
  {
    what: 'nobody there',
    start: async () => {
      const server = net.createServer();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port } = server.address() as net.AddressInfo;
      await new Promise((resolve) => server.close(resolve));
      return `tls://127.0.0.1:${port}`;
    },
    says: 'connection refused (ECONNREFUSED): nobody listens there; check address and port',
  },
  {
    what: 'a wish for a certificate of ours',
    start: async () =>
      `tls://127.0.0.1:${await secureServer({ ...GOOD, ...authority.issue(['127.0.0.1']), requestCert: true, minVersion: 'TLSv1.3', ca: [] })}`,
    says: 'it wants a certificate of its clients, which unloop does not have',
  },
  {
    what: 'HTTP status 301',
    start: async () => `https://127.0.0.1:${await scripted(301, 'text/html')}/dns-query`,
    says: 'HTTP status 301: it sends us to another URL',
  },
  {
    what: 'HTTP status 404',
    start: async () => `https://127.0.0.1:${await scripted(404, 'text/plain')}/dns-query`,
    says: 'HTTP status 404: check the path of the URL, often /dns-query',
  },
  {
    what: 'HTTP status 503',
    start: async () => `https://127.0.0.1:${await scripted(503, 'text/plain')}/dns-query`,
    says: 'HTTP status 503: the server fails',
  },
  {
    what: 'a page instead of DNS',
    start: async () => `https://127.0.0.1:${await scripted(200, 'text/html')}/dns-query`,
    says: 'content type "text/html", not application/dns-message: check the path of the URL',
  },
];

describe('an encrypted upstream with', () => {
  it.each(CASES)('$what says so, with the remedy', async ({ start, says }) => {
    const upstream = await start();
    const unloop = await startUnloop({
      config: scenarioConfig([upstream]),
      env: { NODE_EXTRA_CA_CERTS: authority.caPath },
    });
    expect(await askUdp(unloop.port, { name: 'www.example' })).toMatchObject({ rcode: 2 });
    const line = await unloop.waitForLog((entry) => entry.level === 'warn' && entry.msg.includes(says));
    expect(line.msg).toContain(`upstream ${upstream}`);
    const { upstreams } = await unloop.adminJson<{ upstreams: { lastError: string }[] }>('/upstreams');
    expect(upstreams[0]!.lastError).toContain(says);
  });

  it('nothing wrong says nothing', async () => {
    const server = await startScriptedUpstream((query) => answer(query), {
      certificate: authority.issue(['127.0.0.1']),
    });
    onTestFinished(() => server.close());
    const unloop = await startUnloop({
      config: scenarioConfig([`tls://127.0.0.1:${server.tlsPort}`]),
      env: { NODE_EXTRA_CA_CERTS: authority.caPath },
    });
    expect(await askUdp(unloop.port, { name: 'www.example' })).toMatchObject({ rcode: 0 });
    const { upstreams } = await unloop.adminJson<{ upstreams: { lastError: string }[] }>('/upstreams');
    expect(upstreams[0]!.lastError).toBe('');
  });
});
