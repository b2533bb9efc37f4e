// The way to the reader: greeting, events, goodbye; a reader that is away, stuck, or comes back.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { DnstapOutput, MAX_WAITING_BYTES } from '../../src/dnstap/dnstap-output.ts';
import { Counter, Counters, createCounterBlock } from '../../src/metrics/counters.ts';
import { TestReader } from './reader.ts';

const READY = 4;
const START = 2;
const STOP = 3;

let folder: string;
let path: string;
let counters: Counters;
let reader: TestReader;
let output: DnstapOutput;
let faults: (string | null)[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'dnstap-'));
  path = join(folder, 'socket');
  counters = new Counters(createCounterBlock());
  reader = new TestReader();
  faults = [];
});
afterEach(async () => {
  await output.close();
  await reader.close();
  rmSync(folder, { recursive: true });
});

const event = (number: number) => Uint8Array.of(1, number);
const connected = () => expect.poll(() => counters.values[Counter.dnstapConnected], { timeout: 20_000 });

it('greets, sends in order what came before and after, and says goodbye', async () => {
  await reader.listen(path);
  output = new DnstapOutput({ path }, counters, (fault) => faults.push(fault));
  output.send(event(1));
  await connected().toBe(1);
  output.send(event(2));
  output.send(event(3));
  await output.close();
  expect(reader.events).toEqual([event(1), event(2), event(3)]);
  expect(reader.controls).toEqual([READY, START, STOP]);
  expect(counters.values[Counter.dnstapSent]).toBe(3);
  expect(counters.values[Counter.dnstapDropped]).toBe(0);
});

it('drops and counts what there is no room for while the reader is away, and connects again', async () => {
  output = new DnstapOutput({ path }, counters, (fault) => faults.push(fault));
  const large = new Uint8Array(MAX_WAITING_BYTES / 4);
  for (let i = 0; i < 6; i++) output.send(large);
  expect(counters.values[Counter.dnstapDropped]).toBe(2);
  // What is kept for it is not sent yet, and it is said why.
  expect(counters.values[Counter.dnstapSent]).toBe(0);
  await expect.poll(() => faults[0], { timeout: 20_000 }).toMatch(/ENOENT/);
  await reader.listen(path);
  await connected().toBe(1);
  expect(faults.at(-1)).toBeNull();
  await expect.poll(() => reader.events.length, { timeout: 20_000 }).toBe(4);

  for (const socket of reader.sockets) socket.destroy();
  await connected().toBe(0);
  await connected().toBe(1);
  output.send(event(9));
  await expect.poll(() => reader.events.at(-1), { timeout: 20_000 }).toEqual(event(9));
});

it('keeps no more than its limit for a reader that is stuck', async () => {
  reader.isStuck = true;
  await reader.listen(path);
  output = new DnstapOutput({ path }, counters, (fault) => faults.push(fault));
  await connected().toBe(1);
  const large = new Uint8Array(MAX_WAITING_BYTES / 4);
  // What the kernel holds for it is not ours.
  for (let round = 0; counters.values[Counter.dnstapDropped] === 0 && round < 1000; round++) {
    output.send(large);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  expect(counters.values[Counter.dnstapDropped]).toBeGreaterThan(0);
  // What waits here was not taken by its socket; with the connection it is lost.
  const written = counters.values[Counter.dnstapSent]! + counters.values[Counter.dnstapDropped]!;
  for (const socket of reader.sockets) socket.destroy();
  await expect
    .poll(() => counters.values[Counter.dnstapSent]! + counters.values[Counter.dnstapDropped]!)
    .toBeGreaterThan(written);
});

it('sends nothing to a reader that does not accept', async () => {
  reader.accepts = false;
  await reader.listen(path);
  output = new DnstapOutput({ path }, counters, (fault) => faults.push(fault));
  output.send(event(1));
  await expect.poll(() => reader.controls, { timeout: 20_000 }).toEqual([READY]);
  await output.close();
  expect(reader.events).toEqual([]);
  expect(counters.values[Counter.dnstapConnected]).toBe(0);
  // We ended it ourselves.
  expect(faults).toEqual([]);
});
