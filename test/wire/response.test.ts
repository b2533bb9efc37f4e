import { describe, expect, it } from 'vitest';
import {
  MAX_TTL_OFFSETS,
  ScannedResponse,
  ScanVerdict,
  scanResponse,
  stripOpt,
} from '../../src/wire/response.ts';
import {
  bytesOf,
  header,
  inSlot,
  name,
  opt,
  option,
  QNAME_POINTER,
  question,
  record,
  uint32,
} from './build-message.ts';

const RESPONSE = 0x8180;

function scan(message: Uint8Array): { verdict: ScanVerdict; r: ScannedResponse } {
  const r = new ScannedResponse();
  const verdict = scanResponse(inSlot(message, 64, 0), message.length, r);
  expect(scanResponse(inSlot(message, 64, 0xc0), message.length, new ScannedResponse())).toBe(verdict);
  return { verdict, r };
}

const A = bytesOf('c0000201');
const soa = (minimum: number) =>
  bytesOf(name('ns'), name('admin'), uint32(1), uint32(2), uint32(3), uint32(4), uint32(minimum));
const q = question('www.example'); // ends at 12 + 13 + 4 = 29
const cname = record(QNAME_POINTER, 5, 300, bytesOf('0177 c010'));
const address = record('0177 c010', 1, 60, A);

describe('scanResponse: a sound reply', () => {
  it('finds TTLs, the least of them, and what the answer holds', () => {
    const message = bytesOf(
      header(RESPONSE | 0x0400, 1, 2, 1, 1),
      q,
      cname,
      address,
      record('c010', 2, 9000, name('ns')),
      opt(4096),
    );
    const { verdict, r } = scan(message);
    expect(verdict).toBe(ScanVerdict.ok);
    expect(r.flags).toBe(0x8580);
    expect(r.rcode).toBe(0);
    expect(r.questionEnd).toBe(29);
    expect(r.endOffset).toBe(message.length);
    expect([r.answerCount, r.authorityCount, r.additionalCount]).toEqual([2, 1, 1]);
    const ttls = [...r.ttlOffsets.slice(0, r.ttlCount)].map((at) =>
      new DataView(message.buffer).getUint32(at),
    );
    expect(ttls).toEqual([300, 60, 9000]);
    expect(r.minTtlSeconds).toBe(60);
    expect(r.hasAskedType).toBe(true);
    expect(r.hasAlias).toBe(true);
    expect(r.negativeTtlSeconds).toBe(-1);
    expect(r.hasOpt).toBe(true);
    expect(r.optOffset).toBe(message.length - 11);
    expect(r.optEnd).toBe(message.length);
    expect(r.ednsUdpSize).toBe(4096);
    expect(r.dnssecOk).toBe(false);
    expect(r.truncated).toBe(false);
    expect(r.signed).toBe(false);
  });

  it('distinguishes an alias from an answer', () => {
    const { r } = scan(bytesOf(header(RESPONSE, 1, 1, 0, 0), q, cname));
    expect([r.hasAskedType, r.hasAlias]).toEqual([false, true]);
    const dname = scan(bytesOf(header(RESPONSE, 1, 1, 0, 0), q, record('c010', 39, 1, name('x')))).r;
    expect([dname.hasAskedType, dname.hasAlias]).toEqual([false, true]);
  });

  it('accepts any record as an answer to ANY, and a CNAME as one to CNAME', () => {
    const any = bytesOf(
      header(RESPONSE, 1, 1, 0, 0),
      question('a', 255),
      record(QNAME_POINTER, 16, 1, bytesOf('00')),
    );
    expect(scan(any).r.hasAskedType).toBe(true);
    const alias = bytesOf(
      header(RESPONSE, 1, 1, 0, 0),
      question('a', 5),
      record(QNAME_POINTER, 5, 1, name('b')),
    );
    expect(scan(alias).r.hasAskedType).toBe(true);
  });

  it('does not count records of other sections as an answer', () => {
    const { r } = scan(bytesOf(header(RESPONSE, 1, 0, 1, 1), q, cname, address));
    expect([r.hasAskedType, r.hasAlias]).toEqual([false, false]);
  });

  it('has no least TTL without records', () => {
    expect(scan(bytesOf(header(RESPONSE, 1, 0, 0, 1), q, opt(512))).r.minTtlSeconds).toBe(-1);
  });

  it('counts a TTL with the top bit set as 0', () => {
    const { r } = scan(bytesOf(header(RESPONSE, 1, 1, 0, 0), q, record(QNAME_POINTER, 1, 0x80000000, A)));
    expect(r.minTtlSeconds).toBe(0);
  });

  it('puts the extended RCODE together', () => {
    const { r } = scan(
      bytesOf(header(RESPONSE | 7, 1, 0, 0, 1), q, opt(1232, { extendedRcode: 1, dnssecOk: true })),
    );
    expect(r.rcode).toBe(23);
    expect(r.dnssecOk).toBe(true);
  });

  it('takes a bare error without a question', () => {
    const { verdict, r } = scan(bytesOf(header(RESPONSE | 1, 0, 0, 0, 0)));
    expect(verdict).toBe(ScanVerdict.ok);
    expect(r.rcode).toBe(1);
    expect(r.questionEnd).toBe(12);
    expect(scan(bytesOf(header(RESPONSE | 1, 0, 0, 0, 1), opt(1232))).verdict).toBe(ScanVerdict.ok);
    const badVersion = scan(bytesOf(header(RESPONSE, 0, 0, 0, 1), opt(1232, { extendedRcode: 1 })));
    expect([badVersion.verdict, badVersion.r.rcode]).toEqual([ScanVerdict.ok, 16]);
  });
});

