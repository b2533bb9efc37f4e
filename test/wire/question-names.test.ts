import { decode } from 'dns-packet';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hideOurLetters, hideOurLettersInText, mayHoldOurLetters } from '../../src/wire/question-names.ts';
import { ScannedResponse, ScanVerdict, scanResponse } from '../../src/wire/response.ts';
import { asWords } from '../kit/as-words.ts';
import {
  bytesOf,
  header,
  name,
  opt,
  option,
  QNAME_POINTER,
  question,
  record,
  toHex,
  uint16,
  uint32,
} from './build-message.ts';

const [A, NS, CNAME, SOA, MX, AAAA, SRV, DNAME, RRSIG, TXT, NAPTR] = [1, 2, 5, 6, 15, 28, 33, 39, 46, 16, 35];
const QNAME = 'wWw.sHoP.eXaMpLe';
const QNAME_AT = 12;
const SHOP_AT = QNAME_AT + 4;
const ADDRESS = bytesOf('c0000201');
const soaNumbers = bytesOf(...[1, 2, 3, 4, 60].map(uint32));
/** Without the root's zero byte. */
const label = (text: string) => name(text).slice(0, -1);
const pointer = (offset: number) => uint16(0xc000 | offset);

/** Labels in lower case; their lengths are no letters. */
const lowerCased = (labels: Uint8Array) =>
  labels.map((byte) => (byte >= 65 && byte <= 90 ? byte + 32 : byte));

/** The answer to QNAME with these records, after our letters were hidden. */
function hidden(
  answers: readonly Uint8Array[],
  authorities: readonly Uint8Array[] = [],
  extra: readonly Uint8Array[] = [],
): Uint8Array {
  const bytes = asWords(
    bytesOf(
      header(0x8180, 1, answers.length, authorities.length, extra.length),
      question(QNAME),
      ...answers,
      ...authorities,
      ...extra,
    ),
  );
  const scanned = new ScannedResponse();
  expect(scanResponse(bytes, bytes.length, scanned)).toBe(ScanVerdict.ok);
  const end = hideOurLetters(bytes, bytes.length, scanned);
  // What was known of the message holds of what it has become.
  const again = new ScannedResponse();
  expect(scanResponse(bytes, end, again)).toBe(ScanVerdict.ok);
  const known = ({ ttlOffsets, ttlCount, ...others }: ScannedResponse) => [
    others,
    [...ttlOffsets.slice(0, ttlCount)],
  ];
  expect(known(scanned)).toEqual(known(again));
  return bytes.slice(0, end);
}

/** The records behind the question. */
const records = (message: Uint8Array): string => toHex(message.subarray(12 + name(QNAME).length + 4));
const hex = (...parts: readonly (string | number | Uint8Array)[]): string => toHex(bytesOf(...parts));

