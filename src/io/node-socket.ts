// The UDP socket over node:dgram, for machines without the C addon: the same contract
// (datagram-socket.ts), a datagram at a time. Opened by open-socket. It cannot choose the address a
// reply leaves from, nor see the kernel's drops.
import { type BindOptions, createSocket, type RemoteInfo, type Socket, type SocketOptions } from 'node:dgram';
import { isIP } from 'node:net';
import { WordBytes } from '../base/word-bytes.ts';
import {
  BATCH_SLOTS,
  type DatagramCounters,
  type DatagramHandler,
  type DatagramSocket,
  type DatagramSocketOptions,
  PEER_WORDS,
  RECEIVE_SLOT_BYTES,
  type ReceiveBatch,
  SEND_SLOT_BYTES,
} from './datagram-socket.ts';
import { copyPeer, formatPeerAddress, peerPort, sameRemote, writePeer } from './peer.ts';
import { socketError } from './socket-error.ts';

/** Sends that may wait in libuv at a time: its queue has no limit. */
const MAX_PENDING_SENDS = 1024;
/**
 * Turns of the event loop that a retired socket reads on; libuv takes up to 32 datagrams in each.
 */
const RETIRE_TURNS = 64;
/**
 * A send that failed so was about that datagram, or about room here: it says nothing of the remote
 * end (as in batch_socket.c).
 */
const OWN_FAILURES: ReadonlySet<string | undefined> = new Set(['EAGAIN', 'ENOBUFS', 'EMSGSIZE']);

/** Whether node:dgram knows SO_REUSEPORT: since 23.1 (and where the kernel balances by it). */
export function nodeSupportsReusePort(): boolean {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  return process.platform === 'linux' && (major > 23 || (major === 23 && minor >= 1));
}

/**
 * Opens a socket. Rejects with an Error with the system's code, or ENOTSUP if reusePort is not
 * available.
 */
export async function openNodeSocket(
  options: DatagramSocketOptions,
  handler: DatagramHandler,
): Promise<NodeSocket> {
  const family = isIP(options.address.replace(/%.*/, ''));
  if (family === 0) throw socketError('EINVAL', 'bind', options.address, options.port);
  const reusePort = options.reusePort === true && options.fd === undefined;
  if (reusePort && !nodeSupportsReusePort())
    throw socketError('ENOTSUP', 'reusePort', options.address, options.port);

  if (reusePort && options.claim && options.port !== 0) {
    // Node cannot share an address that it has bound already: the bind is tried first, a moment
    // before the real one.
    const trial = await openNodeSocket({ address: options.address, port: options.port }, handler);
    await trial.close();
  }

  const socketOptions: SocketOptions & { reusePort?: boolean } = {
    type: family === 6 ? 'udp6' : 'udp4',
    ipv6Only: family === 6,
    // Addresses are literals: answering at once keeps a send from waiting for a later tick.
    lookup: (address, _options, callback) => callback(null, address, family),
    ...(reusePort ? { reusePort } : {}),
  };
  const socket = createSocket(socketOptions);
  const bindOptions: BindOptions =
    options.fd === undefined
      ? { address: options.address, port: options.port, exclusive: true }
      : { fd: options.fd, exclusive: true };
  try {
    await settle(socket, (done) => socket.bind(bindOptions, done));
    if (options.receiveBufferBytes !== undefined) socket.setRecvBufferSize(options.receiveBufferBytes);
    const remote = options.connectTo;
    if (remote) await settle(socket, (done) => socket.connect(remote.port, remote.address, done));
  } catch (error) {
    socket.close();
    const { code = 'EINVAL', syscall = 'bind' } = error as NodeJS.ErrnoException;
    throw socketError(code, syscall, options.address, options.port);
  }
  return new NodeSocket(socket, options, handler);
}

/**
 * Runs one step of opening; an 'error' event fails it, and so does an error that `done` is called
 * with, as connect() does.
 */
function settle(socket: Socket, start: (done: (error?: Error) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    start((error) => {
      socket.off('error', reject);
      if (error === undefined) resolve();
      else reject(error);
    });
  });
}

