// The batched UDP socket: the JavaScript side of native/batch_socket.c, which fills and empties the
// memory owned here. Opened by open-socket; keeps the contract of datagram-socket.ts.
//
//   send slots   │ 0 │ 1 │ 2 │   …   │ 127 │     control[0] = queued: slots committed and not yet sent
//                  ▲ committed ▲ └ reserve() gives slot [queued], commit() fills in its row and adds 1
//
// The C side empties the queue: right after the handler returns, or in a libuv prepare handle,
// which runs before the loop waits. So a commit from a timer, a TCP stream or a promise needs no
// scheduling here, costs no call into C, and shares a batch with all the others of its turn.
import { setTimeout as sleep } from 'node:timers/promises';
import { getSystemErrorName } from 'node:util';
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
import { type NativeAddon, nativeAddon, sharingOf } from './native-addon.ts';
import { copyPeer, formatPeerAddress, peerPort } from './peer.ts';
import { socketError } from './socket-error.ts';

/**
 * As SEND_SLOTS in native/batch_socket.h: two full batches, as a batch of misses may send to
 * upstreams and answer clients.
 */
const SEND_SLOTS = 128;
const QUEUED = 0;
/** Interval between two checks of a retiring socket's queue, while the loop reads it. */
const RETIRE_LOOK_MS = 1;

/** What all batch sockets of a thread share. */
interface ThreadState {
  readonly addon: NativeAddon;
  readonly sockets: (BatchSocket | null)[];
  readonly batch: ReceiveBatch;
  readonly sendSlots: Uint8Array[];
  readonly sendLengths: Int32Array;
  readonly sendPeers: Int32Array;
  readonly sendSockets: Int32Array;
  readonly control: Int32Array;
}

let threadState: ThreadState | null = null;

/** Opens a socket. Throws an Error with the system's code (EADDRINUSE, EACCES, EADDRNOTAVAIL …). */
export function openBatchSocket(options: DatagramSocketOptions, handler: DatagramHandler): BatchSocket {
  const addon = nativeAddon();
  if (addon === null) throw socketError('ENOTSUP', 'open', options.address, options.port);
  threadState ??= attachThread(addon);
  const details = new Int32Array(new ArrayBuffer((PEER_WORDS + 2) * 4));
  const id = addon.open(
    options.address,
    options.port,
    sharingOf(options),
    options.receiveBufferBytes ?? 0,
    options.connectTo?.address ?? '',
    options.connectTo?.port ?? 0,
    options.fd ?? -1,
    details,
  );
  if (id < 0) throw socketError(getSystemErrorName(id), 'bind', options.address, options.port);
  const socket = new BatchSocket(threadState, id, handler, details);
  threadState.sockets[id] = socket;
  return socket;
}

/** A UDP socket that receives and sends in batches. */
export class BatchSocket implements DatagramSocket {
  readonly kind = 'native';
  readonly localAddress: string;
  readonly localPort: number;
  readonly receiveBufferBytes: number;
  readonly fd: number;
  readonly handler: DatagramHandler;
  readonly #thread: ThreadState;
  readonly #id: number;
  readonly #numbers = new Float64Array(new ArrayBuffer(6 * 8));
  #closed = false;

  constructor(thread: ThreadState, id: number, handler: DatagramHandler, details: Int32Array) {
    this.#thread = thread;
    this.#id = id;
    this.handler = handler;
    this.localAddress = formatPeerAddress(details, 0);
    this.localPort = peerPort(details, 0);
    this.receiveBufferBytes = details[PEER_WORDS]!;
    this.fd = details[PEER_WORDS + 1]!;
  }

  reserve(): Uint8Array {
    const thread = this.#thread;
    if (thread.control[QUEUED]! >= SEND_SLOTS) thread.addon.flush();
    return thread.sendSlots[thread.control[QUEUED]!]!;
  }

  commit(length: number, peers: Int32Array, wordOffset: number): void {
    const thread = this.#thread;
    const slot = this.#queue(length);
    if (slot < 0) return;
    copyPeer(peers, wordOffset, thread.sendPeers, slot * PEER_WORDS);
  }

