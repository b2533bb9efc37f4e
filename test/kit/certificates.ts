// Certificates for tests of what goes wrong with them, made by the openssl command: a CA, and
// servers that it vouches for.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestCertificate } from './scripted-upstream.ts';

const CURVE = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

/** A CA of its own, in a directory that remove() deletes. */
export class TestAuthority {
  readonly #directory = mkdtempSync(join(tmpdir(), 'unloop-ca-'));
  /** The CA's certificate, for NODE_EXTRA_CA_CERTS. */
  readonly caPath = join(this.#directory, 'ca.pem');
  #count = 0;

  constructor() {
    this.#openssl(
      'req',
      '-x509',
      ...CURVE,
      '-days',
      '2',
      '-subj',
      '/CN=test CA',
      '-keyout',
      'ca.key',
      '-out',
      'ca.pem',
    );
  }

  /** A server's certificate; with `expired` it was valid until yesterday. */
  issue(names: readonly string[], options: { expired?: boolean } = {}): TestCertificate {
    const base = `server${this.#count++}`;
    const altNames = names.map((name) => (/^[\d.]+$/.test(name) ? `IP:${name}` : `DNS:${name}`)).join(',');
    writeFileSync(join(this.#directory, `${base}.ext`), `subjectAltName=${altNames}\n`);
    this.#openssl('req', ...CURVE, '-subj', '/CN=server', '-keyout', `${base}.key`, '-out', `${base}.csr`);
    const ca = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-set_serial', `${this.#count}`];
    const days = options.expired === true ? ['-days', '-1'] : ['-days', '2'];
    this.#openssl(
      'x509',
      '-req',
      '-in',
      `${base}.csr`,
      ...ca,
      ...days,
      '-extfile',
      `${base}.ext`,
      '-out',
      `${base}.pem`,
    );
    return { key: this.#read(`${base}.key`), cert: this.#read(`${base}.pem`) };
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true });
  }

  #read(file: string): string {
    return readFileSync(join(this.#directory, file), 'utf8');
  }

  #openssl(...args: string[]): void {
    execFileSync('openssl', args, { cwd: this.#directory, stdio: 'pipe' });
  }
}
