// HTTP/2 frames as bytes (RFC 9113 §4.1, §6), for servers that break the protocol on purpose.

export const FrameType = {
  data: 0,
  headers: 1,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const END_STREAM = 0x1;
export const ACK = 0x1;
export const END_HEADERS = 0x4;
/** What a client sends first, before its frames. */
export const PREFACE_LENGTH = 24;

export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Uint8Array = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** Settings by identifier (RFC 9113 §6.5.2). */
export function settings(...pairs: readonly (readonly [id: number, value: number])[]): Buffer {
  const payload = Buffer.alloc(6 * pairs.length);
  for (const [i, [id, value]] of pairs.entries()) {
    payload.writeUInt16BE(id, 6 * i);
    payload.writeUInt32BE(value, 6 * i + 2);
  }
  return frame(FrameType.settings, 0, 0, payload);
}

/**
 * A header field, without Huffman code; `indexed` ones enter the peer's table (RFC 7541 §6.2).
 * Values of at most 16,000 bytes.
 */
export function field(name: string, value: string, indexed = false): Buffer {
  return Buffer.concat([
    Buffer.from([indexed ? 0x40 : 0x00]),
    hpackLength(name.length),
    Buffer.from(name),
    hpackLength(value.length),
    Buffer.from(value),
  ]);
}

/** An integer with a prefix of 7 bits (RFC 7541 §5.1). */
function hpackLength(length: number): Buffer {
  if (length < 127) return Buffer.from([length]);
  const bytes = [127];
  let rest = length - 127;
  for (; rest >= 128; rest >>= 7) bytes.push((rest & 127) | 128);
  return Buffer.from([...bytes, rest]);
}

/** ":status: 200" of the static table. */
export const STATUS_200 = Buffer.from([0x88]);
