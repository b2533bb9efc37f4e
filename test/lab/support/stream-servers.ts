// Real servers that take queries over TLS and HTTPS and forward them: dnsdist and CoreDNS, with a
// certificate of their own. All stand on loopback.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { COREDNS_BINARY, ensureCoredns } from '../../../bench/compare/build-coredns.ts';
import { today } from '../../../bench/compare/today.ts';
import { createTestCertificate } from '../../kit/certificates.ts';
import { freePort } from '../../kit/free-port.ts';
import { scratchDirectory } from '../../kit/scratch-directory.ts';
import { type RealServer, runServer } from './real-server.ts';

export interface StreamServer extends RealServer {
  /** As configuration names them; '' where it has none. */
  readonly tls: string;
  readonly https: string;
}

export class StreamServers {
  /** Who signs their certificate. */
  readonly caPath: string;
  readonly #folder: string;
  readonly #keyPath: string;
  readonly #backendPort: number;

  private constructor(folder: string, backendPort: number) {
    this.#folder = folder;
    this.caPath = join(folder, 'cert.pem');
    this.#keyPath = join(folder, 'key.pem');
    this.#backendPort = backendPort;
  }

  /** They forward to this port of loopback. */
  static async before(backendPort: number): Promise<StreamServers> {
    const servers = new StreamServers(scratchDirectory(), backendPort);
    const certificate = await createTestCertificate([], ['127.0.0.1']);
    writeFileSync(servers.caPath, certificate.cert);
    writeFileSync(servers.#keyPath, certificate.key);
    return servers;
  }

  /** With TLS and HTTPS; `more`: further lines of its configuration. */
  async startDnsdist(more = ''): Promise<StreamServer> {
    const [port, tls, https] = [await freePort(), await freePort(), await freePort()];
    const files = `"${this.caPath}", "${this.#keyPath}"`;
    const config = join(this.#folder, 'dnsdist.conf');
    writeFileSync(
      config,
      `setLocal("127.0.0.1:${port}")
setSecurityPollSuffix("")
addTLSLocal("127.0.0.1:${tls}", ${files})
addDOHLocal("127.0.0.1:${https}", ${files}, "/dns-query")
newServer({address="127.0.0.1:${this.#backendPort}", healthCheckMode="up"})
${more}
`,
    );
    const args = ['--supervised', '--disable-syslog', '-C', config];
    const { command } = today('dnsdist');
    const server = await runServer({ name: 'dnsdist', command, args, address: '127.0.0.1', port });
    return { ...server, tls: `tls://127.0.0.1:${tls}`, https: `https://127.0.0.1:${https}/dns-query` };
  }

  /** With HTTPS. */
  async startCoredns(): Promise<StreamServer> {
    ensureCoredns();
    const [port, https] = [await freePort(), await freePort()];
    const file = join(this.#folder, 'Corefile');
    const forward = `forward . 127.0.0.1:${this.#backendPort}`;
    const tls = `tls ${this.caPath} ${this.#keyPath}`;
    writeFileSync(
      file,
      `https://.:${https} {\n  bind 127.0.0.1\n  ${tls}\n  ${forward}\n}\n.:${port} {\n  bind 127.0.0.1\n  ${forward}\n}\n`,
    );
    const server = await runServer({
      name: 'coredns',
      command: COREDNS_BINARY,
      args: ['-conf', file],
      address: '127.0.0.1',
      port,
    });
    return { ...server, tls: '', https: `https://127.0.0.1:${https}/dns-query` };
  }
}
