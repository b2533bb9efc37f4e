import { describe, expect, it } from 'vitest';
import { appendKeepalive, appendNsid, asksForKeepalive, asksForNsid } from '../../src/wire/own-options.ts';
import { ParsedQuery, parseQuery } from '../../src/wire/query.ts';
import { bytesOf, header, inSlot, opt, option, QNAME_POINTER, question, record } from './build-message.ts';

const KEEPALIVE = 11;
const NOTHING = new Uint8Array(0);
const ADDRESS = record(QNAME_POINTER, 1, 300, bytesOf('c0000201'));

function asks(...records: Uint8Array[]): boolean {
  const bytes = bytesOf(header(0x0100, 1, 0, 0, records.length), question('www.example'), ...records);
  const q = new ParsedQuery();
  parseQuery(bytes, bytes.length, q);
  return asksForKeepalive(bytes, q);
}

describe('asksForKeepalive', () => {
  it('finds the option among others', () => {
    expect(asks()).toBe(false);
    expect(asks(opt(1232))).toBe(false);
    expect(asks(opt(1232, { options: option(10, bytesOf('0b00')) }))).toBe(false);
    const options = bytesOf(option(10, bytesOf('0102030405060708')), option(KEEPALIVE, NOTHING));
    expect(asks(opt(1232, { options }))).toBe(true);
  });
});

describe('appendKeepalive', () => {
  /** The answer with 16 bytes of room behind it, after the option was added. */
  function appended(answer: Uint8Array, room = 16): Uint8Array {
    const slot = inSlot(answer, room, 0xee);
    return slot.subarray(0, appendKeepalive(slot, answer.length, 0x0102));
  }

  it("adds the time behind OPT's other options", () => {
    const head = (count: number) => bytesOf(header(0x8180, 1, 1, 0, count), question('www.example'), ADDRESS);
    expect(appended(bytesOf(head(1), opt(1232)))).toEqual(
      bytesOf(head(1), opt(1232, { options: option(KEEPALIVE, bytesOf('0102')) })),
    );
    const ede = option(15, bytesOf('0003'));
    expect(appended(bytesOf(head(1), opt(1232, { options: ede })))).toEqual(
      bytesOf(head(1), opt(1232, { options: bytesOf(ede, option(KEEPALIVE, bytesOf('0102'))) })),
    );
  });

  it('steps over the records of all sections, and takes the last room there is', () => {
    const head = bytesOf(header(0x8180, 1, 1, 2, 2), question('www.example'), ...Array(4).fill(ADDRESS));
    expect(appended(bytesOf(head, opt(1232)), 6)).toEqual(
      bytesOf(head, opt(1232, { options: option(KEEPALIVE, bytesOf('0102')) })),
    );
  });

  it('adds it to an error without a question', () => {
    const bare = (options: Uint8Array) => bytesOf(header(0x8181, 0, 0, 0, 1), opt(1232, { options }));
    expect(appended(bare(NOTHING))).toEqual(bare(option(KEEPALIVE, bytesOf('0102'))));
  });

  it('leaves alone what has no OPT, does not end with it, is broken or leaves no room', () => {
    const head = (count: number) => bytesOf(header(0x8180, 1, 0, 0, count), question('www.example'));
    for (const answer of [
      head(0),
      bytesOf(head(1), ADDRESS),
      bytesOf(head(2), opt(1232), ADDRESS),
      bytesOf(head(1), opt(1232), 0),
      bytesOf(head(3), opt(1232)),
      bytesOf(header(0x8180, 1, 0, 0, 1), 'c0'),
      // A question whose name is broken; read from within the header, it would be a record of 0x161
      // bytes.
      bytesOf(header(0x8100, 1, 1, 0, 1), '0161 c0ff', new Uint8Array(0x161 - 2), opt(1232)),
    ]) {
      expect(appended(answer)).toEqual(answer);
    }
    expect(appended(bytesOf(head(1), opt(1232)), 5)).toEqual(bytesOf(head(1), opt(1232)));
  });
});

describe('NSID (RFC 5001)', () => {
  const NSID = bytesOf('6e6f64652d37');
  const head = bytesOf(header(0x8180, 1, 1, 0, 1), question('www.example'), ADDRESS);
  const answer = bytesOf(head, opt(1232));
  const whole = bytesOf(head, opt(1232, { options: option(3, NSID) }));
  const appended = (limit: number) => {
    const slot = inSlot(answer, 64, 0xee);
    return slot.subarray(0, appendNsid(slot, answer.length, limit, NSID));
  };

  it('is found in a query, empty as it must be there or not', () => {
    const asks = (options: Uint8Array) => {
      const bytes = bytesOf(header(0x0100, 1, 0, 0, 1), question('www.example'), opt(1232, { options }));
      const q = new ParsedQuery();
      parseQuery(bytes, bytes.length, q);
      return asksForNsid(bytes, q);
    };
    expect(asks(NOTHING)).toBe(false);
    expect(asks(option(KEEPALIVE, NOTHING))).toBe(false);
    expect(asks(bytesOf(option(KEEPALIVE, NOTHING), option(3, NOTHING)))).toBe(true);
    expect(asks(option(3, NSID))).toBe(true);
  });

  it('is added to OPT, within what the client takes', () => {
    expect(appended(1232)).toEqual(whole);
    expect(appended(whole.length)).toEqual(whole);
    expect(appended(whole.length - 1)).toEqual(answer);
  });
});
