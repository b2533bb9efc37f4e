// A client of the fault matrix: unique questions at a steady rate, patience for each, one more try
// for those that came to nothing, and TCP for what was truncated, as a stub resolver has it.
import { setTimeout as sleep } from 'node:timers/promises';
import { type Answer, askTcp, queryBytes, readAnswer, UdpClient } from '../kit/dns-client.ts';
import { type Fault, isTrueAddress } from './faults.ts';

/** A client that has waited this long has gone elsewhere: CoreDNS gives an upstream 2 s. */
export const IN_TIME_MS = 2000;

export interface Patience {
  readonly questions: number;
  readonly perSecond: number;
  /** For a question, in all. */
  readonly patienceMs: number;
  /** Who has no true answer by then asks again: glibc's 5 s. */
  readonly askAgainMs: number;
}

/** What a client saw. */
export interface ClientFigures {
  readonly asked: number;
  /** Any reply at all to the first try. */
  readonly answered: number;
  /** Any reply at all to the first try, in time. */
  readonly answeredInTime: number;
  /** The true answer to the first try, in time. */
  readonly goodInTime: number;
  /** The true answer, in the end, asked again or not. */
  readonly good: number;
  /** Replies to the first try that came after IN_TIME_MS. */
  readonly late: number;
  /** Answers that are false, or no answers to what was asked. */
  readonly wrong: number;
  /** Replies beyond the first one to a query. */
  readonly surplus: number;
}

type Verdict = 'good' | 'error' | 'wrong';

/** The suffix of a fault's questions. */
export function suffixOf(fault: Fault): string {
  return `${fault.key}.faults.example`;
}

/** Whether it is one of the questions that count. */
export function isCounted(name: string, suffix: string): boolean {
  return name.endsWith(`.${suffix}`) && !name.endsWith(`.before.${suffix}`);
}

/** Asks what comes before the questions that count, at its rate, and waits for no answer. */
async function askBefore(fault: Fault, port: number): Promise<void> {
  if (fault.before === undefined) return;
  const { questions, perSecond, pauseMs } = fault.before;
  const client = await UdpClient.open(port);
  for (let i = 0; i < questions; i++) {
    client.send(queryBytes({ name: `q${i}.before.${suffixOf(fault)}`, id: i + 1 }));
    await sleep(1000 / perSecond);
  }
  await sleep(pauseMs);
  client.close();
}

export async function askThrough(fault: Fault, port: number, patience: Patience): Promise<ClientFigures> {
  await askBefore(fault, port);
  const client = await FaultClient.open(fault, port, patience);
  const questions: Promise<void>[] = [];
  const startMs = performance.now();
  for (let i = 0; i < patience.questions; i++) {
    const waitMs = startMs + (i * 1000) / patience.perSecond - performance.now();
    if (waitMs > 0) await sleep(waitMs);
    questions.push(client.ask(`q${i}.${suffixOf(fault)}`));
  }
  await Promise.all(questions);
  client.close();
  return client.figures();
}

class FaultClient {
  readonly #fault: Fault;
  readonly #port: number;
  readonly #patience: Patience;
  readonly #socket: UdpClient;
  /** By ID: who waits for it, until the socket is closed; null once the reply has come. */
  readonly #waiting = new Map<number, ((reply: Buffer) => void) | null>();
  #nextId = 1;
  #answered = 0;
  #answeredInTime = 0;
  #goodInTime = 0;
  #good = 0;
  #late = 0;
  #wrong = 0;
  #surplus = 0;
  #closed = false;

  private constructor(fault: Fault, port: number, patience: Patience, socket: UdpClient) {
    this.#fault = fault;
    this.#port = port;
    this.#patience = patience;
    this.#socket = socket;
    void this.#read();
  }

  static async open(fault: Fault, port: number, patience: Patience): Promise<FaultClient> {
    return new FaultClient(fault, port, patience, await UdpClient.open(port));
  }

  /** One question, to its end. */
  async ask(name: string): Promise<void> {
    const { patienceMs, askAgainMs } = this.#patience;
    const startMs = performance.now();
    const spentMs = () => performance.now() - startMs;
    let first: Verdict | null = null;
    const firstTry = this.#try(name, patienceMs).then((verdict) => {
      first = verdict;
      if (verdict === null) return;
      this.#answered++;
      if (verdict === 'wrong') this.#wrong++;
      if (spentMs() >= IN_TIME_MS) {
        this.#late++;
        return;
      }
      this.#answeredInTime++;
      if (verdict === 'good') this.#goodInTime++;
    });
    // A silence must not keep the client from asking again.
    const pause = new AbortController();
    const askAgain = sleep(askAgainMs, undefined, { signal: pause.signal }).catch(() => {});
    void firstTry.then(() => {
      if (first === 'good') pause.abort();
    });
    await askAgain;
    if (first === 'good') {
      this.#good++;
      return;
    }
    const second = await this.#try(name, patienceMs - askAgainMs);
    if (second === 'wrong') this.#wrong++;
    await firstTry;
    if (second === 'good' || (first as Verdict | null) === 'good') this.#good++;
  }

  figures(): ClientFigures {
    return {
      asked: this.#patience.questions,
      answered: this.#answered,
      answeredInTime: this.#answeredInTime,
      goodInTime: this.#goodInTime,
      good: this.#good,
      late: this.#late,
      wrong: this.#wrong,
      surplus: this.#surplus,
    };
  }

  close(): void {
    this.#closed = true;
    this.#socket.close();
  }

  /** One query, and TCP after TC; null when nothing came of it. */
  async #try(name: string, withinMs: number): Promise<Verdict | null> {
    const reply = await this.#exchange(name, withinMs);
    if (reply === null) return null;
    const verdict = this.#judge(reply, name);
    if (verdict !== 'truncated') return verdict;
    try {
      const overTcp = await askTcp(this.#port, queryBytes({ name }));
      const whole = this.#judge(overTcp.bytes, name);
      if (whole !== 'truncated') return whole;
      // The most there is: stub resolvers take what stands in it.
      return isTrueAddress(overTcp, name) ? 'good' : 'wrong';
    } catch {
      return 'error';
    }
  }

  #exchange(name: string, withinMs: number): Promise<Buffer | null> {
    const id = this.#nextId++;
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(null), withinMs);
      this.#waiting.set(id, (reply) => {
        clearTimeout(timer);
        resolve(reply);
      });
      this.#socket.send(queryBytes({ name, id }));
    });
  }

  async #read(): Promise<void> {
    while (!this.#closed) {
      let reply: Buffer;
      try {
        reply = await this.#socket.receive(60_000);
      } catch {
        return;
      }
      const id = reply.length < 2 ? -1 : reply.readUInt16BE(0);
      const taker = this.#waiting.get(id);
      this.#waiting.set(id, null);
      if (taker === undefined) this.#wrong++;
      else if (taker === null) this.#surplus++;
      else taker(reply);
    }
  }

  #judge(bytes: Buffer, name: string): Verdict | 'truncated' {
    let reply: Answer;
    try {
      reply = readAnswer(bytes);
    } catch {
      return 'wrong';
    }
    if (!reply.isResponse || reply.name.toLowerCase() !== name) return 'wrong';
    if (reply.truncated) return 'truncated';
    if (reply.rcode !== 0) return reply.answers.length === 0 ? 'error' : 'wrong';
    return (this.#fault.isTrue ?? isTrueAddress)(reply, name) ? 'good' : 'wrong';
  }
}
