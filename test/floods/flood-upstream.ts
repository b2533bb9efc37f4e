// An upstream for millions of queries: answers each A with the address that its name tells, keeps
// nothing, and leaves names under silent.example without an answer.
import { DnsServer, type Reply } from '../kit/dns-server.ts';
import { addressRecord, rawAnswer } from '../kit/raw-answers.ts';
import { questionEnd } from '../kit/received-query.ts';

const SILENT = Buffer.from('\x06silent\x07example\0', 'latin1');

export class FloodUpstream {
  #server!: DnsServer;
  asked = 0;
  /** Before each answer. */
  delayMs = 0;

  static async open(): Promise<FloodUpstream> {
    const upstream = new FloodUpstream();
    const onQuery = (query: Buffer, reply: Reply) => upstream.#answer(query, reply);
    upstream.#server = await DnsServer.open(onQuery, { tcp: false });
    return upstream;
  }

  get text(): string {
    return this.#server.text;
  }

  #answer(query: Buffer, reply: Reply): void {
    this.asked++;
    const spelled = query.toString('latin1', 12, questionEnd(query) - 4);
    const qname = Buffer.from(spelled.toLowerCase(), 'latin1');
    if (qname.subarray(-SILENT.length).equals(SILENT)) return;
    const message = rawAnswer(query, [addressRecord(addressFor(qname))]);
    if (this.delayMs === 0) reply.send(message);
    else setTimeout(() => reply.send(message), this.delayMs);
  }

  close(): Promise<void> {
    return this.#server.close();
  }
}

/** The true address of a name, told by all of its bytes (in lower case). */
export function addressFor(qname: Uint8Array): Buffer {
  let hash = 0;
  for (const byte of qname) hash = (Math.imul(hash, 31) + byte) | 0;
  const address = Buffer.alloc(4);
  address.writeInt32BE(hash);
  return address;
}
