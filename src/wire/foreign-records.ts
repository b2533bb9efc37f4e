// Records of a reply that are not about the name asked. A resolver would not take them from this
// server (RFC 2181 §5.4.1, RFC 3833 §2.3), so clients do not get them from us. Called once per
// reply, before it is stored and sent out.
//
//   answer section:     the owner is QNAME or a target of its CNAMEs; of a DNAME or an RRSIG it may
//                       also be an ancestor of one
//   authority section:  NS, SOA and DS of these names or of their ancestors; no A, AAAA or CNAME

import { readUint16 } from './bytes.ts';
import { Type } from './codes.ts';
import { HEADER_LENGTH } from './header.ts';
import { equalNamesFolded, expandName, MAX_NAME_LENGTH } from './name.ts';
import type { ScannedResponse } from './response.ts';
import { readTtl } from './ttl.ts';

/** TYPE is this many bytes before TTL; RDLENGTH and RDATA this many after. */
const TYPE_BEFORE_TTL = 4;
const RDLENGTH_BEHIND_TTL = 4;
const RDATA_BEHIND_TTL = 6;
/** QTYPE and QCLASS. */
const TYPE_AND_CLASS_LENGTH = 4;
/** A reply with more targets, or with more owners to compare byte by byte, is not cut. */
const MAX_TARGETS = 16;
const MAX_COMPARED = 64;
/** C0 0C: the owner that nearly all answers have. */
const QNAME_POINTER = 0xc000 | HEADER_LENGTH;

/** The names that a reply may be about: QNAME, and the names that its aliases lead to. */
class AliasChain {
  #bytes: Uint8Array = new Uint8Array(0);
  #length = 0;
  #qnameLength = 0;
  /** Offsets of the names that the aliases lead to. */
  readonly #targets = new Uint16Array(MAX_TARGETS);
  #targetCount = 0;
  readonly #owner = new Uint8Array(MAX_NAME_LENGTH);
  readonly #target = new Uint8Array(MAX_NAME_LENGTH);

  /** Takes another reply, whose question ends at questionEnd. */
  start(bytes: Uint8Array, length: number, questionEnd: number): void {
    this.#bytes = bytes;
    this.#length = length;
    this.#qnameLength = questionEnd - TYPE_AND_CLASS_LENGTH - HEADER_LENGTH;
    this.#targetCount = 0;
  }

  /** Adds the name at `offset`; false: there are too many. */
  add(offset: number): boolean {
    if (this.#targetCount === MAX_TARGETS) return false;
    this.#targets[this.#targetCount++] = offset;
    return true;
  }

  /** Whether the name at ownerOffset is one of these, or (`above`) an ancestor of one. */
  has(ownerOffset: number, above: boolean): boolean {
    const ownerLength = expandName(this.#bytes, this.#length, ownerOffset, this.#owner);
    if (this.#isOwner(ownerLength, this.#bytes, HEADER_LENGTH, this.#qnameLength, above)) return true;
    for (let i = this.#targetCount - 1; i >= 0; i--) {
      const targetLength = expandName(this.#bytes, this.#length, this.#targets[i]!, this.#target);
      if (this.#isOwner(ownerLength, this.#target, 0, targetLength, above)) return true;
    }
    return false;
  }

  /** Whether the owner is the name at `offset`, or (`above`) a suffix of it, label by label. */
  #isOwner(
    ownerLength: number,
    name: Uint8Array,
    offset: number,
    nameLength: number,
    above: boolean,
  ): boolean {
    let at = offset;
    let left = nameLength;
    while (above && left > ownerLength) {
      const label = name[at]! + 1;
      at += label;
      left -= label;
    }
    return left === ownerLength && equalNamesFolded(this.#owner, 0, name, at, left);
  }
}

const chain = new AliasChain();

/**
 * Cuts the scanned reply after its last good answer if a later answer or authority record is about
 * another name: counts and offsets in `scanned` then say so, and stripOpt() does the rest. Without
 * an answer of the asked type before such a record nothing is cut: what would be left is no answer.
 */
export function cutForeignRecords(bytes: Uint8Array, length: number, scanned: ScannedResponse): void {
  const { answerCount, ttlCount, ttlOffsets, questionEnd } = scanned;
  if (answerCount === 0 || ttlCount < answerCount) return;
  const qtype = readUint16(bytes, questionEnd - TYPE_AND_CLASS_LENGTH);
  chain.start(bytes, length, questionEnd);
  let hasAskedType = false;
  let compared = 0;
  let knownPointer = QNAME_POINTER;
  let count = 0;
  let end = questionEnd;
  for (; count < answerCount; count++) {
    const ttlOffset = ttlOffsets[count]!;
    const type = readUint16(bytes, ttlOffset - TYPE_BEFORE_TTL);
    const pointer = readUint16(bytes, end);
    if (pointer !== knownPointer) {
      if (++compared > MAX_COMPARED) return;
      const above = type === Type.DNAME || type === Type.RRSIG;
      if (!chain.has(end, above)) break;
      if (!above && pointer >= 0xc000) knownPointer = pointer;
    }
    if (type === qtype || qtype === Type.ANY) hasAskedType = true;
    if (type === Type.CNAME && !chain.add(ttlOffset + RDATA_BEHIND_TTL)) return;
    end = recordEnd(bytes, ttlOffset);
  }
  if (!hasAskedType) return;
  if (count < answerCount || hasForeignAuthority(bytes, end, scanned)) {
    cut(bytes, scanned, count, end);
  }
}

function hasForeignAuthority(bytes: Uint8Array, authorityOffset: number, scanned: ScannedResponse): boolean {
  const { answerCount, authorityCount, ttlCount, ttlOffsets } = scanned;
  const last = Math.min(answerCount + Math.min(authorityCount, MAX_COMPARED), ttlCount);
  let ownerOffset = authorityOffset;
  for (let i = answerCount; i < last; i++) {
    switch (readUint16(bytes, ttlOffsets[i]! - TYPE_BEFORE_TTL)) {
      case Type.A:
      case Type.AAAA:
      case Type.CNAME:
        return true;
      case Type.NS:
      case Type.SOA:
      case Type.DS:
        if (!chain.has(ownerOffset, true)) return true;
    }
    ownerOffset = recordEnd(bytes, ttlOffsets[i]!);
  }
  return false;
}

/** Keeps the first `count` answers, which end at `end`, and nothing else. */
function cut(bytes: Uint8Array, scanned: ScannedResponse, count: number, end: number): void {
  scanned.answerCount = count;
  scanned.authorityCount = 0;
  scanned.additionalCount = 0;
  scanned.additionalBeforeOpt = 0;
  scanned.ttlCount = count;
  scanned.endOffset = end;
  scanned.optOffset = end;
  let least = readTtl(bytes, scanned.ttlOffsets[0]!);
  for (let i = 1; i < count; i++) least = Math.min(least, readTtl(bytes, scanned.ttlOffsets[i]!));
  scanned.minTtlSeconds = least;
}

function recordEnd(bytes: Uint8Array, ttlOffset: number): number {
  return ttlOffset + RDATA_BEHIND_TTL + readUint16(bytes, ttlOffset + RDLENGTH_BEHIND_TTL);
}
