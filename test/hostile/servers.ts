// Two upstreams on loopback, UDP and TCP: one that tells the truth about names below true.example,
// and one that lies about everything, in every way that mutate() knows.
import { Generator } from '../fuzz/generator.ts';
import { mutate } from '../fuzz/mutate.ts';
import { DnsServer } from '../kit/dns-server.ts';
import { questionEnd } from '../kit/received-query.ts';

/** How one message can be replied to. */
export interface Reply {
  readonly stream: boolean;
  /** The port that the message came from; 0 on a stream. */
  readonly port: number;
  /** Sends a message back. */
  say(message: Uint8Array): void;
  /** UDP: sends it to another port of the same host, or from another port of the server. */
  forge(message: Uint8Array, toPort: number, fromElsewhere: boolean): void;
}

/** What a server says to one message: any number of messages. */
export type Script = (query: Uint8Array, reply: Reply) => void;

const MAX_MESSAGE = 4096;

/** A server on a port of the kernel's choosing. */
export class Upstream {
  queries = 0;
  replies = 0;
  #server!: DnsServer;

  static async start(script: Script): Promise<Upstream> {
    const upstream = new Upstream();
    upstream.#server = await DnsServer.open((query, { send, forge, socket, remotePort }) => {
      const stream = socket !== null;
      upstream.queries++;
      script(query, {
        stream,
        port: stream ? 0 : remotePort,
        say: (message) => {
          upstream.replies++;
          send(stream ? message : message.subarray(0, MAX_MESSAGE));
        },
        forge: (message, toPort, fromElsewhere) => {
          upstream.replies++;
          forge(message.subarray(0, MAX_MESSAGE), toPort, fromElsewhere);
        },
      });
    });
    return upstream;
  }

  get port(): number {
    return this.#server.port;
  }

  close(): Promise<void> {
    return this.#server.close();
  }
}

/** 192.0.2.1 and the like, derived from the name: nobody can give the right answer by accident. */
export function trueAddress(name: Uint8Array): Uint8Array {
  let hash = 0x811c9dc5;
  for (const byte of name) {
    hash = Math.imul(hash ^ (byte >= 65 && byte <= 90 ? byte + 32 : byte), 0x01000193);
  }
  return Uint8Array.of(10, hash >>> 24, hash >>> 16, hash >>> 8);
}

/**
 * The right answer to a question: one address, for an hour; null when the question cannot be read.
 */
export function trueAnswer(query: Uint8Array): Uint8Array | null {
  const end = questionEnd(query);
  if (end === 12 || query.length < end) return null;
  const answer = new Uint8Array(end + 16);
  answer.set(query.subarray(0, end));
  answer.set([0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0], 2);
  answer.set(
    [0xc0, 12, 0, 1, 0, 1, 0, 0, 0x0e, 0x10, 0, 4, ...trueAddress(query.subarray(12, end - 4))],
    end,
  );
  return answer;
}

/** Tells the truth, whatever the type asked. */
export const truthful: Script = (query, reply) => {
  const answer = trueAnswer(query);
  if (answer !== null) reply.say(answer);
};

/** Replies of all kinds, for the liar to begin with; the first is for the question asked. */
export function liar(seed: number, replies: readonly Uint8Array[], victims: readonly Uint8Array[]): Script {
  const random = new Generator(seed);
  const out = new Uint8Array(MAX_MESSAGE);
  return (query, { say, stream }) => {
    const sound = trueAnswer(query);
    if (sound === null) return;
    const end = sound.length - 16;
    const roll = random.below(100);
    if (roll < 3) return;
    if (roll < 6) {
      // Its own query, sent back where it came from: a message with QR=0 to a port that only asks.
      say(query);
      return;
    }
    if (roll < 40) {
      // Before the answer, somebody else's: records of names that nobody asked this server for.
      say(withForeignRecords(sound, end, random.pick(victims)));
      if (roll < 20) return;
    }
    for (let count = 1 + random.below(stream ? 1 : 3); count > 0; count--) {
      const from = random.below(3) === 0 ? random.pick(replies) : sound;
      const length = mutate(random, from, random.pick(replies), out, random.below(8) === 0 ? 4000 : 1232);
      const message = out.slice(0, length);
      if (length >= end && random.below(4) > 0) {
        // Believable: the ID, QR and the question are right. What follows is not.
        message.set(query.subarray(12, end), 12);
        message.set([0, 1], 4);
        message[2] = (message[2]! & 0x07) | 0x80;
      }
      if (length >= 2 && random.below(10) > 0) message.set(query.subarray(0, 2));
      say(message);
    }
    if (random.below(2) === 0) say(sound);
  };
}

/**
 * The answer, with an address of its own for a victim's name in the answer and in the additional
 * section.
 */
function withForeignRecords(sound: Uint8Array, end: number, victim: Uint8Array): Uint8Array {
  const record = Uint8Array.of(...victim, 0, 1, 0, 1, 0, 0, 0x0e, 0x10, 0, 4, 203, 0, 113, 66);
  const counts = Uint8Array.of(0, 1, 0, 2, 0, 0, 0, 1);
  const message = Uint8Array.of(...sound, ...record, ...record);
  message.set(counts, 4);
  message.set(sound.subarray(12, end), 12);
  return message;
}