describe('scanResponse: negative answers', () => {
  const negative = (ttl: number, rdata: Uint8Array) =>
    bytesOf(header(RESPONSE | 3, 1, 0, 1, 0), q, record('c010', 6, ttl, rdata));

  it('takes the smaller of TTL and MINIMUM', () => {
    expect(scan(negative(3600, soa(300))).r.negativeTtlSeconds).toBe(300);
    expect(scan(negative(60, soa(300))).r.negativeTtlSeconds).toBe(60);
    expect(scan(negative(60, soa(300))).r.rcode).toBe(3);
  });

  it('reads numbers with the top bit set as 0', () => {
    expect(scan(negative(0xffffffff, soa(300))).r.negativeTtlSeconds).toBe(0);
    expect(scan(negative(300, soa(0x80000000))).r.negativeTtlSeconds).toBe(0);
  });

  it('does not read MINIMUM from RDATA too short to hold one', () => {
    expect(scan(negative(300, soa(5).slice(0, 21))).r.negativeTtlSeconds).toBe(-1);
  });

  it('looks in the authority section only', () => {
    const answer = bytesOf(
      header(RESPONSE, 1, 1, 0, 0),
      question('a', 6),
      record(QNAME_POINTER, 6, 60, soa(5)),
    );
    expect(scan(answer).r.negativeTtlSeconds).toBe(-1);
    expect(scan(answer).r.hasAskedType).toBe(true);
    const additional = bytesOf(header(RESPONSE, 1, 0, 0, 1), q, record('c010', 6, 60, soa(5)));
    expect(scan(additional).r.negativeTtlSeconds).toBe(-1);
  });
});