describe('names that are the question’s', () => {
  it('as owners become pointers to it, as a whole and in part', () => {
    expect(records(hidden([record(name(QNAME), A, 60, ADDRESS)]))).toBe(
      hex(record(QNAME_POINTER, A, 60, ADDRESS)),
    );
    expect(records(hidden([], [record(name('ShOp.eXaMpLe'), NS, 60, name('ns.other.net'))]))).toBe(
      hex(record(pointer(SHOP_AT), NS, 60, name('ns.other.net'))),
    );
    expect(records(hidden([], [], [record(name('ns.sHoP.eXaMpLe'), A, 60, ADDRESS)]))).toBe(
      hex(record(bytesOf(label('ns'), pointer(SHOP_AT)), A, 60, ADDRESS)),
    );
  });

  it('in RDATA too, and what is behind them moves', () => {
    const message = hidden(
      [
        record(name(QNAME), CNAME, 60, name('alias.sHoP.eXaMpLe')),
        record(name('alias.sHoP.eXaMpLe'), A, 60, ADDRESS),
      ],
      [
        record(
          name('sHoP.eXaMpLe'),
          SOA,
          60,
          bytesOf(name('ns.sHoP.eXaMpLe'), name('host.eXaMpLe'), soaNumbers),
        ),
        record(name('sHoP.eXaMpLe'), MX, 60, bytesOf(uint16(10), name('sHoP.eXaMpLe'))),
      ],
      [opt(1232, { options: option(15, bytesOf(uint16(22), 0x61)) })],
    );
    expect(records(message)).toBe(
      hex(
        record(QNAME_POINTER, CNAME, 60, bytesOf(label('alias'), pointer(SHOP_AT))),
        record(bytesOf(label('alias'), pointer(SHOP_AT)), A, 60, ADDRESS),
        record(
          pointer(SHOP_AT),
          SOA,
          60,
          bytesOf(label('ns'), pointer(SHOP_AT), label('host'), pointer(SHOP_AT + 5), soaNumbers),
        ),
        record(pointer(SHOP_AT), MX, 60, bytesOf(uint16(10), pointer(SHOP_AT))),
        opt(1232, { options: option(15, bytesOf(uint16(22), 0x61)) }),
      ),
    );
  });

  it('that others point to are found in the question', () => {
    // The second owner points to "sHoP" within the first, the third to "eXaMpLe".
    const ownerAt = 12 + name(QNAME).length + 4;
    const message = hidden([
      record(name(QNAME), A, 60, ADDRESS),
      record(bytesOf(label('foo'), pointer(ownerAt + 4)), A, 60, ADDRESS),
      record(pointer(ownerAt + 9), A, 60, ADDRESS),
    ]);
    expect((decode(Buffer.from(message)).answers ?? []).map(({ name: owner }) => owner)).toEqual([
      QNAME,
      'foo.sHoP.eXaMpLe',
      'eXaMpLe',
    ]);
  });

  it('that must be written out are in lower case', () => {
    const signature = bytesOf(uint16(A), 13, 3, uint32(60), uint32(2), uint32(1), uint16(7));
    const message = hidden([
      record(QNAME_POINTER, SRV, 60, bytesOf(uint16(1), uint16(2), uint16(3), name('host.sHoP.eXaMpLe'))),
      record(QNAME_POINTER, RRSIG, 60, bytesOf(signature, name('sHoP.eXaMpLe'), 'abcd')),
      record(pointer(SHOP_AT), DNAME, 60, name('sHoP.other.net')),
    ]);
    expect(records(message)).toBe(
      hex(
        record(QNAME_POINTER, SRV, 60, bytesOf(uint16(1), uint16(2), uint16(3), name('host.shop.example'))),
        record(QNAME_POINTER, RRSIG, 60, bytesOf(signature, name('shop.example'), 'abcd')),
        record(pointer(SHOP_AT), DNAME, 60, name('sHoP.other.net')),
      ),
    );
  });

  it('made up from its first labels, as a DNAME does, are in lower case there', () => {
    expect(records(hidden([record(QNAME_POINTER, CNAME, 60, name('wWw.sHoP.Other.Net'))]))).toBe(
      hex(record(QNAME_POINTER, CNAME, 60, name('www.shop.Other.Net'))),
    );
  });

  it('behind which a type stands whose pointers nobody knows are in lower case, and nothing moves', () => {
    const message = hidden([
      record(name(QNAME), A, 60, ADDRESS),
      record(QNAME_POINTER, NAPTR, 60, bytesOf('0001 0001 00 00 00', pointer(QNAME_AT))),
    ]);
    expect(records(message)).toBe(
      hex(
        record(name(QNAME.toLowerCase()), A, 60, ADDRESS),
        record(QNAME_POINTER, NAPTR, 60, bytesOf('0001 0001 00 00 00', pointer(QNAME_AT))),
      ),
    );
  });

  it('leave other names, other text and broken RDATA alone', () => {
    for (const answers of [
      [record(name('WWW.Other.Net'), AAAA, 60, bytesOf('20010db8000000000000000000000001'))],
      [record(QNAME_POINTER, TXT, 60, bytesOf(3, Uint8Array.from(Buffer.from('wWw'))))],
      [record(QNAME_POINTER, CNAME, 60, bytesOf(63, 'aa'))],
      [record(QNAME_POINTER, CNAME, 60, bytesOf())],
      [record(QNAME_POINTER, MX, 60, bytesOf(1))],
    ]) {
      expect(records(hidden(answers))).toBe(hex(...answers));
    }
  });

  it('are as many as they may be', () => {
    const answers = Array.from({ length: 100 }, () => record(name(QNAME), A, 60, ADDRESS));
    const spelt = decode(Buffer.from(hidden(answers))).answers!.map(({ name: owner }) => owner);
    expect(spelt.slice(0, 64)).toEqual(Array.from({ length: 64 }, () => QNAME));
    expect(spelt.slice(64)).toEqual(Array.from({ length: 36 }, () => QNAME.toLowerCase()));
  });

  it('mean the same as before, whatever the message', () => {
    const anyLabel = fc.constantFrom('wWw', 'sHoP', 'eXaMpLe', 'other', 'a');
    const anyName = fc.array(anyLabel, { maxLength: 4 });
    const anyRecord = fc.tuple(anyName, fc.constantFrom(A, CNAME, MX, SOA, SRV, TXT), anyName, fc.nat(3));
    fc.assert(
      fc.property(fc.array(anyRecord, { maxLength: 8 }), (all) => {
        // Some names end in a pointer to an earlier one.
        const seen = [QNAME_AT, SHOP_AT];
        let at = 12 + name(QNAME).length + 4;
        const write = (labels: readonly string[], pick: number): Uint8Array => {
          const own = name(labels.join('.'));
          const written =
            pick === 0 || own.length === 1
              ? own
              : bytesOf(own.slice(0, -1), pointer(seen[pick % seen.length]!));
          if (written.length > 2) seen.push(at);
          return written;
        };
        const answers = all.map(([owner, type, target, pick]) => {
          const ownerBytes = write(owner, pick);
          at += ownerBytes.length + 10;
          const before =
            type === MX ? uint16(5) : type === SRV ? bytesOf(uint16(1), uint16(1), uint16(1)) : bytesOf();
          at += before.length;
          const named = (): Uint8Array => {
            const bytes = write(target, type === SRV ? 0 : pick);
            at += bytes.length;
            return bytes;
          };
          let rdata = ADDRESS;
          if (type === TXT) rdata = bytesOf(1, 0x61);
          else if (type === SOA) rdata = bytesOf(named(), named(), soaNumbers);
          else if (type !== A) rdata = bytesOf(before, named());
          if (type === A || type === TXT) at += rdata.length;
          if (type === SOA) at += soaNumbers.length;
          return record(ownerBytes, type, 60, rdata);
        });
        const whole = bytesOf(header(0x8180, 1, answers.length, 0, 0), question(QNAME), ...answers);
        fc.pre(scanResponse(whole, whole.length, new ScannedResponse()) === ScanVerdict.ok);
        const lower = (message: Uint8Array) =>
          JSON.stringify(decode(Buffer.from(message)).answers).toLowerCase();
        const message = hidden(answers);
        expect(lower(message)).toBe(lower(whole));
        // The question spelled another way, as for a client: none of our letters is left in a name.
        const given = message.slice();
        given.set(name(QNAME.toLowerCase()), QNAME_AT);
        const names = JSON.stringify(decode(Buffer.from(given)).answers);
        expect(names).not.toMatch(/sHoP.eXaMpLe"|"wWw/);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('a reply', () => {
  const mayHold = (qname: string, ...answers: readonly Uint8Array[]) => {
    const bytes = bytesOf(header(0x8180, 1, answers.length, 0, 0), question(qname, 0x4141), ...answers);
    const scanned = new ScannedResponse();
    expect(scanResponse(bytes, bytes.length, scanned)).toBe(ScanVerdict.ok);
    return mayHoldOurLetters(bytes, scanned);
  };
  const address = record(QNAME_POINTER, A, 60, ADDRESS);
  const other = name('a.other');

  it('may hold our letters where a name is written out, as owner or in RDATA', () => {
    expect(mayHold(QNAME, record(other, A, 60, ADDRESS))).toBe(true);
    expect(mayHold(QNAME, address, record(other, A, 60, ADDRESS))).toBe(true);
    for (const [type, before] of [
      [CNAME, bytesOf()],
      [NS, bytesOf()],
      [MX, uint16(5)],
      [SRV, bytesOf('0001 0001 0001')],
      [DNAME, bytesOf()],
    ] as const) {
      expect(mayHold(QNAME, address, record(QNAME_POINTER, type, 60, bytesOf(before, other)))).toBe(true);
    }
    const soa = bytesOf(pointer(QNAME_AT), pointer(QNAME_AT), soaNumbers);
    expect(mayHold(QNAME, record(QNAME_POINTER, SOA, 60, soa))).toBe(true);
  });

  it('holds none where all names are pointers or the root, or there are none', () => {
    expect(mayHold(QNAME)).toBe(false);
    expect(mayHold(QNAME, address, address, record(bytesOf(0), A, 60, ADDRESS))).toBe(false);
    expect(mayHold(QNAME, address, record(QNAME_POINTER, CNAME, 60, pointer(SHOP_AT)), address)).toBe(false);
    expect(mayHold(QNAME, record(QNAME_POINTER, CNAME, 60, bytesOf(0)), address)).toBe(false);
    expect(mayHold(QNAME, record(QNAME_POINTER, MX, 60, bytesOf(uint16(0x0505), pointer(SHOP_AT))))).toBe(
      false,
    );
    const text = bytesOf(3, 0x77, 0x57, 0x77);
    expect(mayHold(QNAME, record(QNAME_POINTER, TXT, 60, text), address)).toBe(false);
    // RDATA that ends before its name; what follows it is not a name.
    expect(mayHold(QNAME, record(bytesOf(0), CNAME, 60, bytesOf()), record(bytesOf(0), A, 60, ADDRESS))).toBe(
      false,
    );
  });

  it('holds none where QNAME has no letter in upper case, whatever its type', () => {
    expect(mayHold(QNAME.toLowerCase(), record(other, A, 60, ADDRESS))).toBe(false);
    expect(mayHold('a.b.c', record(name('A.Other'), A, 60, ADDRESS))).toBe(false);
    expect(mayHold('a.b.C', record(other, A, 60, ADDRESS))).toBe(true);
    expect(mayHold('', record(other, A, 60, ADDRESS))).toBe(false);
  });
});

describe('names that end in a pointer', () => {
  const EXAMPLE_AT = SHOP_AT + 5;
  const ROOT_AT = EXAMPLE_AT + 8;

  it.each([
    ['to the rest of QNAME', bytesOf(label('sHoP'), pointer(EXAMPLE_AT)), pointer(SHOP_AT)],
    ['to all but the first label', bytesOf(label('wWw'), pointer(SHOP_AT)), bytesOf(QNAME_POINTER)],
    ['to its root', bytesOf(label('eXaMpLe'), pointer(ROOT_AT)), pointer(EXAMPLE_AT)],
    [
      'behind a label of their own',
      bytesOf(label('x.wWw'), pointer(SHOP_AT)),
      bytesOf(label('x'), QNAME_POINTER),
    ],
  ])('%s become shorter', (_where, owner, shorter) => {
    expect(records(hidden([record(owner, A, 60, ADDRESS)]))).toBe(hex(record(shorter, A, 60, ADDRESS)));
    // Not where something stands behind them that must not move: then our letters go.
    const last = record(QNAME_POINTER, NAPTR, 60, bytesOf('0001 0001 00 00 00', pointer(QNAME_AT)));
    const own = owner.slice(0, -2);
    expect(records(hidden([record(owner, A, 60, ADDRESS), last]))).toBe(
      hex(record(bytesOf(lowerCased(own), owner.slice(-2)), A, 60, ADDRESS), last),
    );
  });

  it('to the start of a name that became a pointer lead to the question', () => {
    const ownerAt = 12 + name(QNAME).length + 4;
    expect(
      records(hidden([record(name(QNAME), A, 60, ADDRESS), record(pointer(ownerAt), A, 60, ADDRESS)])),
    ).toBe(hex(record(QNAME_POINTER, A, 60, ADDRESS), record(QNAME_POINTER, A, 60, ADDRESS)));
  });

  it('elsewhere are not taken for QNAME', () => {
    const ownerAt = 12 + name(QNAME).length + 4;
    const first = record(name('Foo.Other'), A, 60, ADDRESS);
    for (const own of ['wWw', 'sHoP', 'eXaMpLe']) {
      const second = record(bytesOf(label(own), pointer(ownerAt)), A, 60, ADDRESS);
      const shown = own === 'wWw' ? 'www' : own;
      expect(records(hidden([first, second]))).toBe(
        hex(first, record(bytesOf(label(shown), pointer(ownerAt)), A, 60, ADDRESS)),
      );
    }
  });
});

describe('names that only look like QNAME', () => {
  it.each([
    'sHoP.eXaMpLa',
    'xHoP.eXaMpLa',
    'wWq.Other.Net',
    'wW.Other.Net',
    'eXaMpL',
  ])('stay: %s', (other) => {
    const answers = [record(QNAME_POINTER, CNAME, 60, name(other)), record(name(other), A, 60, ADDRESS)];
    expect(records(hidden(answers))).toBe(hex(...answers));
  });

  it('stay in RDATA that is broken, or no name', () => {
    // The length of this text, 259, ends in the byte of a label of three bytes, which follow.
    const text = bytesOf(
      ...[...'wWw'].map((letter) => letter.charCodeAt(0)),
      ...new Array<number>(256).fill(0),
    );
    const manyLabels = bytesOf(name(QNAME).slice(0, -1), '0161'.repeat(130), 0);
    for (const rdata of [
      [TXT, text],
      [CNAME, bytesOf(63, 'aa')],
      [CNAME, bytesOf(label(QNAME))],
      [CNAME, bytesOf(label('wWw'), 0xc0)],
      [CNAME, bytesOf()],
      [CNAME, manyLabels],
      [MX, bytesOf(1)],
      [SRV, bytesOf('0001 0001 0001', label('sHoP.eXaMpLe'))],
    ] as const) {
      const odd = record(QNAME_POINTER, rdata[0], 60, rdata[1]);
      const behind = record(QNAME_POINTER, A, 60, ADDRESS);
      const isSrv = rdata[0] === SRV;
      expect(records(hidden([record(name(QNAME), A, 60, ADDRESS), odd, behind]))).toBe(
        hex(record(isSrv ? name(QNAME.toLowerCase()) : QNAME_POINTER, A, 60, ADDRESS), odd, behind),
      );
    }
  });
});

describe('what stands behind a name', () => {
  const shortened = hex(record(QNAME_POINTER, A, 60, ADDRESS));
  const srv = (target: Uint8Array) => record(QNAME_POINTER, SRV, 60, bytesOf('0001 0002 0003', target));

  it('may be an SRV record with its name written out', () => {
    const behind = srv(name('Host.Other.Net'));
    expect(records(hidden([record(name(QNAME), A, 60, ADDRESS), behind]))).toBe(shortened + hex(behind));
  });

  it('keeps it from being shortened if it is an SRV record with a pointer', () => {
    const behind = srv(bytesOf(label('Host'), pointer(QNAME_AT)));
    expect(records(hidden([record(name(QNAME), A, 60, ADDRESS), behind]))).toBe(
      hex(record(name(QNAME.toLowerCase()), A, 60, ADDRESS), behind),
    );
  });

  it('does not matter where it stands in front', () => {
    const first = record(QNAME_POINTER, NAPTR, 60, bytesOf('0001 0001 00 00 00', pointer(QNAME_AT)));
    expect(records(hidden([first, record(name(QNAME), A, 60, ADDRESS)]))).toBe(hex(first) + shortened);
  });

  it('keeps both names of an SOA record, in lower case', () => {
    const soa = (first: string, second: string) =>
      record(QNAME_POINTER, SOA, 60, bytesOf(name(first), name(second), soaNumbers));
    const naptr = record(QNAME_POINTER, NAPTR, 60, bytesOf('0001 0001 00 00 00', pointer(QNAME_AT)));
    expect(records(hidden([soa('ns.sHoP.eXaMpLe', 'host.eXaMpLe'), naptr]))).toBe(
      hex(soa('ns.shop.example', 'host.example'), naptr),
    );
  });

  it('is an OPT record without an error, which moves as a whole', () => {
    expect(records(hidden([record(name(QNAME), A, 60, ADDRESS)], [], [opt(1232)]))).toBe(
      shortened + hex(opt(1232)),
    );
  });
});

it('finds the second name of SOA behind a pointer, and the target of DNAME', () => {
  const soa = (second: Uint8Array) =>
    record(QNAME_POINTER, SOA, 60, bytesOf(pointer(SHOP_AT), second, soaNumbers));
  expect(records(hidden([], [soa(name('host.eXaMpLe'))]))).toBe(
    hex(soa(bytesOf(label('host'), pointer(SHOP_AT + 5)))),
  );
  expect(records(hidden([record(QNAME_POINTER, DNAME, 60, name('x.sHoP.eXaMpLe'))]))).toBe(
    hex(record(QNAME_POINTER, DNAME, 60, name('x.shop.example'))),
  );
});

describe('text that names the question', () => {
  it.each([
    ['at its end: eXaMpLe', 'at its end: example'],
    ['wWwX sHoPP', 'wwwX shopP'],
  ])('%s', (given, expected) => {
    const text = Buffer.from(given);
    const bytes = bytesOf(header(0x8180, 1, 0, 0, 0), question(QNAME), text, 0x58);
    hideOurLettersInText(bytes, bytes.length - 1 - text.length, bytes.length - 1);
    expect(Buffer.from(bytes.subarray(-1 - text.length)).toString()).toBe(`${expected}X`);
  });

  it('has its labels in lower case', () => {
    const text = Buffer.from('no answer for wWw.sHoP.eXaMpLe. A, Said Example');
    const bytes = bytesOf(header(0x8180, 1, 0, 0, 0), question(QNAME), text);
    hideOurLettersInText(bytes, bytes.length - text.length, bytes.length);
    expect(Buffer.from(bytes.subarray(-text.length)).toString()).toBe(
      'no answer for www.shop.example. A, Said Example',
    );
  });
});
