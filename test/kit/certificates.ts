// Certificates for tests: one that signs itself (no openssl needed), and a CA made by the openssl
// command for tests of what goes wrong with certificates.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generate } from 'selfsigned';

const CURVE = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

export interface TestCertificate {
  readonly key: string;
  readonly cert: string;
}

/**
 * A certificate that vouches for these names and addresses, signed by itself: pass `cert` as `ca`
 * to whoever shall trust it.
 */
export async function createTestCertificate(
  names: readonly string[],
  addresses: readonly string[] = [],
): Promise<TestCertificate> {
  const pems = await generate([{ name: 'commonName', value: names[0] ?? 'test' }], {
    keySize: 2048,
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true },
      {
        name: 'subjectAltName',
        altNames: [
          ...names.map((value) => ({ type: 2 as const, value })),
          ...addresses.map((ip) => ({ type: 7 as const, ip })),
        ],
      },
    ],
  });
  return { key: pems.private, cert: pems.cert };
}

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
