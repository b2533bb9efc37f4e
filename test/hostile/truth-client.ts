// An honest client beside the attackers: asks, over UDP and TCP in turn, for names that are known
// to have one address, old ones (from the cache) and new ones (from the truthful upstream), and
// counts what is right.
import { queryBytes, TcpClient, UdpClient } from '../kit/dns-client.ts';
import { isRight } from './attackers.ts';
import { trueAnswer } from './servers.ts';

export interface TruthCounts {
  asked: number;
  right: number;
  readonly faults: string[];
}

export class TruthClient {
  readonly #port: number;
  readonly #zone: string;
  readonly #udp: UdpClient;
  readonly #counts: TruthCounts = { asked: 0, right: 0, faults: [] };
  #going = true;
  #done: Promise<void> = Promise.resolve();

  private constructor(port: number, zone: string, udp: UdpClient) {
    this.#port = port;
    this.#zone = zone;
    this.#udp = udp;
  }

  static async open(port: number, zone: string): Promise<TruthClient> {
    return new TruthClient(port, zone, await UdpClient.open(port));
  }

  /** Questions so far. */
  get asked(): number {
    return this.#counts.asked;
  }

  start(): void {
    this.#done = this.#go();
  }

  async stop(): Promise<TruthCounts> {
    this.#going = false;
    await this.#done;
    this.#udp.close();
    return this.#counts;
  }

  async #go(): Promise<void> {
    for (let i = 0; this.#going; i++) {
      const name = i % 3 === 0 ? `New${i}.${this.#zone}` : `old${i % 7}.${this.#zone}`;
      const query = queryBytes({ name, edns: i % 2 === 0, id: i & 0xffff });
      this.#counts.asked++;
      try {
        const answer = i % 5 === 0 ? await this.#askTcp(query) : await this.#askUdp(query);
        if (answer.readUInt16BE(0) === (i & 0xffff) && isRight(answer, trueAnswer(query)!))
          this.#counts.right++;
        else this.#counts.faults.push(`wrong answer for ${name}: ${answer.toString('hex')}`);
      } catch (error) {
        this.#counts.faults.push(`no answer for ${name}: ${String(error)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  #askUdp(query: Buffer): Promise<Buffer> {
    this.#udp.send(query);
    return this.#udp.receive();
  }

  async #askTcp(query: Buffer): Promise<Buffer> {
    const client = await TcpClient.connect(this.#port);
    try {
      client.send(query);
      return await client.receive();
    } finally {
      client.close();
    }
  }
}
