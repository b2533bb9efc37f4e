// The UDP socket of machines without the addon, over a node:dgram that does what the input says:
// datagrams come from anywhere, sends end late or fail, the socket breaks, somebody closes it. What
// came is passed on as it was, each answer goes where it is addressed, and every datagram is
// counted once.
import type { RemoteInfo, Socket } from 'node:dgram';
import { EventEmitter } from 'node:events';
import { SocketAddress } from 'node:net';
import {
  type DatagramHandler,
  type DatagramSocket,
  PEER_WORDS,
  RECEIVE_SLOT_BYTES,
  type ReceiveBatch,
} from '../../../src/io/datagram-socket.ts';
import { NodeSocket } from '../../../src/io/node-socket.ts';
import { peerAddressByte, peerFamily, peerPort } from '../../../src/io/peer.ts';
import { check, type FuzzTarget } from '../target.ts';

/** Sends that may wait below: beyond, the socket has to refuse. */
const MOST_PENDING = 1024;
/**
 * Datagrams that come, or leave, in one step; and how many such steps an input may have: enough for
 * more than may wait.
 */
const ARRIVALS = 32;
const SENDS = 100;
const MOST_BURSTS = 16;
/** What a send fails with, and whether it says that the connected end cannot be reached. */
const SEND_ERRORS = [
  { error: errorOf('ECONNREFUSED'), tells: true },
  { error: errorOf('EHOSTUNREACH'), tells: true },
  { error: errorOf('EPERM'), tells: true },
  { error: errorOf('EMSGSIZE'), tells: false },
  { error: errorOf('ENOBUFS'), tells: false },
  { error: errorOf('EAGAIN'), tells: false },
] as const;
const REFUSED = errorOf('ECONNREFUSED');
const CANCELED = errorOf('ECANCELED');

type Done = (error: NodeJS.ErrnoException | null) => void;

/** A datagram that was given to node:dgram and has not ended. */
interface Pending {
  readonly bytes: Buffer;
  /** Null by a connected socket. */
  readonly port: number | null;
  readonly address: string | null;
  readonly done: Done;
}

/** As much of node:dgram's socket as is used. */
class DgramInPlace extends EventEmitter {
  readonly pending: Pending[] = [];
  isClosed = false;

  address(): { address: string; port: number } {
    return { address: '127.0.0.1', port: 53 };
  }

  getRecvBufferSize(): number {
    return 212_992;
  }

  send(bytes: Buffer, ...rest: [Done] | [number, string, Done]): void {
    check(!this.isClosed, 'a closed socket was sent by');
    const [port, address, done] = rest.length === 1 ? [null, null, rest[0]] : rest;
    this.pending.push({ bytes, port, address, done });
    check(this.pending.length <= MOST_PENDING, 'sends pile up');
  }

  close(): void {
    check(!this.isClosed, 'closed twice');
    this.isClosed = true;
  }

  /** As libuv does, in a turn after close(): what waits is given back. */
  giveBack(): void {
    for (const { done } of this.pending.splice(0)) done(CANCELED);
  }
}

/** A remote end, as node:dgram tells it and as bytes. */
interface End {
  readonly text: string;
  readonly bytes: Uint8Array;
  readonly zone: number;
  readonly port: number;
}

/** A datagram as it has to leave. */
interface Wanted {
  readonly bytes: Uint8Array;
  readonly to: End;
}

export const nodeSocket: FuzzTarget = {
  name: 'node-socket',
  maxLength: 120,
  run(input) {
    const run = new Run(input);
    run.go();
    return run.kind;
  },
};

