// What every UDP socket must do (src/io/datagram-socket.ts). Run by batch-socket.test.ts and
// node-socket.test.ts, each with its own way to open one. Loopback only; ports are the kernel's
// choice.
import { createSocket } from 'node:dgram';
import { networkInterfaces } from 'node:os';
import { afterEach, describe, expect, it } from 'vitest';
import {
  BATCH_SLOTS,
  type DatagramHandler,
  type DatagramSocket,
  type DatagramSocketOptions,
  PEER_WORDS,
  RECEIVE_SLOT_BYTES,
  type ReceiveBatch,
} from '../../src/io/datagram-socket.ts';
import { formatPeer, formatPeerAddress, parsePeer } from '../../src/io/peer.ts';

/** The loopback addresses of this machine; containers often have no IPv6. */
export const LOOPBACKS = ['127.0.0.1', '::1'].filter((address) =>
  Object.values(networkInterfaces()).some((all) => all?.some((own) => own.address === address)),
);
const HAS_IPV6 = LOOPBACKS.includes('::1');

export interface SocketUnderTest {
  open(options: DatagramSocketOptions, handler: DatagramHandler): Promise<DatagramSocket>;
  kind: 'native' | 'node';
  /** Replies on a wildcard socket leave from the address that was asked. */
  repliesFromLocalAddress: boolean;
  supportsReusePort: boolean;
}

/** A handler that remembers what came, and lets a test await it. */
class Recorder implements DatagramHandler {
  readonly payloads: string[] = [];
  readonly peers: string[] = [];
  readonly batchCounts: number[] = [];
  readonly errors: string[] = [];
  /** Called for every datagram of a batch, e.g. to answer it. */
  onDatagram: (batch: ReceiveBatch, slot: number, socket: DatagramSocket) => void = () => {};
  #wake: () => void = () => {};

  onBatch(batch: ReceiveBatch, socket: DatagramSocket): void {
    this.batchCounts.push(batch.count);
    for (let slot = 0; slot < batch.count; slot++) {
      const bytes = batch.buffers[slot]!.subarray(0, batch.lengths[slot]!);
      this.payloads.push(Buffer.from(bytes).toString('latin1'));
      this.peers.push(formatPeer(batch.peers, slot * PEER_WORDS));
      this.onDatagram(batch, slot, socket);
    }
    this.#wake();
  }

  onError(code: string): void {
    this.errors.push(code);
    this.#wake();
  }

