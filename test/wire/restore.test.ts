import { describe, expect, it } from 'vitest';
import { ede, NO_EDE } from '../../src/wire/ede.ts';
import { type ClientQuestion, restoreForClient } from '../../src/wire/restore.ts';
import { bytesOf, header, name, opt, option, QNAME_POINTER, question, record } from './build-message.ts';

const answer = record(QNAME_POINTER, 1, 60, bytesOf('c0000201'));
const stored = bytesOf(header(0x8420, 1, 1, 0, 0), question('www.example'), answer); // QR AA AD
const spelt = name('wWw.exAmple');
const text = new TextEncoder().encode('stale');

interface Asked extends Partial<ClientQuestion> {
  message?: Uint8Array;
  rcode?: number;
  ede?: number;
  edeText?: Uint8Array | null;
  limit?: number;
}

/** What a client with ID ABCD and RD gets. */
function restore(asked: Asked = {}): Uint8Array {
  const message = asked.message ?? stored;
  const out = new Uint8Array(4096).fill(0xee);
  out.set(message);
  const q: ClientQuestion = {
    id: asked.id ?? 0xabcd,
    flags: asked.flags ?? 0x0100,
    qnameLength: spelt.length,
    hasOpt: asked.hasOpt ?? false,
    dnssecOk: asked.dnssecOk ?? false,
  };
  const named = bytesOf('ff'.repeat(12), spelt);
  const client = { question: q, named, sizeLimit: asked.limit ?? 1232 };
  const reason = ede(asked.ede ?? -1, asked.edeText ?? null);
  const length = restoreForClient(out, message.length, client, asked.rcode ?? 0, reason);
  return out.slice(0, length);
}

/** A header with the client's ID. */
const head = (flags: number, qd: number, an: number, ns: number, ar: number) =>
  bytesOf('abcd', header(flags, qd, an, ns, ar).slice(2));
const asked = question('wWw.exAmple');

