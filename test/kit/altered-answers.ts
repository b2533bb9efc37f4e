// Answers with one thing wrong: another ID, other flags, another question, cut short.
import type { SendAction } from './actions.ts';
import { questionEnd } from './received-query.ts';

export function withId(action: SendAction, id: number): SendAction {
  return changed(action, (bytes) => bytes.writeUInt16BE(id & 0xffff, 0));
}

export function withFlags(action: SendAction, change: (flags: number) => number): SendAction {
  return changed(action, (bytes) => bytes.writeUInt16BE(change(bytes.readUInt16BE(2)), 2));
}

/** QR=0: not a reply at all. */
export function asQuery(action: SendAction): SendAction {
  return withFlags(action, (flags) => flags & 0x7fff);
}

/** The question's name with its first letter turned into another one. */
export function withOtherName(action: SendAction): SendAction {
  return changed(action, (bytes) => {
    bytes[13] = bytes[13] === 0x78 ? 0x79 : 0x78;
  });
}

/** The question with another QTYPE. */
export function withOtherType(action: SendAction): SendAction {
  return changed(action, (bytes) => {
    const at = questionEnd(bytes) - 4;
    bytes.writeUInt16BE(bytes.readUInt16BE(at) ^ 1, at);
  });
}

/** The question's letters all in the other case. */
export function withOtherCase(action: SendAction): SendAction {
  return changed(action, (bytes) => {
    for (let i = 12; i < questionEnd(bytes) - 4; i++) {
      const folded = bytes[i]! | 0x20;
      if (folded >= 0x61 && folded <= 0x7a) bytes[i]! ^= 0x20;
    }
  });
}

/** The question in lower case, whatever it was asked in. */
export function withLowerCase(action: SendAction): SendAction {
  return changed(action, (bytes) => {
    for (let i = 12; i < questionEnd(bytes) - 4; i++) {
      if (bytes[i]! >= 0x41 && bytes[i]! <= 0x5a) bytes[i]! |= 0x20;
    }
  });
}

/** The header alone, QDCOUNT 0. */
export function withoutQuestion(action: SendAction): SendAction {
  const bytes = Buffer.from(action.bytes.subarray(0, 12));
  bytes.fill(0, 4);
  return { ...action, bytes };
}

/** The first bytes only. */
export function cutTo(action: SendAction, length: number): SendAction {
  return { ...action, bytes: action.bytes.subarray(0, length) };
}

function changed(action: SendAction, change: (bytes: Buffer) => void): SendAction {
  const bytes = Buffer.from(action.bytes);
  change(bytes);
  return { ...action, bytes };
}
