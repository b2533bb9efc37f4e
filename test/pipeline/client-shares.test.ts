// Places by client, against the same kept in the plainest way: who holds most, and who came first.
import { describe, expect, it } from 'vitest';
import { ClientShares } from '../../src/pipeline/client-shares.ts';
import { Waiter } from '../../src/pipeline/waiter.ts';

function waiterOf(clientHash: number): Waiter {
  const waiter = new Waiter();
  waiter.clientHash = clientHash;
  return waiter;
}

/**
 * Shares in which these clients have one waiter each, in this order; a client may stand there more
 * than once.
 */
function sharesOf(...clients: number[]): { shares: ClientShares<Waiter>; waiters: Waiter[] } {
  const shares = new ClientShares<Waiter>();
  const waiters = clients.map(waiterOf);
  for (const waiter of waiters) shares.add(waiter);
  return { shares, waiters };
}

describe('client-shares', () => {
  it('give a new client the oldest slot of the client that holds the most', () => {
    const { shares, waiters } = sharesOf(2, 1, 2, 3, 1, 1);
    expect(shares.findSurplus(9)).toBe(waiters[1]);
    expect(shares.findSurplus(3)).toBe(waiters[1]);
  });

  it('give nothing if the new client would then hold more than the other keeps', () => {
    const { shares, waiters } = sharesOf(1, 1, 1, 2, 2, 3);
    expect(shares.findSurplus(1)).toBeNull();
    expect(shares.findSurplus(2)).toBeNull();
    expect(shares.findSurplus(3)).toBe(waiters[0]);
    expect(sharesOf().shares.findSurplus(1)).toBeNull();
    expect(sharesOf(1, 2, 3).shares.findSurplus(4)).toBeNull();
  });

  it('know the client that holds the most after it changes', () => {
    const { shares, waiters } = sharesOf(1, 1, 1, 2, 2);
    shares.remove(waiters[0]!);
    shares.remove(waiters[2]!);
    expect(shares.findSurplus(9)).toBe(waiters[3]);
    shares.remove(waiters[4]!);
    expect(shares.findSurplus(9)).toBeNull();
  });

  it('keep clients apart when their hashes collide', () => {
    for (let bit = 0; bit < 32; bit++) {
      const { shares, waiters } = sharesOf(7, 7, 7);
      expect(shares.findSurplus(7)).toBeNull();
      expect(shares.findSurplus(7 ^ (1 << bit))).toBe(waiters[0]);
    }
  });

  it('agree with a plain list through many random changes', () => {
    const shares = new ClientShares<Waiter>();
    const all: Waiter[] = [];
    const free: Waiter[] = [];
    let state = 1;
    const random = (below: number) => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    let given = 0;
    for (let step = 0; step < 6000; step++) {
      // Few clients, some of them much greedier than others; now more come, now more go.
      const client = 1024 * (random(4) === 0 ? random(40) : random(3));
      if (random(100) < (step % 2000 < 1000 ? 60 : 40)) {
        // As in the pool, one that was released is used again.
        const waiter = free.pop() ?? new Waiter();
        waiter.clientHash = client;
        shares.add(waiter);
        all.push(waiter);
      } else if (all.length > 0) {
        const [waiter] = all.splice(random(all.length), 1);
        shares.remove(waiter!);
        free.push(waiter!);
      }
      const held = new Map<number, number>();
      for (const { clientHash } of all) held.set(clientHash, (held.get(clientHash) ?? 0) + 1);
      const newcomer = 1024 * random(45);
      const most = Math.max(0, ...held.values());
      const found = shares.findSurplus(newcomer);
      if ((held.get(newcomer) ?? 0) + 1 >= most) {
        expect(found).toBeNull();
        continue;
      }
      given++;
      expect(held.get(found!.clientHash)).toBe(most);
      expect(found).toBe(all.find(({ clientHash }) => clientHash === found!.clientHash));
    }
    expect(given).toBeGreaterThan(1500);
  });
});
