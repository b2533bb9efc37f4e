// Replaces copies of QNAME in a reply, or of its end, by compression pointers to the question. We
// ask in a letter case of our own (loop/case-pattern.ts). Servers that do not compress (CoreDNS),
// or that build names from QNAME (DNAME), copy it, but each client must see its own spelling only.
// Called once per reply, before it is stored and sent out (RFC 1035 §4.1.4; RFC 3597 §4 on where
// RDATA may be compressed).
//
//   3 w W w 7 E x A m p l e 0     all of QNAME, or the end of it    ─▶  C0 0C
//   3 f o o 7 E x A m p l e 0                                       ─▶  3 f o o C0 10
//   3 w W w 5 o t h e r 0         labels in front that are QNAME's  ─▶  3 w w w 5 o t h e r 0

import { equalBytes, readUint16, writeUint16 } from './bytes.ts';
import { Type } from './codes.ts';
import { HEADER_LENGTH } from './header.ts';
import { FOLD } from './name.ts';
import { compressibleAt, WITHOUT_POINTERS, writtenOutAt } from './rdata-names.ts';
import type { ScannedResponse } from './response.ts';
import { RR_FIXED_LENGTH } from './rr.ts';

/** TYPE is this many bytes before TTL; RDLENGTH this many after TYPE. */
const TYPE_BEFORE_TTL = 4;
const RDLENGTH_BEHIND_TYPE = 8;
/** The smallest first byte of a compression pointer. */
const POINTER = 0xc0;
const MAX_LABELS = 128;
/** Names shortened in one reply; the letters of further ones are folded. */
const MAX_CUTS = 64;

/** Reads at #from and writes at #to, never ahead of it. One per thread. */
class QuestionNames {
  #bytes: Uint8Array = new Uint8Array(0);
  #scanned: ScannedResponse | null = null;
  #from = 0;
  #to = 0;
  /** The offsets of QNAME's labels, the root's zero byte last. */
  readonly #qname = new Uint16Array(MAX_LABELS);
  #qnameLast = 0;
  /** The offsets of the labels of the current name. */
  readonly #labels = new Uint16Array(MAX_LABELS);
  // What was cut out: its start and end, which part of QNAME it was, and how much was cut out so
  // far.
  readonly #cutStart = new Uint16Array(MAX_CUTS);
  readonly #cutEnd = new Uint16Array(MAX_CUTS);
  readonly #cutTarget = new Uint16Array(MAX_CUTS);
  readonly #cutTotal = new Uint16Array(MAX_CUTS);
  #cutCount = 0;
  // Of the current name: its labels, the offset of its closing zero or pointer, the pointer's new
  // target (−1: it is a zero), and which of QNAME's labels starts there (−1: none).
  #labelCount = 0;
  #tailOffset = 0;
  #pointer = -1;
  #tail = -1;
  /** Whether records may move; null: not checked yet. */
  #mayMove: boolean | null = null;

  /** Returns the message's length; the offsets in `scanned` are updated. */
  rewrite(bytes: Uint8Array, length: number, scanned: ScannedResponse): number {
    this.#bytes = bytes;
    this.#scanned = scanned;
    this.#cutCount = 0;
    this.#mayMove = null;
    this.#readQname();
    this.#from = scanned.questionEnd;
    this.#to = scanned.questionEnd;
    for (let i = 0; i < scanned.ttlCount; i++) this.#record(i);
    this.#copyTo(length);
    const cut = this.#from - this.#to;
    scanned.endOffset -= cut;
    if (scanned.hasOpt) {
      scanned.optOffset -= cut;
      scanned.optEnd -= cut;
      if (scanned.edeOffset !== 0) scanned.edeOffset -= cut;
    }
    return this.#to;
  }

  #readQname(): void {
    let count = 0;
    let at = HEADER_LENGTH;
    for (; this.#bytes[at] !== 0; at += this.#bytes[at]! + 1) this.#qname[count++] = at;
    this.#qname[count] = at;
    this.#qnameLast = count;
  }

