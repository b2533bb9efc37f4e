// What a client has used of its rate is known to all workers: its queries may come to any of them.
import { expect, it } from 'vitest';
import { parsePeer } from '../../src/io/peer.ts';
import { ClientRates, createClientRates } from '../../src/pipeline/client-rates.ts';
import { DATAGRAMS, queryFrom } from './queries.ts';

const INTERVAL_MS = 20;

const client = (address: string) => queryFrom(parsePeer(address, 4000)!, 0, DATAGRAMS);

it('applies one rate to a client across all workers', () => {
  const buffer = createClientRates();
  const workers = [new ClientRates(buffer), new ClientRates(buffer), new ClientRates(buffer)];
  let served = 0;
  for (let i = 0; i < 600; i++) if (workers[i % 3]!.spend(client('192.0.2.1'), INTERVAL_MS, 10_000)) served++;
  // A burst of a second, 50 queries, and the one that may go over it.
  expect(served).toBe(51);
  // All its queries for one name, which one worker serves: the whole rate is its own.
  served = 0;
  for (let i = 0; i < 600; i++) if (workers[0]!.spend(client('192.0.2.1'), INTERVAL_MS, 60_000)) served++;
  expect(served).toBe(51);
});

it('keeps clients apart', () => {
  const buffer = createClientRates();
  for (let i = 0; i < 600; i++) new ClientRates(buffer).spend(client('192.0.2.1'), INTERVAL_MS, 10_000);
  expect(new ClientRates(buffer).spend(client('192.0.2.2'), INTERVAL_MS, 10_000)).toBe(true);
});

it('uses a different seed in each process', () => {
  const seeds = new Set(Array.from({ length: 20 }, () => new Int32Array(createClientRates())[0]));
  expect(seeds.size).toBeGreaterThan(15);
});
