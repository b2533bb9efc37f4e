// An upstream for pulses (DNSBomb): holds the answers to names under held.example until the test
// releases all of them at once, each as long as a datagram may be. Other names get theirs at once.
import { DnsServer, type Reply } from '../kit/dns-server.ts';
import { rawAnswer } from '../kit/raw-answers.ts';
import { questionEnd } from '../kit/received-query.ts';

const HELD = '\x04held\x07example\0';
/** TXT records of 255 bytes, behind a pointer to QNAME: 4 × 268 bytes. */
const RECORDS = 4;
const TXT = Buffer.concat([
  Buffer.from([0xc0, 12, 0, 16, 0, 1, 0, 0, 1, 44, 1, 0, 255]),
  Buffer.alloc(255, 0x78),
]);

export class PulseUpstream {
  #server!: DnsServer;
  readonly #held: (() => void)[] = [];
  #isReleased = false;

  static async open(): Promise<PulseUpstream> {
    const upstream = new PulseUpstream();
    const onQuery = (query: Buffer, reply: Reply) => upstream.#take(query, reply);
    upstream.#server = await DnsServer.open(onQuery, { tcp: false });
    return upstream;
  }

  get text(): string {
    return this.#server.text;
  }

  #take(query: Buffer, reply: Reply): void {
    const isHeld = query.toString('latin1', 12, questionEnd(query)).toLowerCase().includes(HELD);
    const message = rawAnswer(
      query,
      Array.from({ length: isHeld ? RECORDS : 1 }, () => TXT),
    );
    const send = () => reply.send(message);
    if (isHeld && !this.#isReleased) this.#held.push(send);
    else send();
  }

  /** Sends all held answers at once, and holds none from now on. */
  release(): void {
    this.#isReleased = true;
    for (const send of this.#held.splice(0)) send();
  }

  close(): Promise<void> {
    return this.#server.close();
  }
}
