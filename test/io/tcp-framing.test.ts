// Messages leave a stream as they entered it, however it is cut.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { wordsOf } from '../../src/base/word-bytes.ts';
import { FRAME_HEADER_LENGTH, FrameReader, writeFrameHeader } from '../../src/io/tcp-framing.ts';

function read() {
  const messages: Buffer[] = [];
  const state = { messages, errors: 0, lastBytes: new Uint8Array(0) as Uint8Array };
  const reader = new FrameReader({
    onMessage(bytes, length) {
      messages.push(Buffer.from(bytes.subarray(0, length)));
      state.lastBytes = bytes;
    },
    onFramingError() {
      state.errors++;
    },
  });
  return { reader, state };
}

function frame(message: Uint8Array): Buffer {
  const framed = Buffer.alloc(FRAME_HEADER_LENGTH + message.length);
  writeFrameHeader(framed, 0, message.length);
  framed.set(message, FRAME_HEADER_LENGTH);
  return framed;
}

const MESSAGE = Buffer.from('twelve bytes');

describe('FrameReader', () => {
  it('passes a message on as words, wherever it stood', () => {
    const { reader, state } = read();
    for (const before of [0, 1, 2, 3]) {
      const odd = Buffer.alloc(12 + before, 9);
      reader.push(Buffer.concat([frame(odd), frame(MESSAGE)]));
      expect(state.messages.splice(0)).toEqual([odd, MESSAGE]);
      expect(wordsOf(state.lastBytes)).toBeDefined();
      expect(reader.partial).toBe(false);
    }
  });

  it('takes one byte at a time', () => {
    const { reader, state } = read();
    const stream = Buffer.concat([frame(MESSAGE), frame(Buffer.alloc(700, 7))]);
    for (const byte of stream) {
      reader.push(Uint8Array.of(byte));
    }
    expect(state.messages).toEqual([MESSAGE, Buffer.alloc(700, 7)]);
  });

  it('takes the longest message there is', () => {
    const { reader, state } = read();
    const longest = Buffer.alloc(65535, 3);
    const stream = frame(longest);
    reader.push(stream.subarray(0, 40_000));
    expect(state.messages).toEqual([]);
    reader.push(stream.subarray(40_000));
    expect(state.messages.map((message) => message.equals(longest))).toEqual([true]);
  });

  it('leaves the rest of a chunk to a later push when its handler says so', () => {
    const lengths: number[] = [];
    const reader = new FrameReader({
      onMessage(_bytes, length) {
        lengths.push(length);
        if (length === 12) reader.hold();
      },
      onFramingError() {},
    });
    const [first, second, third] = [frame(Buffer.alloc(20)), frame(MESSAGE), frame(Buffer.alloc(30))];
    const chunk = Buffer.concat([first, second, third]);
    const taken = reader.push(chunk);
    expect(taken).toBe(first.length + second.length);
    expect(lengths).toEqual([20, 12]);
    expect(reader.partial).toBe(false);
    expect(reader.push(chunk.subarray(taken))).toBe(third.length);
    expect(lengths).toEqual([20, 12, 30]);
  });

  it('restores any messages from any cuts', { timeout: 120_000 }, () => {
    const messages = fc.array(fc.uint8Array({ minLength: 12, maxLength: 3000 }), { maxLength: 6 });
    const cuts = fc.array(fc.integer({ min: 1, max: 2000 }), { maxLength: 30 });
    fc.assert(
      fc.property(messages, cuts, (sent, cutLengths) => {
        const { reader, state } = read();
        let rest = Buffer.concat(sent.map(frame));
        for (const cut of cutLengths) {
          reader.push(rest.subarray(0, cut));
          rest = rest.subarray(cut);
        }
        reader.push(rest);
        expect(state.messages).toEqual(sent.map((message) => Buffer.from(message)));
        expect(state.errors).toBe(0);
        expect(reader.partial).toBe(false);
      }),
    );
  });

  it.each([
    ['half a length field', Uint8Array.of(0)],
    ['a length field', Uint8Array.of(0, 12)],
    ['half a message', Uint8Array.of(0, 12, 1, 2, 3)],
  ])('knows that %s is not a message yet', (_name, chunk) => {
    const { reader, state } = read();
    expect(reader.partial).toBe(false);
    reader.push(chunk);
    expect(reader.partial).toBe(true);
    expect(state.messages).toEqual([]);
  });

  it.each([0, 1, 11])('reports a length of %i once, and reads nothing more', (length) => {
    const { reader, state } = read();
    reader.push(Buffer.concat([frame(MESSAGE), frame(Buffer.alloc(length)), frame(MESSAGE)]));
    reader.push(frame(MESSAGE));
    expect(state.messages).toEqual([MESSAGE]);
    expect(state.errors).toBe(1);
    expect(reader.partial).toBe(false);
  });

  it('reserves memory for what came, not for what was announced', () => {
    const before = process.memoryUsage().arrayBuffers;
    const readers = Array.from({ length: 500 }, () => read().reader);
    // 65535 announced, three bytes sent, 500 times: 32 MB if it were believed.
    for (const reader of readers) reader.push(Uint8Array.of(0xff, 0xff, 1, 2, 3));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4_000_000);
    expect(readers.every((reader) => reader.partial)).toBe(true);
  });

  it('stops in the middle of a chunk when its handler says so', () => {
    const messages: number[] = [];
    const reader = new FrameReader({
      onMessage(_bytes, length) {
        messages.push(length);
        reader.stop();
      },
      onFramingError() {
        messages.push(-1);
      },
    });
    reader.push(Buffer.concat([frame(MESSAGE), frame(MESSAGE), frame(Buffer.alloc(0))]));
    expect(messages).toEqual([12]);
  });
});