/** A UDP socket of node:dgram behind the batch contract. */
export class NodeSocket implements DatagramSocket {
  readonly kind = 'node';
  readonly localAddress: string;
  readonly localPort: number;
  readonly receiveBufferBytes: number;
  readonly fd = -1;
  readonly #socket: Socket;
  readonly #handler: DatagramHandler;
  readonly #connected: boolean;
  readonly #counters: DatagramCounters = {
    received: 0,
    sent: 0,
    oversized: 0,
    sourcePortZero: 0,
    sendFailures: 0,
    kernelDrops: 0,
  };
  #slot = WordBytes.ofLength(SEND_SLOT_BYTES);
  #pendingSends = 0;
  #closed: Promise<void> | null = null;

  constructor(socket: Socket, options: DatagramSocketOptions, handler: DatagramHandler) {
    const { address, port } = socket.address();
    this.localAddress = address;
    this.localPort = port;
    this.receiveBufferBytes = socket.getRecvBufferSize();
    this.#socket = socket;
    this.#handler = handler;
    this.#connected = options.connectTo !== undefined;
    socket.on('message', (bytes, remote) => this.#receive(bytes, remote));
    socket.on('error', (error: NodeJS.ErrnoException) => this.#fail(error.code ?? 'UNKNOWN'));
  }

  reserve(): Uint8Array {
    return this.#slot;
  }

  commit(length: number, peers: Int32Array, wordOffset: number): void {
    const port = peerPort(peers, wordOffset);
    if (!this.#maySend() || port === 0) {
      this.#counters.sendFailures++;
      return;
    }
    if (this.#connected) this.#socket.send(this.#takeSlot(length), this.#onSent);
    else this.#socket.send(this.#takeSlot(length), port, remoteText(peers, wordOffset), this.#onSent);
  }

  commitConnected(length: number): void {
    if (this.#maySend()) this.#socket.send(this.#takeSlot(length), this.#onSent);
    else this.#counters.sendFailures++;
  }

  counters(): DatagramCounters {
    return { ...this.#counters };
  }

  /** node:dgram has no way to set such an option. */
  deal(): string {
    return 'ENOTSUP';
  }

  async retire(): Promise<void> {
    // A connected socket of node:dgram could not answer any more; what waits is read in the next
    // turns.
    for (let turn = 0; turn < RETIRE_TURNS; turn++) await new Promise((resolve) => setImmediate(resolve));
  }

  close(): Promise<void> {
    this.#closed ??= new Promise((resolve) => {
      this.#socket.removeAllListeners('message');
      // libuv hands sends to the kernel at once; only what it would not take is still waiting, and
      // fails.
      this.#socket.close(resolve);
    });
    return this.#closed;
  }

  #maySend(): boolean {
    return this.#closed === null && this.#pendingSends < MAX_PENDING_SENDS;
  }

  /** A copy of the slot: libuv may keep it when the kernel's buffer is full. */
  #takeSlot(length: number): Buffer {
    this.#pendingSends++;
    const copy = Buffer.allocUnsafe(length);
    copy.set(this.#slot.subarray(0, length));
    return copy;
  }

  readonly #onSent = (error: NodeJS.ErrnoException | null): void => {
    this.#pendingSends--;
    if (!error) {
      this.#counters.sent++;
      return;
    }
    this.#counters.sendFailures++;
    if (this.#connected && !OWN_FAILURES.has(error.code)) this.#fail(error.code ?? 'UNKNOWN');
  };

  #fail(code: string): void {
    if (this.#closed === null) this.#handler.onError(code, this);
  }

  #receive(bytes: Uint8Array, remote: RemoteInfo): void {
    if (this.#closed !== null) return;
    if (bytes.length > RECEIVE_SLOT_BYTES) {
      this.#counters.oversized++;
      return;
    }
    if (remote.port === 0) {
      this.#counters.sourcePortZero++;
      return;
    }
    this.#counters.received++;
    batch.count = 1;
    batch.buffers[0] = bytes;
    batch.lengths[0] = bytes.length;
    writePeer(remote.address, remote.port, batch.peers, 0);
    rememberText(batch.peers, remote.address);
    this.#handler.onBatch(batch, this);
  }
}

/** The batch of all node sockets of this thread: one datagram, in its own buffer. */
const batch: ReceiveBatch = {
  count: 0,
  buffers: Array.from({ length: BATCH_SLOTS }, () => new Uint8Array(0)),
  lengths: new Int32Array(BATCH_SLOTS),
  peers: new Int32Array(BATCH_SLOTS * PEER_WORDS),
};

// Texts of the addresses seen last, so that a reply need not format its client's address again.
// Direct-mapped: an address has one slot, and the newest one takes it.
const TEXT_SLOTS = 1024;
const textPeers = new Int32Array(TEXT_SLOTS * PEER_WORDS);
const texts: string[] = new Array(TEXT_SLOTS).fill('');

function textSlot(words: Int32Array, offset: number): number {
  let hash = words[offset]!;
  for (let i = 1; i <= 5; i++) hash = Math.imul(hash ^ words[offset + i]!, 0x9e3779b1);
  return hash >>> 22;
}

function rememberText(words: Int32Array, text: string): void {
  const slot = textSlot(words, 0);
  copyPeer(words, 0, textPeers, slot * PEER_WORDS);
  texts[slot] = text;
}

function remoteText(words: Int32Array, offset: number): string {
  const slot = textSlot(words, offset);
  if (sameRemote(words, offset, textPeers, slot * PEER_WORDS)) return texts[slot]!;
  return formatPeerAddress(words, offset);
}
