// A stream cut into chunks anywhere: the messages that come out are those that were in it. The
// first bytes say where the cuts are, the last of each message whether its reader wants a pause.
import { FrameReader } from '../../../src/io/tcp-framing.ts';
import { check, type FuzzTarget } from '../target.ts';

export const framing: FuzzTarget = {
  name: 'framing',
  maxLength: 2000,
  run(input) {
    if (input.length < 8) return -1;
    const cuts = input.subarray(0, 8);
    const stream = input.slice(8);
    const messages: Uint8Array[] = [];
    let errors = 0;
    let isHeld = false;
    const reader = new FrameReader({
      onMessage: (bytes, length) => {
        check(!isHeld, 'no pause was made');
        messages.push(bytes.slice(0, length));
        isHeld = (bytes[length - 1]! & 1) !== 0;
        if (isHeld) reader.hold();
      },
      onFramingError: () => errors++,
    });
    for (let at = 0, turn = 0; at < stream.length; turn++) {
      const count = 1 + (cuts[turn & 7]! << (turn & 3));
      for (let chunk = stream.subarray(at, at + count); chunk.length > 0; ) {
        isHeld = false;
        const taken = reader.push(chunk);
        check(taken > 0 && taken <= chunk.length, 'a push that takes nothing, or too much');
        check(taken === chunk.length || isHeld, 'a pause that nobody wanted');
        chunk = chunk.subarray(taken);
      }
      at += count;
    }
    // The same, in the plainest way.
    let at = 0;
    let wanted = 0;
    let broken = false;
    while (at + 2 <= stream.length) {
      const length = (stream[at]! << 8) | stream[at + 1]!;
      broken = length < 12;
      if (broken || at + 2 + length > stream.length) break;
      const message = messages[wanted++];
      check(message !== undefined && message.length === length, 'a message is missing');
      for (let i = 0; i < length; i++) check(message[i] === stream[at + 2 + i], 'another message');
      at += 2 + length;
    }
    check(messages.length === wanted, 'a message too many');
    check(errors === (broken ? 1 : 0), 'a length that cannot be');
    check(reader.partial === (!broken && at < stream.length), 'whether a message is cut off');
    return Math.min(wanted, 7) | (broken ? 8 : 0) | (reader.partial ? 16 : 0);
  },
};