describe('scanResponse: EDE and signatures', () => {
  it('finds the first EDE', () => {
    const options = bytesOf(
      option(10, bytesOf('01')),
      option(15, bytesOf('0016 6869')),
      option(15, bytesOf('0001')),
    );
    const message = bytesOf(header(RESPONSE | 2, 1, 0, 0, 1), q, opt(1232, { options }));
    const { r } = scan(message);
    expect(message.slice(r.edeOffset, r.edeOffset + r.edeLength)).toEqual(bytesOf('0016 6869'));
  });

  it('takes an EDE that is an INFO-CODE alone', () => {
    const options = option(15, bytesOf('0016'));
    const { r } = scan(bytesOf(header(RESPONSE | 2, 1, 0, 0, 1), q, opt(1232, { options })));
    expect(r.edeLength).toBe(2);
  });

  it('takes an SOA whose names are both the root, and none that is shorter', () => {
    const negativeTtl = (rdata: Uint8Array) =>
      scan(bytesOf(header(RESPONSE | 3, 1, 0, 1, 0), q, record('c010', 6, 300, rdata))).r.negativeTtlSeconds;
    const shortest = bytesOf('00 00', uint32(1), uint32(2), uint32(3), uint32(4), uint32(50));
    expect(negativeTtl(shortest)).toBe(50);
    expect(negativeTtl(shortest.slice(1))).toBe(-1);
  });

  it('treats an EDE without an INFO-CODE, or broken options, as none', () => {
    for (const options of [option(15, bytesOf('00')), bytesOf('000f ffff 0001')]) {
      const { verdict, r } = scan(bytesOf(header(RESPONSE, 1, 0, 0, 1), q, opt(1232, { options })));
      expect(verdict).toBe(ScanVerdict.ok);
      expect([r.edeOffset, r.edeLength]).toEqual([0, 0]);
    }
  });

  it('recognizes TSIG and SIG(0)', () => {
    const tsig = record(name('key'), 250, 0, bytesOf('00'), 255);
    const sig0 = record('00', 24, 0, bytesOf('0000 05 00'), 255);
    const sig = record('00', 24, 0, bytesOf('0001 05 00'), 1);
    expect(scan(bytesOf(header(RESPONSE, 1, 0, 0, 2), q, opt(512), tsig)).r.signed).toBe(true);
    expect(scan(bytesOf(header(RESPONSE, 1, 0, 0, 1), q, sig0)).r.signed).toBe(true);
    expect(scan(bytesOf(header(RESPONSE, 1, 0, 0, 1), q, sig)).r.signed).toBe(false);
    // Zeros elsewhere cover nothing either, but are no signature; nor is a SIG too short to say
    // what it covers.
    const zeros = record('00', 1, 0, bytesOf('00000000'));
    expect(scan(bytesOf(header(RESPONSE, 1, 0, 0, 1), q, zeros)).r.signed).toBe(false);
    const cut = bytesOf(header(RESPONSE, 1, 0, 0, 1), q, record('00', 24, 0, bytesOf('00')), '0000');
    expect(scan(cut).r.signed).toBe(false);
    const shortest = record('00', 24, 0, bytesOf('0000'));
    expect(scan(bytesOf(header(RESPONSE, 1, 0, 0, 1), q, shortest)).r.signed).toBe(true);
  });
});

