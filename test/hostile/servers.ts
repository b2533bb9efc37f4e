// Two upstreams on loopback, UDP and TCP: one that tells the truth about names below true.example,
// and one that lies about everything, in every way that mutate() knows.
import net from 'node:net';
import { type DatagramSocket, PEER_WORDS, type ReceiveBatch } from '../../src/io/datagram-socket.ts';
import { openDatagramSocket } from '../../src/io/open-socket.ts';
import { parsePeer } from '../../src/io/peer.ts';
import { Generator } from '../fuzz/generator.ts';
import { mutate } from '../fuzz/mutate.ts';
import { framed } from '../kit/dns-client.ts';
import { questionEnd } from '../kit/scripted-upstream.ts';

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
  readonly #script: Script;
  #socket!: DatagramSocket;
  #elsewhere!: DatagramSocket;
  readonly #peer = parsePeer('127.0.0.1', 0)!;
  readonly #tcp: net.Server;
  readonly #connections = new Set<net.Socket>();

  private constructor(script: Script) {
    this.#script = script;
    this.#tcp = net.createServer((connection) => this.#serve(connection));
  }

  static async start(script: Script): Promise<Upstream> {
    // UDP and TCP share a port number: where the kernel's choice for one is taken for the other,
    // ask again.
    for (let attempt = 0; ; attempt++) {
      const upstream = new Upstream(script);
      try {
        await upstream.#open();
        return upstream;
      } catch (error) {
        await upstream.close();
        if (attempt === 20) throw error;
      }
    }
  }

  async #open(): Promise<void> {
    const options = { address: '127.0.0.1', port: 0, receiveBufferBytes: 4 * 1024 * 1024 };
    this.#elsewhere = await openDatagramSocket(options, { onBatch() {}, onError() {} });
    const onBatch = (batch: ReceiveBatch, socket: DatagramSocket) => this.#onBatch(batch, socket);
    this.#socket = await openDatagramSocket(options, { onBatch, onError() {} });
    await new Promise<void>((resolve, reject) => {
      this.#tcp.once('error', reject);
      this.#tcp.listen(this.port, '127.0.0.1', resolve);
    });
  }

  get port(): number {
    return this.#socket.localPort;
  }

  async close(): Promise<void> {
    for (const connection of this.#connections) connection.destroy();
    this.#tcp.close();
    await this.#socket.close();
    await this.#elsewhere.close();
  }

  #onBatch(batch: ReceiveBatch, socket: DatagramSocket): void {
    for (let i = 0; i < batch.count; i++) {
      this.queries++;
      const query = batch.buffers[i]!.slice(0, batch.lengths[i]!);
      // A copy: some replies are sent later.
      const peer = batch.peers.slice(i * PEER_WORDS, (i + 1) * PEER_WORDS);
      const send = (message: Uint8Array, by: DatagramSocket, to: Int32Array) => {
        this.replies++;
        by.reserve().set(message.subarray(0, MAX_MESSAGE));
        by.commit(Math.min(message.length, MAX_MESSAGE), to, 0);
      };
      this.#script(query, {
        stream: false,
        port: peer[0]! & 0xffff,
        say: (message) => send(message, socket, peer),
        forge: (message, toPort, fromElsewhere) => {
          this.#peer[0] = (4 << 16) | toPort;
          send(message, fromElsewhere ? this.#elsewhere : socket, this.#peer);
        },
      });
    }
  }

  #serve(connection: net.Socket): void {
    this.#connections.add(connection);
    connection.on('error', () => {});
    connection.on('close', () => this.#connections.delete(connection));
    let rest = Buffer.alloc(0);
    connection.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
        const end = 2 + rest.readUInt16BE(0);
        this.queries++;
        const say = (message: Uint8Array) => {
          this.replies++;
          connection.write(framed(message));
        };
        this.#script(Uint8Array.from(rest.subarray(2, end)), { stream: true, port: 0, say, forge() {} });
        rest = rest.subarray(end);
      }
    });
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
      say(withStrangers(sound, end, random.pick(victims)));
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
function withStrangers(sound: Uint8Array, end: number, victim: Uint8Array): Uint8Array {
  const record = Uint8Array.of(...victim, 0, 1, 0, 1, 0, 0, 0x0e, 0x10, 0, 4, 203, 0, 113, 66);
  const counts = Uint8Array.of(0, 1, 0, 2, 0, 0, 0, 1);
  const message = Uint8Array.of(...sound, ...record, ...record);
  message.set(counts, 4);
  message.set(sound.subarray(12, end), 12);
  return message;
}
