// The server under load: from text to an address, and whether it may be loaded at all. A load tool
// pointed at somebody else's server is a weapon, so public addresses are refused unless the user
// insists.
import { lookup } from 'node:dns/promises';
import { UnloopError } from '../base/errors.ts';
import { isMulticastOrBroadcast, isUnspecified, parseIp } from '../base/ip-address.ts';
import { parseHostAndPort } from '../config/host-and-port.ts';
import { InvalidValue } from '../config/invalid-value.ts';
import { isPublicAddress } from '../upstream/public-address.ts';

export type Proto = 'udp' | 'tcp' | 'tls';

/** Where queries go. */
export interface Target {
  readonly proto: Proto;
  /** An IP literal. */
  readonly address: string;
  readonly port: number;
  /** TLS: the name to verify; the address where none was given. */
  readonly serverName: string;
  /** TLS: do not verify. */
  readonly insecure: boolean;
  /** TLS: certificates to trust instead of the system's, PEM; null: the system's. */
  readonly ca: string | null;
}

/** What the command line says of the target. */
export interface TargetText {
  /** [udp://|tcp://|tls://]HOST[:PORT][#server-name] */
  readonly text: string;
  /** --proto; null: what the text says, else udp. */
  readonly proto: Proto | null;
  readonly insecure: boolean;
  readonly ca: string | null;
  readonly allowPublic: boolean;
}

const DEFAULT_PORT: Readonly<Record<Proto, number>> = { udp: 53, tcp: 53, tls: 853 };

/** Resolves a target. Throws UnloopError UNLOOP_USAGE if it is invalid, or must not be loaded. */
export async function resolveTarget(given: TargetText): Promise<Target> {
  const match = /^(?:(udp|tcp|tls):\/\/)?([^#]+)(?:#(.+))?$/i.exec(given.text);
  if (match === null) throw badTarget(`"${given.text}" is not a target`);
  const scheme = match[1]?.toLowerCase() as Proto | undefined;
  if (scheme !== undefined && given.proto !== null && scheme !== given.proto)
    throw badTarget(`--proto ${given.proto} and ${scheme}:// contradict each other`);
  const proto = given.proto ?? scheme ?? 'udp';
  const { host, port } = parseHost(match[2]!);
  const address = parseIp(host) === null ? await lookUp(host) : host;
  refuse(address, given.allowPublic);
  return {
    proto,
    address,
    port: port ?? DEFAULT_PORT[proto],
    serverName: match[3] ?? host,
    insecure: given.insecure,
    ca: given.ca,
  };
}

/** "udp://127.0.0.1:5300" */
export function formatTarget(target: Target): string {
  const host = target.address.includes(':') ? `[${target.address}]` : target.address;
  return `${target.proto}://${host}:${target.port}`;
}

function parseHost(text: string): { host: string; port: number | null } {
  try {
    const parsed = parseHostAndPort(text);
    if (parsed.port === 0) throw new InvalidValue('the port must be a number from 1 to 65535');
    return parsed;
  } catch (error) {
    if (error instanceof InvalidValue) throw badTarget(error.message);
    throw error;
  }
}

async function lookUp(host: string): Promise<string> {
  try {
    return (await lookup(host)).address;
  } catch (error) {
    throw badTarget(`cannot resolve ${host}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function refuse(address: string, allowPublic: boolean): void {
  const ip = parseIp(address)!;
  if (isMulticastOrBroadcast(ip)) throw badTarget(`${address} is a multicast or broadcast address`);
  if (isUnspecified(ip)) throw badTarget(`${address} is not a server's address`);
  if (allowPublic || !isPublicAddress(address)) return;
  throw new UnloopError(
    'UNLOOP_USAGE',
    `${address} is a public address; loading it may harm somebody else's service`,
    'Choose a server on loopback or a private network, or say --allow-public if this one is yours.',
  );
}

function badTarget(problem: string): UnloopError {
  return new UnloopError('UNLOOP_USAGE', problem, 'Write --target [tcp://|tls://]ADDR[:PORT][#server-name].');
}
