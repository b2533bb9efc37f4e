// Messages for tests, written as annotated bytes: hexadecimal text, numbers (one byte each) and
// bytes in a row.

/** '12 34' and '1234' are two bytes; a number is one; bytes stand for themselves. */
export type Part = string | number | Uint8Array;

export function bytesOf(...parts: Part[]): Uint8Array {
  const all: number[] = [];
  for (const part of parts) {
    if (typeof part === 'number') all.push(part);
    else if (typeof part !== 'string') all.push(...part);
    else for (const pair of part.replace(/\s+/g, '').match(/../g) ?? []) all.push(Number.parseInt(pair, 16));
  }
  return Uint8Array.from(all);
}

/** An uncompressed wire name from plain labels: name('www.example'), name('') is the root. */
export function name(text: string): Uint8Array {
  const labels = text.split('.').filter((label) => label !== '');
  return bytesOf(...labels.flatMap((label) => [label.length, new TextEncoder().encode(label)]), 0);
}

export function uint16(value: number): Uint8Array {
  return Uint8Array.of(value >>> 8, value);
}

export function uint32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

/** ID 1234, then flags and counts. */
export function header(flags: number, qd: number, an: number, ns: number, ar: number): Uint8Array {
  return bytesOf('1234', uint16(flags), uint16(qd), uint16(an), uint16(ns), uint16(ar));
}

/** QNAME, QTYPE, QCLASS. */
export function question(qname: string, qtype = 1, qclass = 1): Uint8Array {
  return bytesOf(name(qname), uint16(qtype), uint16(qclass));
}

/** A record; the owner is bytes (a pointer, say) or a plain name. */
export function record(owner: Part, type: number, ttl: number, rdata: Uint8Array, rclass = 1): Uint8Array {
  return bytesOf(owner, uint16(type), uint16(rclass), uint32(ttl), uint16(rdata.length), rdata);
}

/** C0 0C: the question's name. */
export const QNAME_POINTER = 'c00c';

/** An OPT record. */
export function opt(
  udpSize: number,
  fields: { extendedRcode?: number; version?: number; dnssecOk?: boolean; options?: Uint8Array } = {},
): Uint8Array {
  const options = fields.options ?? new Uint8Array(0);
  return bytesOf(
    0,
    '0029',
    uint16(udpSize),
    fields.extendedRcode ?? 0,
    fields.version ?? 0,
    fields.dnssecOk ? '8000' : '0000',
    uint16(options.length),
    options,
  );
}

/** An EDNS option. */
export function option(code: number, data: Uint8Array): Uint8Array {
  return bytesOf(uint16(code), uint16(data.length), data);
}

/** The message with `padding` bytes of one value behind it, as in a receive slot. */
export function inSlot(message: Uint8Array, padding: number, filler: number): Uint8Array {
  const slot = new Uint8Array(message.length + padding).fill(filler);
  slot.set(message);
  return slot;
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}