  /** Resolves once `condition` holds; the test's own time-out is the limit. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => (this.#wake = resolve));
  }

  count(n: number): Promise<void> {
    return this.until(() => this.payloads.length >= n);
  }
}

/** Sends a datagram's own bytes back to where it came from. */
function echo(batch: ReceiveBatch, slot: number, socket: DatagramSocket): void {
  const length = batch.lengths[slot]!;
  socket.reserve().set(batch.buffers[slot]!.subarray(0, length));
  socket.commit(length, batch.peers, slot * PEER_WORDS);
}

/** Fills the next slot with a text. */
function write(socket: DatagramSocket, text: string): number {
  const slot = socket.reserve();
  for (let i = 0; i < text.length; i++) slot[i] = text.charCodeAt(i);
  return text.length;
}

function sendText(socket: DatagramSocket, text: string, to: Int32Array): void {
  socket.commit(write(socket, text), to, 0);
}

function sendConnected(socket: DatagramSocket, text: string): void {
  socket.commitConnected(write(socket, text));
}

export function describeDatagramSocket(under: SocketUnderTest): void {
  const opened: DatagramSocket[] = [];
  const open = async (options: Partial<DatagramSocketOptions> = {}, handler = new Recorder()) => {
    const socket = await under.open({ address: '127.0.0.1', port: 0, ...options }, handler);
    opened.push(socket);
    return { socket, handler, peer: parsePeer(socket.localAddress, socket.localPort)! };
  };
  const openEcho = (options: Partial<DatagramSocketOptions> = {}) => {
    const handler = new Recorder();
    handler.onDatagram = echo;
    return open(options, handler);
  };
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((socket) => socket.close()));
  });

  describe.each(LOOPBACKS)('over %s', (address) => {
    it('binds a port of its own and says which', async () => {
      const { socket } = await open({ address });
      expect(socket.kind).toBe(under.kind);
      expect(socket.localAddress).toBe(address);
      expect(socket.localPort).toBeGreaterThan(0);
      expect(socket.receiveBufferBytes).toBeGreaterThan(0);
    });

    it('receives datagrams with the ends they came from, and answers them', async () => {
      const server = await openEcho({ address });
      const client = await open({ address });
      sendText(client.socket, 'ping', server.peer);
      await client.handler.count(1);
      expect(server.handler.payloads).toEqual(['ping']);
      expect(server.handler.peers).toEqual([formatPeer(client.peer, 0)]);
      expect(client.handler.payloads).toEqual(['ping']);
      expect(client.handler.peers).toEqual([formatPeer(server.peer, 0)]);
    });

    it('fixes the remote end of a connected socket', async () => {
      const server = await openEcho({ address });
      const other = await open({ address });
      const client = await open({ address, connectTo: { address, port: server.socket.localPort } });
      expect(client.socket.localAddress).toBe(address);
      sendText(other.socket, 'forged', client.peer);
      // The other socket's way to the server and back: its forgery was delivered, or not, before.
      sendText(other.socket, 'asked', server.peer);
      await other.handler.count(1);
      sendConnected(client.socket, 'honest');
      await client.handler.count(1);
      expect(client.handler.payloads).toEqual(['honest']);
    });

    it('reports that nobody listens at the connected remote', async () => {
      const gone = await open({ address });
      const port = gone.socket.localPort;
      await gone.socket.close();
      const { socket, handler } = await open({ address, connectTo: { address, port } });
      sendConnected(socket, 'anybody?');
      await handler.until(() => handler.errors.length > 0);
      expect(handler.errors[0]).toBe('ECONNREFUSED');
      expect(handler.payloads).toEqual([]);
    });
  });

  it('goes on after a refusal, once the remote listens again', async () => {
    const first = await open();
    const port = first.socket.localPort;
    await first.socket.close();
    const client = await open({ connectTo: { address: '127.0.0.1', port } });
    sendConnected(client.socket, 'too early');
    await client.handler.until(() => client.handler.errors.length > 0);
    await openEcho({ port });
    sendConnected(client.socket, 'now');
    await client.handler.count(1);
    expect(client.handler.payloads).toEqual(['now']);
  });

  it('takes more datagrams at once than a batch holds, those of one length in order', async () => {
    const total = 3 * BATCH_SLOTS + 7;
    const server = await open({ receiveBufferBytes: 1 << 20 });
    const client = await open();
    const sent: string[] = [];
    for (let i = 0; i < total; i++) {
      sent.push(`datagram ${1000 + i}`);
      sendText(client.socket, sent[i]!, server.peer);
    }
    await server.handler.count(total);
    expect(server.handler.payloads).toEqual(sent);
    expect(Math.max(...server.handler.batchCounts)).toBeLessThanOrEqual(BATCH_SLOTS);
    expect(server.socket.counters().received).toBe(total);
    expect(client.socket.counters()).toMatchObject({ sent: total, sendFailures: 0 });
  });

  it('keeps the order of each socket when several send datagrams of one length in turn', async () => {
    const server = await open({ receiveBufferBytes: 1 << 20 });
    const clients = [await open(), await open(), await open()];
    for (let i = 0; i < 60; i++) sendText(clients[i % 3]!.socket, `${i % 3}:${100 + i}`, server.peer);
    await server.handler.count(60);
    for (let c = 0; c < 3; c++) {
      const own = server.handler.payloads.filter((text) => text.startsWith(`${c}:`));
      expect(own).toEqual(Array.from({ length: 20 }, (_, i) => `${c}:${100 + 3 * i + c}`));
    }
  });

  it.each(
    LOOPBACKS,
  )('sends bursts of every length to several ends, each datagram whole and once: %s', async (address) => {
    const ends = [
      await open({ address, receiveBufferBytes: 1 << 20 }),
      await open({ address, receiveBufferBytes: 1 << 20 }),
    ];
    const sender = await open({ address });
    const connected = await open({ address, connectTo: { address, port: ends[0]!.socket.localPort } });
    const sent: string[][] = [[], []];
    // Repeated lengths, an end that is shorter, some longer than a segment may be (1232), none at
    // all.
    for (let i = 0; i < 240; i++) {
      const end = i % 2;
      const text = `${i}:`.padEnd((i * 131) % 1400, String.fromCharCode(97 + (i % 26)));
      sent[end]!.push(text);
      if (end === 0 && i % 3 === 0) sendConnected(connected.socket, text);
      else sendText(sender.socket, text, ends[end]!.peer);
    }
    for (let i = 0; i < 120; i++) {
      const end = i % 2;
      const text = `${i}:`.padEnd(30 + (i % 3), 'x');
      sent[end]!.push(text);
      sendText(sender.socket, text, ends[end]!.peer);
    }
    for (const [end, { handler }] of ends.entries()) {
      await handler.count(sent[end]!.length);
      expect(handler.payloads.sort()).toEqual(sent[end]!.sort());
    }
    const { sent: byOne, sendFailures } = sender.socket.counters();
    expect(byOne + connected.socket.counters().sent).toBe(360);
    expect(sendFailures).toBe(0);
  });

  it('passes an empty datagram on', async () => {
    const server = await open();
    const client = await open();
    sendText(client.socket, '', server.peer);
    await server.handler.count(1);
    expect(server.handler.payloads).toEqual(['']);
  });

  it('takes a datagram as long as a slot and drops a longer one, keeping its neighbors whole', async () => {
    const server = await open({ receiveBufferBytes: 1 << 20 });
    const plain = createSocket('udp4');
    const payloads = ['before', 'x'.repeat(RECEIVE_SLOT_BYTES + 1), 'y'.repeat(RECEIVE_SLOT_BYTES), 'after'];
    for (const payload of payloads)
      await new Promise<void>((resolve) => {
        plain.send(payload, server.socket.localPort, '127.0.0.1', () => resolve());
      });
    plain.close();
    await server.handler.count(3);
    expect(server.handler.payloads).toEqual([payloads[0], payloads[2], payloads[3]]);
    expect(server.socket.counters()).toMatchObject({ received: 3, oversized: 1 });
  });

  it('sends what was committed outside of a handler: from a promise, a timer, an immediate', async () => {
    const server = await open();
    const client = await open();
    await Promise.resolve().then(() => sendText(client.socket, 'promise', server.peer));
    await server.handler.count(1);
    setTimeout(() => sendText(client.socket, 'timer', server.peer), 1);
    await server.handler.count(2);
    setImmediate(() => sendText(client.socket, 'immediate', server.peer));
    await server.handler.count(3);
    expect(server.handler.payloads).toEqual(['promise', 'timer', 'immediate']);
  });

  it('counts what the kernel does not take, and sends the rest', async () => {
    const server = await open();
    const client = await open();
    sendText(client.socket, 'one', server.peer);
    sendText(client.socket, 'to port 0', parsePeer('127.0.0.1', 0)!);
    sendText(client.socket, 'two', server.peer);
    await server.handler.count(2);
    expect(server.handler.payloads).toEqual(['one', 'two']);
    expect(client.socket.counters()).toMatchObject({ sent: 2, sendFailures: 1 });
  });

  it('grants a larger receive buffer on request', async () => {
    const usual = await open();
    const small = await open({ receiveBufferBytes: 16_384 });
    expect(small.socket.receiveBufferBytes).toBeGreaterThanOrEqual(16_384);
    expect(small.socket.receiveBufferBytes).toBeLessThan(usual.socket.receiveBufferBytes);
  });

  it('fails to open with the code of the system', async () => {
    const { socket } = await open();
    const port = socket.localPort;
    await expect(open({ port })).rejects.toMatchObject({ code: 'EADDRINUSE', port });
    await expect(open({ address: '192.0.2.1' })).rejects.toMatchObject({ code: 'EADDRNOTAVAIL' });
    await expect(open({ address: 'localhost' })).rejects.toMatchObject({ code: 'EINVAL' });
  });

  it('fails to open where there is no way to the remote end', async () => {
    // From loopback nothing leads out of the machine.
    const connectTo = { address: '192.0.2.1', port: 53 };
    await expect(open({ connectTo })).rejects.toMatchObject({ code: 'EINVAL' });
  });

  it('sends what is queued before it closes', async () => {
    const server = await open();
    const client = await open();
    sendText(client.socket, 'last words', server.peer);
    await client.socket.close();
    await server.handler.count(1);
    expect(server.handler.payloads).toEqual(['last words']);
  });

  it('closes once, frees its port, keeps its counters, calls nobody afterwards', async () => {
    const server = await open();
    const client = await open();
    const port = server.socket.localPort;
    sendText(client.socket, 'one', server.peer);
    await server.handler.count(1);
    await Promise.all([server.socket.close(), server.socket.close()]);
    await server.socket.close();
    expect(server.socket.counters()).toMatchObject({ received: 1 });
    sendText(server.socket, 'ignored', client.peer);
    expect(server.socket.counters()).toMatchObject({ sent: 0, sendFailures: 1 });

    const successor = await open({ port });
    sendText(client.socket, 'two', server.peer);
    await successor.handler.count(1);
    expect(server.handler.payloads).toEqual(['one']);
    expect(client.handler.payloads).toEqual([]);
  });

  it('may be closed from its own handler', async () => {
    const handler = new Recorder();
    handler.onDatagram = (batch, slot, socket) => {
      echo(batch, slot, socket);
      void socket.close();
    };
    const server = await open({}, handler);
    const client = await open();
    sendText(client.socket, 'stop', server.peer);
    await client.handler.count(1);
    expect(client.handler.payloads).toEqual(['stop']);
    expect(handler.payloads).toEqual(['stop']);
  });

  if (HAS_IPV6)
    it('leaves the other family alone on a wildcard', async () => {
      const v6 = await open({ address: '::' });
      const v4 = await open({ address: '0.0.0.0', port: v6.socket.localPort });
      const client = await open();
      sendText(client.socket, 'four', parsePeer('127.0.0.1', v4.socket.localPort)!);
      await v4.handler.count(1);
      expect(v6.handler.payloads).toEqual([]);
    });

  if (under.repliesFromLocalAddress)
    it('answers from the address that was asked, on a wildcard', async () => {
      const v4 = await openEcho({ address: '0.0.0.0' });
      const client = await open();
      sendText(client.socket, 'to 2', parsePeer('127.0.0.2', v4.socket.localPort)!);
      await client.handler.count(1);
      expect(client.handler.peers).toEqual([`127.0.0.2:${v4.socket.localPort}`]);
      for (let i = 0; i < 40; i++) {
        const asked = parsePeer(`127.0.0.${2 + (i % 3)}`, v4.socket.localPort)!;
        sendText(client.socket, `to ${2 + (i % 3)}`, asked);
      }
      await client.handler.count(41);
      for (const [i, text] of client.handler.payloads.entries())
        expect(client.handler.peers[i]).toBe(`127.0.0.${text.slice(3)}:${v4.socket.localPort}`);

      if (!HAS_IPV6) return;
      const v6 = await openEcho({ address: '::' });
      const client6 = await open({ address: '::1' });
      sendText(client6.socket, 'six', parsePeer('::1', v6.socket.localPort)!);
      await client6.handler.count(1);
      expect(client6.handler.peers).toEqual([`[::1]:${v6.socket.localPort}`]);
      expect(formatPeerAddress(client6.peer, 0)).toBe('::1');
    });

  describe.each(
    [...LOOPBACKS, '0.0.0.0', '::'].filter((address) => HAS_IPV6 || !address.includes(':')),
  )('retired on %s', (address) => {
    // A wildcard socket is asked at an address that the kernel would not answer from by itself.
    const other = address === '0.0.0.0' && under.repliesFromLocalAddress;
    const loopback = address.includes(':') ? '::1' : other ? '127.0.0.2' : '127.0.0.1';

    it('hands on what waits and still answers', async () => {
      const server = await openEcho({ address });
      const to = parsePeer(loopback, server.socket.localPort)!;
      const client = await open({ address: loopback });
      for (let i = 0; i < 3 * BATCH_SLOTS; i++) sendText(client.socket, `${1000 + i}`, to);
      // Sent, and not yet read: both happen in later turns of this thread's loop, the sending
      // first.
      await new Promise((resolve) => setImmediate(resolve));
      await server.socket.retire();
      await server.socket.retire();
      await client.handler.count(3 * BATCH_SLOTS);
      expect(client.handler.payloads).toEqual(
        Array.from({ length: 3 * BATCH_SLOTS }, (_, i) => `${1000 + i}`),
      );
      expect(new Set(client.handler.peers)).toEqual(new Set([formatPeer(to, 0)]));
    });

    if (under.supportsReusePort && under.kind === 'native')
      it('loses none of a steady stream to the sockets that share its port', async () => {
        const first = await openEcho({ address, reusePort: true, receiveBufferBytes: 1 << 20 });
        const port = first.socket.localPort;
        const second = await openEcho({ address, reusePort: true, port, receiveBufferBytes: 1 << 20 });
        const to = parsePeer(loopback, port)!;
        const clients = await Promise.all(Array.from({ length: 40 }, () => open({ address: loopback })));
        let sent = 0;
        const sendOneEach = () => {
          for (const client of clients) sendText(client.socket, `${sent++}`, to);
        };
        const waitForAll = () =>
          Promise.all(clients.map((client) => client.handler.count(sent / clients.length)));
        for (let round = 0; round < 20; round++) sendOneEach();
        await waitForAll();
        const beforeRetiring = first.handler.payloads.length;
        expect(beforeRetiring).toBeGreaterThan(0);

        let retired = false;
        const retiring = first.socket.retire().then(() => {
          retired = true;
        });
        while (!retired) {
          sendOneEach();
          await new Promise((resolve) => setImmediate(resolve));
        }
        await retiring;
        const whenRetired = first.handler.payloads.length;
        for (let round = 0; round < 20; round++) sendOneEach();
        await waitForAll();
        expect(first.handler.payloads.length).toBe(whenRetired);
        await first.socket.close();
        sendOneEach();
        await waitForAll();
        // Each exactly once, by one or the other.
        const all = [...first.handler.payloads, ...second.handler.payloads].map(Number);
        expect(all.sort((a, b) => a - b)).toEqual(Array.from({ length: sent }, (_, i) => i));
        expect(new Set(clients.flatMap((client) => client.handler.peers))).toEqual(
          new Set([formatPeer(to, 0)]),
        );
      });
  });

  it.each([
    false,
    true,
  ])('shares a port where SO_REUSEPORT can be had, and says ENOTSUP where not (claim %s)', async (claim) => {
    if (!under.supportsReusePort) {
      await expect(open({ reusePort: true, claim })).rejects.toMatchObject({ code: 'ENOTSUP' });
      return;
    }
    const first = await openEcho({ reusePort: true, claim });
    const second = await openEcho({ reusePort: true, port: first.socket.localPort });
    expect(second.socket.localPort).toBe(first.socket.localPort);
    // The kernel chooses by the client's port: with 40 clients, both are chosen (a miss has odds of
    // 2⁻³⁹).
    const clients = await Promise.all(Array.from({ length: 40 }, () => open()));
    for (const client of clients) sendText(client.socket, 'share', first.peer);
    await Promise.all(clients.map((client) => client.handler.count(1)));
    expect(first.handler.payloads.length).toBeGreaterThan(0);
    expect(second.handler.payloads.length).toBeGreaterThan(0);
    const claiming = open({ reusePort: true, claim: true, port: first.socket.localPort });
    await expect(claiming).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });
}
