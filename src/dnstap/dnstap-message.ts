// One event of dnstap as protobuf (dnstap.proto, https://dnstap.info). Made only while dnstap is
// on.
import { PbfWriter } from 'pbf';

export const MessageType = {
  clientQuery: 5,
  clientResponse: 6,
  forwarderQuery: 7,
  forwarderResponse: 8,
} as const;
export type MessageType = (typeof MessageType)[keyof typeof MessageType];

export const SocketProtocol = { udp: 1, tcp: 2, tls: 3, https: 4 } as const;
export type SocketProtocol = (typeof SocketProtocol)[keyof typeof SocketProtocol];

/** A message that came or went. */
export interface DnstapMessage {
  readonly type: MessageType;
  readonly protocol: SocketProtocol;
  /** The one who asks, 4 or 16 bytes; null: not known. */
  readonly queryAddress: Uint8Array | null;
  /** 0: not known. */
  readonly queryPort: number;
  /** The one who is asked. */
  readonly responseAddress: Uint8Array | null;
  readonly responsePort: number;
  /** Wall clock, ms. */
  readonly queryMs: number;
  /** 0: this is the query. */
  readonly responseMs: number;
  /** The query, or the response where there is a time for it. */
  readonly bytes: Uint8Array;
}

const TYPE_MESSAGE = 1;
const INET = 1;
const INET6 = 2;

/** @param identity of this server; empty: not told */
export function encodeDnstap(message: DnstapMessage, identity: Uint8Array, version: Uint8Array): Uint8Array {
  const writer = new PbfWriter();
  if (identity.length > 0) writer.writeBytesField(1, identity);
  writer.writeBytesField(2, version);
  writer.writeMessage(14, writeMessage, message);
  writer.writeVarintField(15, TYPE_MESSAGE);
  return writer.finish();
}

function writeMessage(message: DnstapMessage, writer: PbfWriter): void {
  const { queryAddress, responseAddress, queryPort, responsePort } = message;
  const address = queryAddress ?? responseAddress;
  writer.writeVarintField(1, message.type);
  if (address !== null) writer.writeVarintField(2, address.length === 4 ? INET : INET6);
  writer.writeVarintField(3, message.protocol);
  if (queryAddress !== null) writer.writeBytesField(4, queryAddress);
  if (responseAddress !== null) writer.writeBytesField(5, responseAddress);
  if (queryPort > 0) writer.writeVarintField(6, queryPort);
  if (responsePort > 0) writer.writeVarintField(7, responsePort);
  writer.writeVarintField(8, Math.floor(message.queryMs / 1000));
  writer.writeFixed32Field(9, nanoseconds(message.queryMs));
  if (message.responseMs === 0) {
    writer.writeBytesField(10, message.bytes);
    return;
  }
  writer.writeVarintField(12, Math.floor(message.responseMs / 1000));
  writer.writeFixed32Field(13, nanoseconds(message.responseMs));
  writer.writeBytesField(14, message.bytes);
}

/** Of the second. */
function nanoseconds(ms: number): number {
  return Math.floor((ms % 1000) * 1e6);
}
