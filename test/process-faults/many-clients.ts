// Clients on many source ports, so that the kernel gives each worker some of them, and an upstream
// whose answers tell what was asked.

import type { SendAction } from '../kit/actions.ts';
import { answer } from '../kit/answers.ts';
import { queryBytes, readAnswer, UdpClient } from '../kit/dns-client.ts';
import type { ReceivedQuery } from '../kit/received-query.ts';

/** The address that belongs to a name such as n258.example: 10.0.1.2. */
export function addressOf(name: string): string {
  const number = Number(/\d+/.exec(name)?.[0] ?? 0);
  return `10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`;
}

/** The true answer. */
export function truth(query: ReceivedQuery): SendAction {
  return answer(query, { address: addressOf(query.name) });
}

/** What became of queries. */
export interface Outcome {
  asked: number;
  right: number;
  wrong: number;
  /** Answered with another RCODE than NOERROR. */
  failed: number;
  lost: number;
}

export class ManyClients {
  readonly #clients: UdpClient[] = [];
  #next = 1;

  /** `first`: the number of the first name. */
  static async open(port: number, count = 40, first = 1): Promise<ManyClients> {
    const many = new ManyClients();
    many.#next = first;
    for (let i = 0; i < count; i++) many.#clients.push(await UdpClient.open(port));
    return many;
  }

  /** A name of its own from every client; an answer is awaited for so long. */
  async askEach(patienceMs = 10_000): Promise<Outcome> {
    const outcome: Outcome = { asked: 0, right: 0, wrong: 0, failed: 0, lost: 0 };
    await Promise.all(this.#clients.map((client) => this.#ask(client, outcome, patienceMs)));
    return outcome;
  }

  async #ask(client: UdpClient, outcome: Outcome, patienceMs: number): Promise<void> {
    const number = this.#next++;
    const name = `n${number}.example`;
    const id = number & 0xffff;
    outcome.asked++;
    client.send(queryBytes({ name, id }));
    for (;;) {
      let bytes: Buffer;
      try {
        bytes = await client.receive(patienceMs);
      } catch {
        outcome.lost++;
        return;
      }
      // What came too late for an earlier question.
      if (bytes.readUInt16BE(0) !== id) continue;
      const { rcode, answers, name: asked } = readAnswer(bytes);
      const first = answers[0] as { data?: unknown } | undefined;
      if (rcode !== 0) outcome.failed++;
      else if (asked === name && first?.data === addressOf(name)) outcome.right++;
      else outcome.wrong++;
      return;
    }
  }

  close(): void {
    for (const client of this.#clients) client.close();
  }
}