  commitConnected(length: number): void {
    // The slot's peer row keeps what an earlier datagram left there: a connected socket ignores it.
    this.#queue(length);
  }

  counters(): DatagramCounters {
    const numbers = this.#numbers;
    if (!this.#closed) this.#thread.addon.counters(this.#id, numbers);
    return {
      received: numbers[0]!,
      sent: numbers[1]!,
      oversized: numbers[2]!,
      sourcePortZero: numbers[3]!,
      sendFailures: numbers[4]!,
      kernelDrops: numbers[5]!,
    };
  }

  deal(program: Uint8Array): string {
    const outcome = this.#closed ? 0 : this.#thread.addon.deal(this.#id, program);
    return outcome < 0 ? getSystemErrorName(outcome) : '';
  }

  async retire(): Promise<void> {
    const { addon } = this.#thread;
    // The queue counts as empty only after a second check: a datagram may be on its way from the
    // device to the queue at the first.
    for (let emptyLooks = 0; emptyLooks < 2 && !this.#closed; ) {
      const waiting = addon.retire(this.#id);
      if (waiting < 0) return;
      emptyLooks = waiting === 0 ? emptyLooks + 1 : 0;
      await sleep(RETIRE_LOOK_MS);
    }
  }

  close(): Promise<void> {
    if (!this.#closed) {
      const { addon, sockets } = this.#thread;
      addon.flush();
      addon.counters(this.#id, this.#numbers);
      this.#closed = true;
      sockets[this.#id] = null;
      addon.close(this.#id);
    }
    return Promise.resolve();
  }

  /** Takes the reserved slot; −1 if nothing can be sent any more (counted). */
  #queue(length: number): number {
    if (this.#closed) {
      this.#numbers[4]!++;
      return -1;
    }
    const thread = this.#thread;
    const slot = thread.control[QUEUED]!;
    thread.sendLengths[slot] = length;
    thread.sendSockets[slot] = this.#id;
    thread.control[QUEUED] = slot + 1;
    return slot;
  }
}

/**
 * Gives the addon its memory. An own ArrayBuffer each: a small typed array may otherwise live where
 * V8 moves it.
 */
function attachThread(addon: NativeAddon): ThreadState {
  const int32Array = (length: number) => new Int32Array(new ArrayBuffer(length * 4));
  const receiveMemory = WordBytes.ofLength(BATCH_SLOTS * RECEIVE_SLOT_BYTES);
  const sendMemory = WordBytes.ofLength(SEND_SLOTS * SEND_SLOT_BYTES);
  const batch: ReceiveBatch = {
    count: 0,
    buffers: sliceSlots(receiveMemory, RECEIVE_SLOT_BYTES),
    lengths: int32Array(BATCH_SLOTS),
    peers: int32Array(BATCH_SLOTS * PEER_WORDS),
  };
  const state: ThreadState = {
    addon,
    sockets: [],
    batch,
    sendSlots: sliceSlots(sendMemory, SEND_SLOT_BYTES),
    sendLengths: int32Array(SEND_SLOTS),
    sendPeers: int32Array(SEND_SLOTS * PEER_WORDS),
    sendSockets: int32Array(SEND_SLOTS),
    control: int32Array(1),
  };
  const { sockets } = state;
  const onEvent = (socketId: number, countOrErrno: number) => {
    const socket = sockets[socketId];
    if (socket === null || socket === undefined) return;
    if (countOrErrno > 0) {
      batch.count = countOrErrno;
      socket.handler.onBatch(batch, socket);
    } else {
      socket.handler.onError(getSystemErrorName(countOrErrno), socket);
    }
  };
  addon.attach(
    onEvent,
    receiveMemory,
    batch.lengths,
    batch.peers,
    sendMemory,
    state.sendLengths,
    state.sendPeers,
    state.sendSockets,
    state.control,
  );
  return state;
}

function sliceSlots({ buffer, length }: WordBytes, slotBytes: number): WordBytes[] {
  const slots: WordBytes[] = [];
  for (let offset = 0; offset < length; offset += slotBytes)
    slots.push(new WordBytes(buffer as ArrayBuffer, offset, slotBytes));
  return slots;
}
