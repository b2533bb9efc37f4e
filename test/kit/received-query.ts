// One query as a scripted upstream got it, and what scripts ask about it.
import dnsPacket from 'dns-packet';

/** One query as the server got it. */
export interface ReceivedQuery {
  readonly transport: 'udp' | 'tcp' | 'tls' | 'https';
  /** The whole message, without TCP's length. */
  readonly bytes: Buffer;
  readonly id: number;
  /** QNAME as it was spelt, no trailing dot ('.' for the root); '' where it cannot be read. */
  readonly name: string;
  /** "A", "NS", "TYPE65280" …; '' where it cannot be read. */
  readonly type: string;
  readonly hasOpt: boolean;
  /** The client's port. */
  readonly remotePort: number;
  /** Which of the server's connections it came by, from 0; −1 for UDP. */
  readonly connection: number;
  /** Position among all queries of this server, from 0. */
  readonly index: number;
}

/** Whether a query's OPT record, the first record behind the question, has options. */
export function hasOptions({ hasOpt, bytes }: ReceivedQuery): boolean {
  return hasOpt && bytes.readUInt16BE(questionEnd(bytes) + 9) > 0;
}

/** Whether QNAME has an upper-case letter. */
export function isMixed({ name }: ReceivedQuery): boolean {
  return name !== name.toLowerCase();
}

/** First byte after the question of an uncompressed message; 12 when it cannot be read. */
export function questionEnd(bytes: Uint8Array): number {
  let offset = 12;
  for (;;) {
    const label = bytes[offset];
    if (label === undefined || label > 63) return 12;
    offset += label + 1;
    if (label === 0) break;
  }
  return offset + 4 <= bytes.length ? offset + 4 : 12;
}

/** What the server knows of a query without reading it. */
export type QueryOrigin = Pick<ReceivedQuery, 'transport' | 'bytes' | 'remotePort' | 'connection' | 'index'>;

/** Reads what it can of a query's bytes. */
export function readQuery(origin: QueryOrigin): ReceivedQuery {
  const { bytes } = origin;
  const base = { ...origin, id: bytes.length < 2 ? 0 : bytes.readUInt16BE(0) };
  try {
    const packet = dnsPacket.decode(bytes);
    const question = packet.questions?.[0];
    const type = String(question?.type ?? '').replace(/^UNKNOWN_/, 'TYPE');
    const hasOpt = packet.additionals?.some((record) => record.type === 'OPT') ?? false;
    return { ...base, name: question?.name ?? '', type, hasOpt };
  } catch {
    return { ...base, name: '', type: '', hasOpt: false };
  }
}