class Run implements DatagramHandler {
  kind = 0;
  readonly #input: Uint8Array;
  #at = 1;
  readonly #connected: boolean;
  readonly #isV6: boolean;
  readonly #below = new DgramInPlace();
  readonly #socket: NodeSocket;
  /** Peers of the datagrams that came, and who they were. */
  readonly #peers: { readonly words: Int32Array; readonly end: End }[] = [];
  /** What waits below, in its order. */
  readonly #wanted: Wanted[] = [];
  /** The datagram that is just coming; null: none may. */
  #coming: { readonly bytes: Buffer; readonly end: End } | null = null;
  #onBatch: 'keep' | 'answer' | 'answer and close' = 'keep';
  #closed = false;
  #bursts = 0;
  #errors = 0;
  #wantedErrors = 0;
  readonly #counts = {
    received: 0,
    sent: 0,
    oversized: 0,
    sourcePortZero: 0,
    sendFailures: 0,
    kernelDrops: 0,
  };

  constructor(input: Uint8Array) {
    this.#input = input;
    const head = input[0] ?? 0;
    this.#connected = (head & 1) !== 0;
    this.#isV6 = (head & 2) !== 0;
    const connectTo = { address: '192.0.2.1', port: 53 };
    this.#socket = new NodeSocket(
      this.#below as unknown as Socket,
      { address: '127.0.0.1', port: 0, ...(this.#connected ? { connectTo } : {}) },
      this,
    );
  }

  go(): void {
    while (this.#at < this.#input.length) {
      this.#step(this.#next());
      if (!this.#closed || this.#wanted.length === 0) continue;
      this.#counts.sendFailures += this.#wanted.splice(0).length;
      this.#below.giveBack();
    }
    check(this.#below.pending.length === this.#wanted.length, 'a send is missing, or one too many');
    check(this.#errors === this.#wantedErrors, 'what went wrong was not told, or not once');
    const counters = this.#socket.counters();
    for (const [name, count] of Object.entries(this.#counts)) {
      check(counters[name as keyof typeof counters] === count, `the count of ${name}`);
    }
    this.kind |= (this.#connected ? 1 : 0) | (this.#isV6 ? 2 : 0) | (this.#closed ? 4 : 0);
  }

  #next(): number {
    return this.#input[this.#at++] ?? 0;
  }

  #step(what: number): void {
    switch (what & 7) {
      case 0:
        this.#onBatch = (['keep', 'answer', 'answer and close', 'answer'] as const)[(what >> 3) & 3]!;
        this.#arrive(this.#nextEnd(), this.#next() * 17);
        break;
      case 1:
        // Many clients: their addresses share places in a table of texts.
        this.#onBatch = 'keep';
        if (++this.#bursts > MOST_BURSTS) break;
        for (let i = 0, seed = this.#next(); i < ARRIVALS; i++)
          this.#arrive(this.#endOf(seed, i), 1 + (i & 15));
        break;
      case 2:
        this.#answer(this.#next(), 12 + this.#next());
        break;
      case 3:
        if (++this.#bursts > MOST_BURSTS) break;
        for (let i = 0; i < SENDS; i++) this.#answer(i, 12 + (i & 63));
        break;
      case 4:
        this.#finish(this.#next(), null);
        break;
      case 5:
        this.#finish(1 + ((what >> 3) & 3), SEND_ERRORS[this.#next() % SEND_ERRORS.length]!);
        break;
      case 6:
        if (!this.#closed) this.#wantedErrors++;
        this.#below.emit('error', REFUSED);
        break;
      default:
        this.#close();
    }
  }

  #arrive(end: End, length: number): void {
    const bytes = Buffer.alloc(length, this.#at);
    const { text: address, port } = end;
    if (!this.#closed) {
      if (length > RECEIVE_SLOT_BYTES) this.#counts.oversized++;
      else if (port === 0) this.#counts.sourcePortZero++;
      else {
        this.#counts.received++;
        this.#coming = { bytes, end };
      }
    }
    const remote: RemoteInfo = { address, port, family: this.#isV6 ? 'IPv6' : 'IPv4', size: length };
    this.#below.emit('message', bytes, remote);
    check(this.#coming === null, 'a datagram was not passed on');
  }

  onBatch(batch: ReceiveBatch, socket: DatagramSocket): void {
    check(this.#coming !== null && !this.#closed, 'a datagram was passed on that none should be');
    const { bytes, end } = this.#coming;
    this.#coming = null;
    check(batch.count === 1 && batch.lengths[0] === bytes.length, 'another length');
    check(bytes.equals(batch.buffers[0]!.subarray(0, bytes.length)), 'other bytes');
    check(peerPort(batch.peers, 0) === end.port, 'another port');
    check(peerFamily(batch.peers, 0) === (this.#isV6 ? 6 : 4), 'another family');
    for (let i = 0; i < end.bytes.length; i++) {
      check(peerAddressByte(batch.peers, 0, i) === end.bytes[i], 'another address');
    }
    check(socket === this.#socket, 'another socket');
    this.#peers.push({ words: batch.peers.slice(0, PEER_WORDS), end });
    if (this.#onBatch === 'keep') return;
    this.#answer(this.#peers.length - 1, bytes.length % 1233);
    if (this.#onBatch === 'answer and close') this.#close();
  }

  onError(): void {
    check(!this.#closed, 'a closed socket tells');
    this.#errors++;
  }

  /** Sends to whoever sent one of the datagrams. */
  #answer(which: number, length: number): void {
    const peer = this.#peers[which % Math.max(1, this.#peers.length)];
    if (peer === undefined) return;
    const slot = this.#socket.reserve();
    slot.fill(which ^ length, 0, length);
    const bytes = slot.slice(0, length);
    if (this.#closed || this.#wanted.length >= MOST_PENDING) {
      this.#counts.sendFailures++;
      this.kind |= this.#closed ? 8 : 16;
    } else {
      this.#wanted.push({ bytes, to: peer.end });
    }
    if (this.#connected && (which & 1) === 0) this.#socket.commitConnected(length);
    else this.#socket.commit(length, peer.words, 0);
    // The slot is somebody else's from now on.
    slot.fill(0xee, 0, length);
  }

  /** The oldest sends end. */
  #finish(count: number, failure: (typeof SEND_ERRORS)[number] | null): void {
    for (const { bytes, port, address, done } of this.#below.pending.splice(0, count)) {
      const { bytes: wanted, to } = this.#wanted.shift()!;
      check(bytes.equals(wanted), 'other bytes were sent');
      check((port === null) === this.#connected, 'an end where none is needed, or none');
      check(port === null || port === to.port, 'sent to another port');
      check(address === null || address === to.text || isSameIpv6(address, to), 'sent to another address');
      if (failure === null) {
        this.#counts.sent++;
        done(null);
        continue;
      }
      this.#counts.sendFailures++;
      if (this.#connected && failure.tells) this.#wantedErrors++;
      this.kind |= failure.tells ? 32 : 64;
      done(failure.error);
    }
  }

  #close(): void {
    this.#closed = true;
    void this.#socket.close();
  }

  /** An end from the next bytes of the input. */
  #nextEnd(): End {
    const [seed, number] = [this.#next(), this.#next()];
    return this.#endOf(seed, number);
  }

  #endOf(seed: number, number: number): End {
    const port = seed === 0 ? 0 : 1024 + ((seed * 251 + number) & 0x7fff);
    if (!this.#isV6) {
      const bytes = Uint8Array.of(10, seed, number >> 2, number);
      return { text: bytes.join('.'), bytes, zone: 0, port };
    }
    // The bits of the seed say which groups are not 0: gaps of all kinds.
    const bytes = new Uint8Array(16);
    for (let group = 0; group < 8; group++) {
      if ((seed & (1 << group)) !== 0) bytes.set([seed ^ group, number], 2 * group);
    }
    // Rare: each time the machine's interfaces are asked for.
    const isLinkLocal = (seed & 0x83) === 0x81 && (number & 7) === 1;
    if (isLinkLocal) bytes.set([0xfe, 0x80]);
    // Far from the numbers of this machine's own interfaces.
    const zone = isLinkLocal ? 100_000 + number : 0;
    const groups = Array.from({ length: 8 }, (_, i) =>
      ((bytes[2 * i]! << 8) | bytes[2 * i + 1]!).toString(16),
    );
    const text = canonical(groups.join(':'));
    return { text: zone === 0 ? text : `${text}%${zone}`, bytes, zone, port };
  }
}

/** As inet_ntop writes it, which node:dgram goes by. */
function canonical(address: string): string {
  return new SocketAddress({ address, family: 'ipv6' }).address;
}

/** Addresses may be spelt in several ways. */
function isSameIpv6(address: string, to: End): boolean {
  const [own = '', zone = '0'] = address.split('%');
  const [wanted = ''] = to.text.split('%');
  return own.includes(':') && canonical(own) === wanted && Number(zone) === to.zone;
}

function errorOf(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(code), { code });
}