describe('scanResponse: what is not sound', () => {
  const whole = bytesOf(header(RESPONSE, 1, 1, 1, 1), q, cname, record('c010', 2, 1, name('ns')), opt(1232));

  it('refuses a reply cut off anywhere', () => {
    for (let length = 0; length < whole.length; length++) {
      expect(scan(whole.slice(0, length)).verdict).toBe(ScanVerdict.malformed);
    }
    expect(scan(whole).verdict).toBe(ScanVerdict.ok);
  });

  it.each([
    ['a query', bytesOf(header(0x0100, 1, 0, 0, 0), q)],
    ['another opcode', bytesOf(header(0xa800, 1, 0, 0, 0), q)],
    ['two questions', bytesOf(header(RESPONSE, 2, 0, 0, 0), q, q)],
    ['records without a question', bytesOf(header(RESPONSE, 0, 1, 0, 0), record('00', 1, 1, A))],
    ['an answer in an error without a question', bytesOf(header(0x8182, 0, 1, 0, 0), record('00', 1, 1, A))],
    [
      'an answer and an authority in an error without a question',
      bytesOf(header(0x8182, 0, 1, 1, 0), record('00', 1, 1, A), record('00', 2, 1, name('ns'))),
    ],
    ['NOERROR without a question', bytesOf(header(RESPONSE, 0, 0, 0, 0))],
    ['TC without a question, cut off within a record', bytesOf(header(0x8303, 0, 0, 0, 1), '00 0029')],
    ['NXDOMAIN without a question', bytesOf(header(RESPONSE | 3, 0, 0, 0, 1), opt(1232))],
    ['a compressed question', bytesOf(header(RESPONSE, 1, 0, 0, 0), 'c00c 0001 0001')],
    ['two OPTs', bytesOf(header(RESPONSE, 1, 0, 0, 2), q, opt(512), opt(512))],
    ['OPT as an answer', bytesOf(header(RESPONSE, 1, 1, 0, 0), q, opt(512))],
    ['OPT of a name', bytesOf(header(RESPONSE, 1, 0, 0, 1), q, record(QNAME_POINTER, 41, 0, bytesOf(), 512))],
    ['a pointer forwards', bytesOf(header(RESPONSE, 1, 1, 0, 0), q, record('c0ff', 1, 1, A))],
    ['counts beyond any message', bytesOf(header(RESPONSE, 1, 0xffff, 0xffff, 0xffff), q, cname)],
  ])('refuses %s', (_, message) => {
    expect(scan(message).verdict).toBe(ScanVerdict.malformed);
  });

  it('believes TC of a reply cut off within a record, but none of its records', () => {
    const truncated = bytesOf(header(RESPONSE | 0x0203, 1, 1, 1, 1), whole.slice(12));
    for (let length = q.length + 12; length < truncated.length; length++) {
      const { verdict, r } = scan(truncated.slice(0, length));
      expect(verdict).toBe(ScanVerdict.ok);
      expect(r.truncated).toBe(true);
      expect(r.rcode).toBe(3);
      expect([r.answerCount, r.authorityCount, r.additionalCount, r.ttlCount]).toEqual([0, 0, 0, 0]);
      expect([r.hasOpt, r.hasAlias, r.minTtlSeconds]).toEqual([false, false, -1]);
      const rest = truncated.slice(0, length);
      expect(rest.slice(0, stripOpt(rest, length, r))).toEqual(
        bytesOf(header(RESPONSE | 0x0203, 1, 0, 0, 0), q),
      );
    }
    expect(scan(truncated).r.ttlCount).toBe(2);
  });

  it('forgets the OPT, too, that stood before the cut', () => {
    const message = bytesOf(
      header(RESPONSE | 0x0203, 1, 0, 0, 2),
      q,
      opt(1232, { extendedRcode: 1 }),
      '00 0001 0001 00000000 0050', // RDLENGTH 80, and no RDATA
    );
    const { verdict, r } = scan(message);
    expect(verdict).toBe(ScanVerdict.ok);
    expect([r.rcode, r.hasOpt, r.optOffset]).toEqual([3, false, 0]);
  });

  it('reports more records than it keeps TTLs of', () => {
    const many = (count: number) =>
      bytesOf(
        header(RESPONSE, 1, count, 0, 1),
        q,
        ...Array.from({ length: count }, () => record('00', 1, 7, bytesOf())),
        opt(512),
      );
    const { verdict, r } = scan(many(MAX_TTL_OFFSETS + 1));
    expect(verdict).toBe(ScanVerdict.tooManyRecords);
    expect(r.ttlCount).toBe(MAX_TTL_OFFSETS);
    expect(r.hasOpt).toBe(true);
    expect(scan(many(MAX_TTL_OFFSETS)).verdict).toBe(ScanVerdict.ok);
  });

  it('forgets the message before', () => {
    const r = new ScannedResponse();
    const options = option(15, bytesOf('0001'));
    const rich = bytesOf(
      header(RESPONSE | 0x0203, 1, 1, 1, 2),
      q,
      cname,
      record('c010', 6, 9, soa(1)),
      record('00', 250, 0, bytesOf()),
      opt(99, { options, dnssecOk: true, extendedRcode: 3 }),
    );
    expect(scanResponse(rich, rich.length, r)).toBe(ScanVerdict.ok);
    expect(scanResponse(rich, 5, r)).toBe(ScanVerdict.malformed);
    const { ttlOffsets: _a, ...left } = r;
    const { ttlOffsets: _b, ...expected } = new ScannedResponse();
    expect(left).toEqual(expected);
  });
});

describe('stripOpt', () => {
  const strip = (message: Uint8Array) => {
    const { verdict, r } = scan(message);
    expect(verdict).toBe(ScanVerdict.ok);
    const bytes = message.slice();
    return bytes.slice(0, stripOpt(bytes, bytes.length, r));
  };

  it('takes OPT away and counts what is left', () => {
    expect(strip(bytesOf(header(RESPONSE, 1, 1, 0, 1), q, cname, opt(1232)))).toEqual(
      bytesOf(header(RESPONSE, 1, 1, 0, 0), q, cname),
    );
  });

  it('leaves a message without OPT as it is', () => {
    const message = bytesOf(header(RESPONSE, 1, 1, 0, 1), q, cname, address);
    expect(strip(message)).toEqual(message);
  });

  it('takes what follows OPT too, and its TTLs are not counted', () => {
    const message = bytesOf(
      header(RESPONSE, 1, 1, 0, 3),
      q,
      cname,
      address,
      opt(1232),
      record('00', 1, 1, A),
    );
    expect(strip(message)).toEqual(bytesOf(header(RESPONSE, 1, 1, 0, 1), q, cname, address));
    const { r } = scan(message);
    expect(r.ttlCount).toBe(2);
    expect(r.minTtlSeconds).toBe(60);
  });

  it('takes bytes after the last record away, so that OPT can be appended', () => {
    const message = bytesOf(header(RESPONSE, 1, 1, 0, 0), q, cname);
    expect(strip(bytesOf(message, 'ffffff'))).toEqual(message);
  });
});
