// Waiters keep what a client's answer needs when the packet's buffer is long overwritten; the pool
// is bounded.
import { describe, expect, it } from 'vitest';
import { PEER_WORDS } from '../../src/io/datagram-socket.ts';
import { formatPeer, parsePeer } from '../../src/io/peer.ts';
import { NO_SINK } from '../../src/pipeline/reply-sink.ts';
import { WaiterPool } from '../../src/pipeline/waiter.ts';
import { HEADER_LENGTH } from '../../src/wire/header.ts';
import { DATAGRAMS, queryFrom, STREAM, testQuery } from './queries.ts';

function take(pool: WaiterPool, qname: string, port = 4000) {
  const { bytes, q } = testQuery(qname, { udpSize: 900 });
  const peers = new Int32Array(2 * PEER_WORDS);
  peers.set(parsePeer('192.0.2.1', port)!, PEER_WORDS);
  const query = queryFrom(peers, PEER_WORDS);
  Object.assign(query.parsed, q);
  query.clientHash = 77;
  const waiter = pool.take(query, 5000);
  waiter?.keepName(bytes);
  // The batch that brought it is overwritten.
  bytes.fill(0xff);
  peers.fill(-1);
  return waiter;
}

describe('waiter pool', () => {
  it('copies ID, flags, spelling, OPT, size and the way back', () => {
    const waiter = take(new WaiterPool(1), 'HoSt.Example')!;
    expect(waiter).toMatchObject({ id: 0x1234, flags: 0x0100, hasOpt: true, dnssecOk: false });
    expect(waiter).toMatchObject({
      clientHash: 77,
      sizeLimit: 900,
      receivedMs: 5000,
      replyTo: DATAGRAMS,
      next: null,
    });
    const spelling = Buffer.from(
      waiter.named.subarray(HEADER_LENGTH, HEADER_LENGTH + waiter.qnameLength),
    ).toString('latin1');
    expect(spelling).toBe('\x04HoSt\x07Example\0');
    expect(formatPeer(waiter.peers, waiter.peerOffset)).toBe('192.0.2.1:4000');
  });

  it('has no more waiters than its limit, and uses released ones again', () => {
    const pool = new WaiterPool(2);
    const [first, second] = [take(pool, 'a.example')!, take(pool, 'b.example')!];
    expect(pool.inUse).toBe(2);
    expect(take(pool, 'c.example')).toBeNull();
    pool.release(first);
    expect(pool.inUse).toBe(1);
    const third = take(pool, 'much-longer.example', 4001)!;
    expect(third).toBe(first);
    expect(third.next).toBeNull();
    expect(formatPeer(third.peers, third.peerOffset)).toBe('192.0.2.1:4001');
    expect(second.replyTo).toBe(DATAGRAMS);
  });

  it('keeps nothing of the client after release', () => {
    const pool = new WaiterPool(1);
    const waiter = take(pool, 'a.example')!;
    pool.release(waiter);
    expect(waiter.replyTo).toBe(NO_SINK);
    expect(waiter.named).toHaveLength(0);
  });
});

describe('the limit of one client', () => {
  const query = (clientHash: number, stream: boolean) => {
    const { query: made } = testQuery('host.example');
    made.replyTo = stream ? STREAM : DATAGRAMS;
    made.clientHash = clientHash;
    return made;
  };
  const takeFor = (pool: WaiterPool, clientHash: number, stream: boolean) =>
    pool.take(query(clientHash, stream), 0)!;
  const mayWait = (pool: WaiterPool, clientHash: number, stream: boolean) =>
    pool.mayWait(query(clientHash, stream));

  it('counts its waiting datagrams, not its streams, and not those of others', () => {
    const pool = new WaiterPool(10);
    pool.perClientLimit = 2;
    const [first] = [takeFor(pool, 5, false), takeFor(pool, 5, true), takeFor(pool, 6, false)];
    expect(mayWait(pool, 5, false)).toBe(true);
    takeFor(pool, 5, false);
    expect(mayWait(pool, 5, false)).toBe(false);
    expect(mayWait(pool, 5, true)).toBe(true);
    expect(mayWait(pool, 6, false)).toBe(true);
    pool.release(first!);
    expect(mayWait(pool, 5, false)).toBe(true);
  });

  it('is counted while it is off, so that it holds at once when it is set', () => {
    const pool = new WaiterPool(10);
    takeFor(pool, -7, false);
    expect(mayWait(pool, -7, false)).toBe(true);
    pool.perClientLimit = 1;
    expect(mayWait(pool, -7, false)).toBe(false);
  });
});
