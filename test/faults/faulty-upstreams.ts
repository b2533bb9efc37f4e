// The upstreams of one row of the fault matrix, and what they were asked.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTestCertificate, type TestCertificate } from '../kit/certificates.ts';
import { type ScriptedUpstream, startScriptedUpstream } from '../kit/scripted-upstream.ts';
import { isCounted } from './ask-through.ts';
import type { Fault, Transport } from './faults.ts';

/** The name in the certificate of every upstream that is asked over TLS or HTTPS. */
export const TLS_NAME = 'faults.test';

/**
 * The loopback interface has no link-local network: "network is unreachable", on every host and
 * without a packet.
 */
const NO_ROUTE = 'fe80::53%lo';

/** Where one upstream is asked. */
export interface FaultyUpstream {
  readonly transport: Transport;
  readonly address: string;
  /** Of the transport. */
  readonly port: number;
}

/** One for all upstreams of this process: a key takes long to make. */
let authority: Promise<{ readonly certificate: TestCertificate; readonly caPath: string }> | null = null;

async function makeAuthority() {
  const certificate = await createTestCertificate([TLS_NAME], ['127.0.0.1']);
  const directory = mkdtempSync(join(tmpdir(), 'unloop-faults-'));
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  const caPath = join(directory, 'ca.pem');
  writeFileSync(caPath, certificate.cert);
  return { certificate, caPath };
}

/** A file that vouches for the upstreams that are asked over TLS or HTTPS. */
export async function certificateFile(): Promise<string> {
  authority ??= makeAuthority();
  return (await authority).caPath;
}

export function addressAndPort(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** As unloop's configuration names it. */
export function upstreamText({ transport, address, port }: FaultyUpstream): string {
  const at = addressAndPort(address, port);
  if (transport === 'udp') return at;
  if (transport === 'tls') return `tls://${at}#${TLS_NAME}`;
  return `${transport}://${at}${transport === 'https' ? '/dns-query' : ''}`;
}

export interface MessageCounts {
  readonly total: number;
  /** About the question that took most. */
  readonly most: number;
  /** … to one server over one transport. */
  readonly mostByTransport: number;
}

export class FaultyUpstreams {
  /** One or two, and the one without a route. */
  readonly upstreams: readonly FaultyUpstream[];
  readonly #servers: readonly ScriptedUpstream[];

  private constructor(servers: readonly ScriptedUpstream[], { transport = 'udp', noRoute = false }: Fault) {
    this.#servers = servers;
    const portOf = ({ port, tlsPort, httpsPort }: ScriptedUpstream) =>
      transport === 'tls' ? tlsPort : transport === 'https' ? httpsPort : port;
    const upstreams = servers.map((server) => ({
      transport,
      address: server.address,
      port: portOf(server),
    }));
    this.upstreams = noRoute ? [{ transport, address: NO_ROUTE, port: 53 }, ...upstreams] : upstreams;
  }

  static async start(fault: Fault): Promise<FaultyUpstreams> {
    const { tcp = true, serial = false, transport = 'udp' } = fault;
    const isEncrypted = transport === 'tls' || transport === 'https';
    if (isEncrypted) authority ??= makeAuthority();
    const certificate = isEncrypted ? (await authority)?.certificate : undefined;
    const options = { tcp, serial, ...(certificate === undefined ? {} : { certificate }) };
    const servers = fault.upstreams.map((makeScript) => startScriptedUpstream(makeScript(), options));
    return new FaultyUpstreams(await Promise.all(servers), fault);
  }

  /** Messages that came about the questions below this name that count. */
  messagesBelow(suffix: string): MessageCounts {
    const perQuestion = new Map<string, number>();
    const perTransport = new Map<string, number>();
    let total = 0;
    for (const [server, { queries }] of this.#servers.entries()) {
      for (const { name, transport } of queries) {
        const folded = name.toLowerCase();
        if (!isCounted(folded, suffix)) continue;
        countOne(perQuestion, folded);
        countOne(perTransport, `${folded} ${transport} ${server}`);
        total++;
      }
    }
    return { total, most: mostOf(perQuestion), mostByTransport: mostOf(perTransport) };
  }

  async close(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.close()));
  }
}

function countOne(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function mostOf(counts: Map<string, number>): number {
  return Math.max(0, ...counts.values());
}