  #record(index: number): void {
    const { ttlOffsets } = this.#scanned!;
    const typeOffset = ttlOffsets[index]! - TYPE_BEFORE_TTL;
    const type = readUint16(this.#bytes, typeOffset);
    const rdataOffset = typeOffset + RR_FIXED_LENGTH;
    const end = rdataOffset + readUint16(this.#bytes, typeOffset + RDLENGTH_BEHIND_TYPE);
    this.#name(typeOffset);
    const newTypeOffset = this.#to;
    ttlOffsets[index] = newTypeOffset + TYPE_BEFORE_TTL;
    this.#copyTo(rdataOffset);
    const nameOffset = rdataOffset + compressibleAt(type);
    if (nameOffset >= rdataOffset && nameOffset < end) {
      this.#copyTo(nameOffset);
      if (this.#name(end) && type === Type.SOA) this.#name(end);
    }
    const writtenOffset = rdataOffset + writtenOutAt(type);
    if (writtenOffset >= rdataOffset && this.#readLabels(writtenOffset, end) > 0)
      this.#fold(this.#ownLabels());
    this.#copyTo(end);
    writeUint16(
      this.#bytes,
      newTypeOffset + RDLENGTH_BEHIND_TYPE,
      this.#to - newTypeOffset - RR_FIXED_LENGTH,
    );
  }

  /** Copies everything before an offset. */
  #copyTo(end: number): void {
    if (this.#from !== this.#to) this.#bytes.copyWithin(this.#to, this.#from, end);
    this.#to += end - this.#from;
    this.#from = end;
  }

  /** Reads the name at an offset; returns its end, 0 if it does not end by `limit`. */
  #readLabels(offset: number, limit: number): number {
    const bytes = this.#bytes;
    let count = 0;
    let at = offset;
    while (at < limit && bytes[at] !== 0 && bytes[at]! < POINTER && count < MAX_LABELS) {
      this.#labels[count++] = at;
      at += bytes[at]! + 1;
    }
    const isPointer = at < limit && bytes[at]! >= POINTER;
    const end = at + (isPointer ? 2 : 1);
    if (end > limit || count === MAX_LABELS) return 0;
    this.#labelCount = count;
    this.#tailOffset = at;
    this.#pointer = isPointer ? this.#moved(readUint16(bytes, at) & 0x3fff) : -1;
    this.#tail = isPointer ? this.#labelAt(this.#pointer) : this.#qnameLast;
    return end;
  }

  /** Which of QNAME's labels starts there; −1: none. */
  #labelAt(offset: number): number {
    if (offset > this.#qname[this.#qnameLast]!) return -1;
    for (let i = 0; i <= this.#qnameLast; i++) if (this.#qname[i] === offset) return i;
    return -1;
  }

  /**
   * The new offset of what was at an offset; within a name that was cut out, the same place in
   * QNAME.
   */
  #moved(offset: number): number {
    let cut = this.#cutCount - 1;
    while (cut >= 0 && this.#cutStart[cut]! > offset) cut--;
    if (cut < 0) return offset;
    if (offset < this.#cutEnd[cut]!) return this.#cutTarget[cut]! + offset - this.#cutStart[cut]!;
    return offset - this.#cutTotal[cut]!;
  }

  /**
   * How many labels of the current name are its own: the labels after them are the last ones of
   * QNAME, ignoring case.
   */
  #ownLabels(): number {
    let own = this.#labelCount;
    for (let q = this.#tail; own > 0 && q > 0; q--, own--) {
      if (!this.#isSameLabel(this.#labels[own - 1]!, this.#qname[q - 1]!)) break;
    }
    return own;
  }

  #isSameLabel(a: number, b: number): boolean {
    const bytes = this.#bytes;
    for (let i = 0; i <= bytes[b]!; i++) if (FOLD[bytes[a + i]!] !== FOLD[bytes[b + i]!]) return false;
    return true;
  }

  /**
   * Lower-cases labels: those at the front that are spelled like QNAME's first ones, and those from
   * `own` on.
   */
  #fold(own: number): void {
    let front = 0;
    while (front < Math.min(own, this.#qnameLast)) {
      const [start, asked] = [this.#labels[front]!, this.#qname[front]!];
      if (!equalBytes(this.#bytes, start, this.#bytes, asked, this.#bytes[asked]! + 1)) break;
      this.#foldLabel(front++);
    }
    for (let label = own; label < this.#labelCount; label++) this.#foldLabel(label);
  }

  #foldLabel(label: number): void {
    const bytes = this.#bytes;
    const start = this.#labels[label]!;
    for (let i = bytes[start]!; i > 0; i--) bytes[start + i] = FOLD[bytes[start + i]!]!;
  }

  /**
   * Rewrites the name at #from: folds our letters, and ends it with a pointer to the question where
   * it ends like QNAME. False, and nothing is changed, if it does not end by `limit`.
   */
  #name(limit: number): boolean {
    const end = this.#readLabels(this.#from, limit);
    if (end === 0) return false;
    const own = this.#ownLabels();
    this.#fold(own);
    const pointer = this.#pointer;
    if (own === this.#labelCount || this.#cutCount === MAX_CUTS) {
      this.#copyTo(pointer < 0 ? end : this.#tailOffset);
      if (pointer >= 0) this.#writePointer(pointer, end);
      return true;
    }
    const target = this.#qname[this.#tail - this.#labelCount + own]!;
    const cutOffset = this.#labels[own]!;
    const tailOffset = this.#tailOffset;
    this.#mayMove ??= this.#canMove();
    if (!this.#mayMove) {
      this.#copyTo(pointer < 0 ? end : tailOffset);
      if (pointer >= 0) this.#writePointer(pointer, end);
      return true;
    }
    this.#copyTo(cutOffset);
    this.#writePointer(target, end);
    const cut = this.#cutCount++;
    this.#cutStart[cut] = cutOffset;
    this.#cutEnd[cut] = end;
    this.#cutTarget[cut] = target;
    this.#cutTotal[cut] = this.#from - this.#to;
    return true;
  }

  /** Ends a name that ended at `end` with a pointer. */
  #writePointer(target: number, end: number): void {
    writeUint16(this.#bytes, this.#to, (POINTER << 8) | target);
    this.#to += 2;
    this.#from = end;
  }

  /**
   * Whether all pointers of the message are where they are expected and can be changed. Overwrites
   * the current name.
   */
  #canMove(): boolean {
    const { ttlOffsets, ttlCount } = this.#scanned!;
    for (let i = 0; i < ttlCount; i++) {
      if (ttlOffsets[i]! < this.#from) continue;
      const typeOffset = ttlOffsets[i]! - TYPE_BEFORE_TTL;
      const type = readUint16(this.#bytes, typeOffset);
      if (compressibleAt(type) >= 0 || WITHOUT_POINTERS.has(type)) continue;
      const rdataOffset = typeOffset + RR_FIXED_LENGTH;
      const end = rdataOffset + readUint16(this.#bytes, typeOffset + RDLENGTH_BEHIND_TYPE);
      if (type !== Type.SRV || this.#readLabels(rdataOffset + writtenOutAt(type), end) === 0) return false;
      if (this.#pointer >= 0) return false;
    }
    return true;
  }
}

const rewriter = new QuestionNames();

/**
 * Takes our letter case out of the names in the scanned reply, in place; returns its length, and
 * updates the offsets in `scanned`. Not for a signed message. If the server has compressed all
 * names, this costs a look at each record.
 */
export function hideOurLetters(bytes: Uint8Array, length: number, scanned: ScannedResponse): number {
  return mayHoldOurLetters(bytes, scanned) ? rewriter.rewrite(bytes, length, scanned) : length;
}

/**
 * Whether there may be something to hide in the scanned reply: QNAME has a letter in upper case,
 * and some name starts with a label and not with a pointer. A wrong yes would cost time only.
 */
export function mayHoldOurLetters(bytes: Uint8Array, scanned: ScannedResponse): boolean {
  return scanned.ttlCount !== 0 && hasUpperCase(bytes, scanned.questionEnd) && hasWrittenName(bytes, scanned);
}

function hasUpperCase(bytes: Uint8Array, questionEnd: number): boolean {
  for (let at = HEADER_LENGTH; at < questionEnd - 4; at++) if (FOLD[bytes[at]!] !== bytes[at]) return true;
  return false;
}

/** Whether the name there starts with a label and not with a pointer. */
function hasWrittenName(bytes: Uint8Array, scanned: ScannedResponse): boolean {
  const { ttlOffsets, ttlCount } = scanned;
  let ownerOffset = scanned.questionEnd;
  for (let i = 0; i < ttlCount; i++) {
    if (isLabel(bytes[ownerOffset]!)) return true;
    const typeOffset = ttlOffsets[i]! - TYPE_BEFORE_TTL;
    const type = readUint16(bytes, typeOffset);
    const rdataOffset = typeOffset + RR_FIXED_LENGTH;
    const nameAt = Math.max(compressibleAt(type), writtenOutAt(type));
    ownerOffset = rdataOffset + readUint16(bytes, typeOffset + RDLENGTH_BEHIND_TYPE);
    if (nameAt >= 0 && rdataOffset + nameAt < ownerOffset && isLabel(bytes[rdataOffset + nameAt]!))
      return true;
    // The second name of SOA.
    if (type === Type.SOA) return true;
  }
  return false;
}

function isLabel(byte: number): boolean {
  return byte !== 0 && byte < POINTER;
}

/**
 * The same for text that may contain the question (RFC 8914 §2): bytes[offset … end−1], in place.
 */
export function hideOurLettersInText(bytes: Uint8Array, offset: number, end: number): void {
  for (let label = HEADER_LENGTH; bytes[label] !== 0; label += bytes[label]! + 1) {
    const length = bytes[label]!;
    for (let at = offset; at + length <= end; at++) {
      if (!equalBytes(bytes, at, bytes, label + 1, length)) continue;
      for (let i = at; i < at + length; i++) bytes[i] = FOLD[bytes[i]!]!;
    }
  }
}
