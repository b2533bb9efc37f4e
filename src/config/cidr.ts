// CIDR blocks of limits.allow and limits.deny: "10.0.0.0/8", "fd00::/8", or a single address.
// Called by list-type and by the code that compiles the lists for the data path.

import { formatIp, parseIp } from '../base/ip-address.ts';
import { InvalidValue, showValue } from './invalid-value.ts';

/** A block of addresses. */
export interface Cidr {
  readonly family: 4 | 6;
  /** 4 or 16 bytes, network order; every bit beyond the prefix is 0. */
  readonly bytes: Uint8Array;
  /** Prefix length: 0–32 or 0–128. */
  readonly prefix: number;
}

/** Throws InvalidValue. */
export function parseCidr(text: string): Cidr {
  const [addressText, prefixText, ...rest] = text.split('/');
  const address = parseIp(addressText!);
  if (address === null || rest.length > 0 || address.zone !== '') {
    throw new InvalidValue(
      `${showValue(text)} is not an address block; expected for example 10.0.0.0/8, fd00::/8 or 192.0.2.1`,
    );
  }
  const width = address.bytes.length * 8;
  const prefix =
    prefixText === undefined ? width : /^\d{1,3}$/.test(prefixText) ? Number(prefixText) : Number.NaN;
  if (!(prefix <= width)) {
    throw new InvalidValue(`${showValue(text)}: the prefix length must be a number from 0 to ${width}`);
  }
  const block: Cidr = { family: address.family, bytes: maskBytes(address.bytes, prefix), prefix };
  if (block.bytes.some((byte, i) => byte !== address.bytes[i])) {
    throw new InvalidValue(
      `${showValue(text)} has bits set beyond its prefix; did you mean ${formatCidr(block)}?`,
    );
  }
  return block;
}

/**
 * Loopback, private (RFC 1918, RFC 4193), shared (RFC 6598) and link-local networks, and those that
 * clusters use though they were set aside: 198.18.0.0/15 (RFC 2544) and 240.0.0.0/4 (RFC 1112 §4),
 * not globally reachable either (RFC 6890). Served where limits.allow is empty.
 */
export const NON_PUBLIC_NETWORKS = [
  '127.0.0.0/8',
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '100.64.0.0/10',
  '169.254.0.0/16',
  '198.18.0.0/15',
  '240.0.0.0/4',
  '::1/128',
  'fc00::/7',
  'fe80::/10',
];

/** The canonical text, always with the prefix length. */
export function formatCidr(block: Cidr): string {
  return `${formatIp({ family: block.family, bytes: block.bytes, zone: '' })}/${block.prefix}`;
}

function maskBytes(bytes: Uint8Array, prefix: number): Uint8Array {
  return bytes.map((byte, i) => {
    const bits = Math.min(8, Math.max(0, prefix - i * 8));
    return byte & (0xff << (8 - bits));
  });
}
