// Which addresses lead back to this machine, and which of them to this very process. Called by
// discover and the doctor.
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { canonicalAddress } from '../base/ip-address.ts';
import type { ListenAddress } from '../config/config.ts';

/**
 * An address of one of this machine's interfaces (of this network namespace, where our sockets
 * are).
 */
export interface InterfaceAddress {
  readonly name: string;
  readonly address: string;
  /** Interface index, known for link-local IPv6 only; else 0. */
  readonly index: number;
}

/** The addresses of this machine, as the kernel tells them now. */
export function readInterfaceAddresses(): InterfaceAddress[] {
  const found: InterfaceAddress[] = [];
  for (const [name, addresses] of Object.entries(networkInterfaces())) {
    for (const address of addresses ?? []) {
      found.push({
        name,
        address: address.address,
        index: 'scopeid' in address ? (address.scopeid ?? 0) : 0,
      });
    }
  }
  return found;
}

/** 127.0.0.0/8, ::1, and 127.0.0.0/8 written as IPv6. */
export function isLoopback(address: string): boolean {
  const canonical = canonicalAddress(address);
  return canonical === '::1' || (isIP(canonical) === 4 && canonical.startsWith('127.'));
}

/** 0.0.0.0 and ::, which the kernel takes for loopback when something is sent to them. */
export function isUnspecified(address: string): boolean {
  const canonical = canonicalAddress(address);
  return canonical === '0.0.0.0' || canonical === '::';
}

/** True when a query to address:port would arrive at one of our own listeners. */
export function isOwnAddress(
  address: string,
  port: number,
  listen: readonly ListenAddress[],
  interfaces: readonly InterfaceAddress[],
): boolean {
  const canonical = withoutZone(canonicalAddress(address));
  const unspecified = isUnspecified(canonical);
  for (const listener of listen) {
    if (listener.port !== port) continue;
    for (const host of listenHosts(listener.host)) {
      if (host === canonical) return true;
      if (unspecified && isLoopback(host)) return true;
      if (isUnspecified(host) && (unspecified || isLoopback(canonical) || isInterface(canonical, interfaces)))
        return true;
    }
  }
  return false;
}

function listenHosts(host: string): string[] {
  return host === 'localhost' ? ['127.0.0.1', '::1'] : [withoutZone(canonicalAddress(host))];
}

function isInterface(canonical: string, interfaces: readonly InterfaceAddress[]): boolean {
  return interfaces.some((own) => withoutZone(canonicalAddress(own.address)) === canonical);
}

function withoutZone(address: string): string {
  const percent = address.indexOf('%');
  return percent === -1 ? address : address.slice(0, percent);
}
