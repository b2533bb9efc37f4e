// Whether a message contains an address that is not on the public Internet: private, loopback,
// link-local. For the protection against DNS rebinding; called once per answer if that is on (RFC
// 1918, RFC 6890, RFC 6598, RFC 4193, RFC 9460 §7.3).

import { readUint16, readUint32 } from './bytes.ts';
import { Type } from './codes.ts';
import { HEADER_LENGTH, readAdditionalCount, readAnswerCount, readAuthorityCount } from './header.ts';
import { skipName } from './name.ts';
import { RrCursor } from './rr.ts';

const QUESTION_FIXED_LENGTH = 4;
const IPV4_LENGTH = 4;
const IPV6_LENGTH = 16;
/** SvcParamKeys (RFC 9460 §14.3.2). */
const IPV4_HINT = 4;
const IPV6_HINT = 6;

const cursor = new RrCursor();

/**
 * Whether a record of the message in bytes[0 … length−1], with one question, contains such an
 * address.
 */
export function hasPrivateAddress(bytes: Uint8Array, length: number): boolean {
  const nameEnd = skipName(bytes, length, HEADER_LENGTH);
  const count = readAnswerCount(bytes) + readAuthorityCount(bytes) + readAdditionalCount(bytes);
  cursor.reset(bytes, length, nameEnd + QUESTION_FIXED_LENGTH, count);
  while (cursor.next()) {
    const { type, rdataOffset, rdataLength } = cursor;
    switch (type) {
      case Type.A:
        if (rdataLength === IPV4_LENGTH && isPrivateIpv4(readUint32(bytes, rdataOffset))) return true;
        break;
      case Type.AAAA:
        if (rdataLength === IPV6_LENGTH && isPrivateIpv6(bytes, rdataOffset)) return true;
        break;
      case Type.SVCB:
      case Type.HTTPS:
        if (hasPrivateHint(bytes, rdataOffset, rdataOffset + rdataLength)) return true;
        break;
    }
  }
  return false;
}

/** SvcPriority, TargetName, then parameters: key 16 | length 16 | value. */
function hasPrivateHint(bytes: Uint8Array, rdataOffset: number, end: number): boolean {
  let at = skipName(bytes, end, rdataOffset + 2);
  if (at < 0) return false;
  while (at + 4 <= end) {
    const key = readUint16(bytes, at);
    const value = at + 4;
    const valueEnd = value + readUint16(bytes, at + 2);
    if (valueEnd > end) return false;
    const step = key === IPV4_HINT ? IPV4_LENGTH : key === IPV6_HINT ? IPV6_LENGTH : 0;
    for (let hint = value; step > 0 && hint + step <= valueEnd; hint += step) {
      if (step === IPV4_LENGTH ? isPrivateIpv4(readUint32(bytes, hint)) : isPrivateIpv6(bytes, hint))
        return true;
    }
    at = valueEnd;
  }
  return false;
}

/** 0/8 is this host on many systems; 100.64/10 is the inner network of a provider or an overlay. */
export function isPrivateIpv4(address: number): boolean {
  const first = address >>> 24;
  const second = (address >>> 16) & 0xff;
  switch (first) {
    case 0:
    case 10:
    case 127:
      return true;
    case 100:
      return second >= 64 && second < 128;
    case 169:
      return second === 254;
    case 172:
      return second >= 16 && second < 32;
    case 192:
      return second === 168;
    default:
      return address >>> 0 === 0xffffffff;
  }
}

/**
 * Unique local, link-local and site-local addresses, and those that contain a private IPv4 address.
 */
export function isPrivateIpv6(bytes: Uint8Array, offset: number): boolean {
  const first = readUint16(bytes, offset);
  if ((first & 0xfe00) === 0xfc00 || (first & 0xff80) === 0xfe80) return true;
  // 6to4 (RFC 3056).
  if (first === 0x2002) return isPrivateIpv4(readUint32(bytes, offset + 2));
  const lowest = readUint32(bytes, offset + 12);
  // NAT64 (RFC 6052, and RFC 8215's local prefix at its usual length).
  if (first === 0x0064 && readUint16(bytes, offset + 2) === 0xff9b) return isPrivateIpv4(lowest);
  if (first !== 0 || readUint32(bytes, offset) !== 0 || readUint32(bytes, offset + 4) !== 0) return false;
  // ::, ::1 and IPv4-compatible; ::ffff:0:0/96, IPv4-mapped; ::ffff:0:0:0/96, IPv4-translated (RFC
  // 4291 §2.5.5, RFC 2765 §2.1).
  const high = readUint32(bytes, offset + 8);
  return (high === 0 || high === 0xffff || high === 0xffff0000) && isPrivateIpv4(lowest);
}
