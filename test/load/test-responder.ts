// A DNS server on loopback for the load tool's tests: answers, drops, delays or refuses as the test
// says, query by query.
import type { Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import type { TestCertificate } from '../kit/certificates.ts';
import { DnsServer, type DnsServerOptions, type Reply } from '../kit/dns-server.ts';

/**
 * What to do with the query of this index: an RCODE and a delay, or something to wait for, or null
 * to drop it. `times` answers, default 1.
 */
export type Behavior = (
  index: number,
  query: Buffer,
) => { rcode?: number; delayMs?: number; after?: Promise<void>; times?: number } | null;

export interface TestResponder {
  readonly port: number;
  /** Every query so far. */
  readonly queries: Buffer[];
  /** The port that each of them came from. */
  readonly ports: number[];
}

const answerNow: Behavior = () => ({});

/** The query back, as its own answer. */
function answerTo(query: Buffer, rcode: number): Buffer {
  const bytes = Buffer.from(query);
  bytes[2] = 0x81;
  bytes[3] = 0x80 | rcode;
  return bytes;
}

/** Over UDP; closes at the end of the test. */
export async function startUdpResponder(behavior: Behavior = answerNow): Promise<TestResponder> {
  const { server, ...received } = await open(behavior, { tcp: false });
  return { port: server.port, ...received };
}

/** Over TCP, or TLS with a certificate. `onConnection` may break connections. */
export async function startStreamResponder(
  behavior: Behavior = answerNow,
  certificate?: TestCertificate,
  onConnection: (socket: Socket, index: number) => void = () => {},
): Promise<TestResponder> {
  const options = { udp: false, onConnection };
  if (certificate === undefined) {
    const { server, ...received } = await open(behavior, options);
    return { port: server.port, ...received };
  }
  const { server, ...received } = await open(behavior, { ...options, tcp: false, certificate });
  return { port: server.tlsPort, ...received };
}

async function open(behavior: Behavior, options: DnsServerOptions) {
  const queries: Buffer[] = [];
  const ports: number[] = [];
  const onQuery = (query: Buffer, reply: Reply) => {
    ports.push(reply.remotePort);
    const what = behavior(queries.push(query) - 1, query);
    if (what === null) return;
    const answer = () => {
      for (let i = 0; i < (what.times ?? 1); i++) reply.send(answerTo(query, what.rcode ?? 0));
    };
    if (what.after !== undefined) void what.after.then(answer);
    else if (what.delayMs === undefined) answer();
    else setTimeout(answer, what.delayMs);
  };
  const server = await DnsServer.open(onQuery, options);
  onTestFinished(() => server.close());
  return { server, queries, ports };
}
