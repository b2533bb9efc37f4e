// Streams of events: bounded in number, none for a reader that does not read, one timer for all.
import type { ServerResponse } from 'node:http';
import { Writable } from 'node:stream';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { EventStreams, MAX_STREAMS } from '../../src/admin/event-streams.ts';

/** A response that keeps what is written to it, and may stop reading. */
class Reader extends Writable {
  text = '';
  isReading = true;

  constructor() {
    super({ highWaterMark: 64, decodeStrings: false });
  }

  override _write(chunk: string, _encoding: string, done: () => void): void {
    this.text += chunk;
    if (this.isReading) done();
  }

  get events(): string[] {
    return this.text.split('\n\n').filter((event) => event.startsWith('event: '));
  }
}

let made: { status: number; page: number };
let reported: Error[];
let streams: EventStreams;

function open(kind: 'status' | 'page' = 'status'): Reader {
  const reader = new Reader();
  streams.add(kind, reader as unknown as ServerResponse);
  return reader;
}

beforeEach(() => {
  vi.useFakeTimers();
  made = { status: 0, page: 0 };
  reported = [];
  streams = new EventStreams({
    makers: { status: () => `{"n":${++made.status}}`, page: () => `{"page":${++made.page}}` },
    report: (error) => reported.push(error),
  });
});
afterEach(() => {
  vi.useRealTimers();
});

it('sends a message once a second, made once for all who read that kind', async () => {
  const readers = [open(), open(), open('page')];
  expect(readers[0]!.text).toBe('retry: 1000\n\n');
  await vi.advanceTimersByTimeAsync(2000);
  expect(readers.map((reader) => reader.events)).toEqual([
    ['event: status\ndata: {"n":1}', 'event: status\ndata: {"n":2}'],
    ['event: status\ndata: {"n":1}', 'event: status\ndata: {"n":2}'],
    ['event: page\ndata: {"page":1}', 'event: page\ndata: {"page":2}'],
  ]);
  expect(made).toEqual({ status: 2, page: 2 });
});

it('has one timer, and none when nobody reads', async () => {
  const readers = [open(), open()];
  expect(vi.getTimerCount()).toBe(1);
  for (const reader of readers) reader.destroy();
  await vi.advanceTimersByTimeAsync(10);
  expect(vi.getTimerCount()).toBe(0);
  expect(made.status).toBe(0);
  open();
  await vi.advanceTimersByTimeAsync(1000);
  expect(made.status).toBe(1);
});

it('opens so many and no more', () => {
  for (let i = 0; i < MAX_STREAMS; i++) {
    expect(streams.isFull).toBe(false);
    open();
  }
  expect(streams.isFull).toBe(true);
  expect(open().writableEnded).toBe(true);
});

it('lets a reader go that does not read, having queued no more than one message', async () => {
  streams = new EventStreams({
    makers: { status: () => 'x'.repeat(100), page: () => '' },
    report: (error) => reported.push(error),
  });
  const good = open();
  const slow = open();
  slow.isReading = false;
  await vi.advanceTimersByTimeAsync(4000);
  expect(slow.writableLength).toBeLessThan(250);
  expect(slow.destroyed).toBe(false);
  await vi.advanceTimersByTimeAsync(3000);
  expect(slow.destroyed).toBe(true);
  expect(good.destroyed).toBe(false);
  expect(good.events).toHaveLength(7);
});

it('forgives a reader that was slow for a moment', async () => {
  streams = new EventStreams({
    makers: { status: () => 'x'.repeat(100), page: () => '' },
    report: (error) => reported.push(error),
  });
  const reader = open();
  let resume = () => {};
  reader._write = function (this: Reader, chunk: string, _encoding: string, done: () => void) {
    this.text += chunk;
    resume = done;
  };
  for (let second = 0; second < 20; second++) {
    await vi.advanceTimersByTimeAsync(1000);
    if (second % 3 === 2) resume();
  }
  expect(reader.destroyed).toBe(false);
});

it('ends all at the stop, and what comes later at once', async () => {
  const readers = [open(), open('page')];
  streams.close();
  expect(readers.map((reader) => reader.writableEnded)).toEqual([true, true]);
  expect(streams.isFull).toBe(true);
  expect(open().writableEnded).toBe(true);
  await vi.advanceTimersByTimeAsync(10);
  expect(vi.getTimerCount()).toBe(0);
});

it('writes nothing to a reader that still takes what came before the end', async () => {
  const slow = open();
  slow.isReading = false;
  const errors: Error[] = [];
  slow.on('error', (error) => errors.push(error));
  await vi.advanceTimersByTimeAsync(1000);
  streams.close();
  await vi.advanceTimersByTimeAsync(2000);
  expect(slow.events).toHaveLength(1);
  expect(errors).toEqual([]);
});

it('reports a message that cannot be made, and ends the streams', async () => {
  streams = new EventStreams({
    makers: {
      status: () => {
        throw new Error('no snapshot');
      },
      page: () => '',
    },
    report: (error) => reported.push(error),
  });
  const reader = open();
  await vi.advanceTimersByTimeAsync(1000);
  expect(reported.map((error) => error.message)).toEqual(['no snapshot']);
  expect(reader.writableEnded).toBe(true);
});