describe('restoreForClient', () => {
  it('gives back ID and spelling, RD and CD; keeps AA; sets RA', () => {
    expect(restore()).toEqual(bytesOf(head(0x8580, 1, 1, 0, 0), asked, answer));
    expect(restore({ flags: 0x0010 })).toEqual(bytesOf(head(0x8490, 1, 1, 0, 0), asked, answer));
  });

  it('makes an answer of a stored message whatever its own RD, RA, CD say', () => {
    const message = bytesOf(header(0x0190, 1, 1, 0, 0), stored.slice(12));
    expect(restore({ message, flags: 0 })).toEqual(bytesOf(head(0x8080, 1, 1, 0, 0), asked, answer));
  });

  it('sets AD only for clients that ask with AD or DO', () => {
    expect(restore({ flags: 0x0120 }).slice(2, 4)).toEqual(bytesOf('85a0'));
    expect(restore({ hasOpt: true, dnssecOk: true }).slice(2, 4)).toEqual(bytesOf('85a0'));
    expect(restore({ hasOpt: true }).slice(2, 4)).toEqual(bytesOf('8580'));
    // And never makes it up.
    const message = bytesOf(header(0x8400, 1, 1, 0, 0), stored.slice(12));
    expect(restore({ message, flags: 0x0120 }).slice(2, 4)).toEqual(bytesOf('8580'));
  });

  it('appends OPT if and only if the query had it', () => {
    expect(restore({ hasOpt: true })).toEqual(bytesOf(head(0x8580, 1, 1, 0, 1), asked, answer, opt(1232)));
    expect(restore({ hasOpt: true, dnssecOk: true }).slice(-11)).toEqual(opt(1232, { dnssecOk: true }));
    expect(restore({ ede: 3, edeText: text })).toEqual(restore());
  });

  it('appends the EDE', () => {
    const options = option(15, bytesOf('0003', text));
    expect(restore({ hasOpt: true, ede: 3, edeText: text })).toEqual(
      bytesOf(head(0x8580, 1, 1, 0, 1), asked, answer, opt(1232, { options })),
    );
  });

  it('appends EDE 0, "other", too', () => {
    const options = option(15, bytesOf('0000', text));
    expect(restore({ hasOpt: true, ede: 0, edeText: text })).toEqual(
      bytesOf(head(0x8580, 1, 1, 0, 1), asked, answer, opt(1232, { options })),
    );
  });

  it('drops the EDE first when it does not fit', () => {
    const whole = restore({ hasOpt: true, ede: 3, edeText: text });
    expect(restore({ hasOpt: true, ede: 3, edeText: text, limit: whole.length })).toEqual(whole);
    expect(restore({ hasOpt: true, ede: 3, edeText: text, limit: whole.length - 1 })).toEqual(
      restore({ hasOpt: true }),
    );
  });

  it('then the records, with TC', () => {
    const fits = restore({ hasOpt: true }).length;
    const cut = bytesOf(head(0x8780, 1, 0, 0, 1), asked, opt(1232));
    expect(restore({ hasOpt: true, limit: fits })).toEqual(restore({ hasOpt: true }));
    expect(restore({ hasOpt: true, limit: fits - 1 })).toEqual(cut);
    expect(restore({ limit: stored.length })).toEqual(restore());
    expect(restore({ limit: stored.length - 1 })).toEqual(bytesOf(head(0x8780, 1, 0, 0, 0), asked));
  });

  it('but for the whole answer records that fit, without authority and additional', () => {
    const one = record(QNAME_POINTER, 1, 60, bytesOf('c0000201'));
    const message = bytesOf(header(0x8400, 1, 3, 1, 1), question('www.example'), one, one, one, one, one);
    const start = 12 + asked.length;
    for (const hasOpt of [false, true]) {
      const tail = hasOpt ? opt(1232) : bytesOf('');
      for (let fit = 0; fit < 3; fit++) {
        const least = start + fit * one.length + tail.length;
        const cut = bytesOf(
          head(0x8780, 1, fit, 0, hasOpt ? 1 : 0),
          asked,
          ...Array.from({ length: fit }, () => one),
          tail,
        );
        for (const limit of [least, least + one.length - 1])
          expect(restore({ message, hasOpt, limit }), `${limit}`).toEqual(cut);
      }
      // All three fit, authority does not: TC says that something is missing.
      const three = bytesOf(head(0x8780, 1, 3, 0, hasOpt ? 1 : 0), asked, one, one, one, tail);
      expect(restore({ message, hasOpt, limit: start + 4 * one.length - 1 + tail.length })).toEqual(three);
    }
  });

  it('keeps whole records of a message of which only the beginning is there', () => {
    const one = record(QNAME_POINTER, 1, 60, bytesOf('c0000201'));
    const message = bytesOf(header(0x8000, 1, 100, 0, 0), question('www.example'), ...Array(100).fill(one));
    const out = new Uint8Array(512);
    out.set(message.subarray(0, 512));
    const q = { id: 1, flags: 0, qnameLength: spelt.length, hasOpt: true, dnssecOk: false };
    const named = bytesOf('ff'.repeat(12), spelt);
    const client = { question: q, named, sizeLimit: 1232 };
    const length = restoreForClient(out, message.length, client, 0, NO_EDE);
    const count = Math.floor((512 - 11 - 12 - asked.length) / one.length);
    expect(length).toBe(12 + asked.length + count * one.length + 11);
    expect(out.slice(0, 12)).toEqual(bytesOf('0001', header(0x8280, 1, count, 0, 1).slice(2)));
  });

  it('wherever the limit cuts them', () => {
    const long = record(name('a-name-that-is-written-out.in-every.record'), 1, 60, bytesOf('c0000201'));
    const message = bytesOf(header(0x8400, 1, 2, 0, 1), question('www.example'), long, long, long);
    const withoutAdditional = message.length - long.length;
    const start = 12 + asked.length;
    for (let limit = start; limit < withoutAdditional; limit++) {
      const whole = limit < start + long.length ? [] : [long];
      expect(restore({ message, limit })).toEqual(
        bytesOf(head(0x8780, 1, whole.length, 0, 0), asked, ...whole),
      );
    }
    const cut = bytesOf(head(0x8580, 1, 2, 0, 0), asked, long, long);
    for (let limit = withoutAdditional; limit < message.length; limit++) {
      expect(restore({ message, limit })).toEqual(cut);
    }
    expect(restore({ message, limit: message.length })).toEqual(
      bytesOf(head(0x8580, 1, 2, 0, 1), asked, long, long, long),
    );
  });

  it('claims no AD for records it left out', () => {
    expect(restore({ flags: 0x0120, limit: 40 }).slice(2, 4)).toEqual(bytesOf('8780'));
  });

  it('but additional records first, without TC, if the answer has others', () => {
    const added = bytesOf(record(QNAME_POINTER, 1, 60, bytesOf('c0000202')));
    const message = bytesOf(header(0x8420, 1, 1, 0, 1), stored.slice(12), added);
    const limit = message.length + 11;
    expect(restore({ message, hasOpt: true, limit })[11]).toBe(2);
    expect(restore({ message, hasOpt: true, limit: limit - 1 })).toEqual(restore({ hasOpt: true }));
    expect(restore({ message, limit: stored.length })).toEqual(restore());
    expect(restore({ message, limit: stored.length - 1 })[2]).toBe(0x87);
    // Answer and authority stay, however many.
    const authority = record(QNAME_POINTER, 2, 60, name('ns'));
    const three = bytesOf(header(0x8400, 1, 1, 2, 1), stored.slice(12), authority, authority);
    expect(restore({ message: bytesOf(three, added), limit: three.length })).toEqual(
      bytesOf(head(0x8580, 1, 1, 2, 0), asked, answer, authority, authority),
    );
    // A referral is of no use without the addresses in it.
    const referral = bytesOf(header(0x8020, 1, 0, 1, 1), stored.slice(12), added);
    expect(restore({ message: referral, limit: referral.length - 1 })[2]).toBe(0x83);
  });

  it('clears Z, which an upstream may have set', () => {
    const message = bytesOf(header(0x8440, 1, 1, 0, 0), stored.slice(12));
    expect(restore({ message, flags: 0x0040 })).toEqual(bytesOf(head(0x8480, 1, 1, 0, 0), asked, answer));
  });

  it('keeps TC of a message that has it', () => {
    const message = bytesOf(header(0x8200, 1, 0, 0, 0), question('www.example'));
    expect(restore({ message })).toEqual(bytesOf(head(0x8380, 1, 0, 0, 0), asked));
  });

  it('keeps the stored rcode and takes the upper bits of the whole one', () => {
    const message = bytesOf(header(0x8407, 1, 0, 0, 0), question('www.example'));
    expect(restore({ message, hasOpt: true, rcode: 23 })).toEqual(
      bytesOf(head(0x8587, 1, 0, 0, 1), asked, opt(1232, { extendedRcode: 1 })),
    );
    expect(restore({ message, hasOpt: true, rcode: 0 }).slice(2, 4)).toEqual(bytesOf('8587'));
    // Without OPT nobody could tell 23 from 7.
    expect(restore({ message, rcode: 23 }).slice(2, 4)).toEqual(bytesOf('8582'));
  });

  it('keeps other sections and their counts', () => {
    const glue = record('00', 1, 1, bytesOf('01020304'));
    const message = bytesOf(header(0x8000, 1, 1, 1, 1), question('www.example'), answer, glue, glue);
    expect(restore({ message, hasOpt: true })).toEqual(
      bytesOf(head(0x8180, 1, 1, 1, 2), asked, answer, glue, glue, opt(1232)),
    );
  });
});
