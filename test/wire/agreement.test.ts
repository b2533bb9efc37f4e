// The byte walks agree with other people's decoders, on random messages.

import * as dnsPacket from 'dns-packet';
import dns2 from 'dns2';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Type } from '../../src/wire/codes.ts';
import { ede } from '../../src/wire/ede.ts';
import { readFlags } from '../../src/wire/header.ts';
import { expandName, skipName } from '../../src/wire/name.ts';
import { ParsedQuery, parseQuery, QueryVerdict } from '../../src/wire/query.ts';
import { ScannedResponse, ScanVerdict, scanResponse, stripOpt } from '../../src/wire/response.ts';
import { restoreForClient } from '../../src/wire/restore.ts';
import { RrCursor } from '../../src/wire/rr.ts';
import { nameToText } from '../../src/wire/text.ts';
import { capTtls, readTtl } from '../../src/wire/ttl.ts';
import { bytesOf, header, opt, option, uint16, uint32 } from './build-message.ts';
import { CompressingWriter } from './compressing-writer.ts';

/** Missing in the types: the decoder of one name. */
const decodeName = (dnsPacket as unknown as { name: { decode(bytes: Buffer, offset?: number): string } }).name
  .decode;

const label = fc.stringMatching(/^[a-zA-Z0-9_-]{1,12}$/);
/**
 * Names from few labels, so that many share a tail; never the root (dns-packet writes it, dns2 does
 * not).
 */
const labels = fc.array(fc.oneof(fc.constantFrom('www', 'example', 'com', 'a'), label), {
  minLength: 1,
  maxLength: 5,
});
const ttl = fc.nat(0x7fffffff);

interface TestRecord {
  owner: string[];
  type: number;
  ttl: number;
  target: string[];
  data: Uint8Array;
}
const anyRecord: fc.Arbitrary<TestRecord> = fc.record({
  owner: labels,
  type: fc.constantFrom(Type.A, Type.AAAA, Type.CNAME, Type.NS, Type.MX, Type.SOA, Type.TXT, 65280),
  ttl,
  target: labels,
  data: fc.uint8Array({ minLength: 1, maxLength: 40 }),
});
const section = fc.array(anyRecord, { maxLength: 6 });

interface TestMessage {
  id: number;
  flags: number;
  qname: string[];
  qtype: number;
  sections: [TestRecord[], TestRecord[], TestRecord[]];
  edns: { udpSize: number; dnssecOk: boolean; data: Uint8Array } | null;
}
const anyMessage: fc.Arbitrary<TestMessage> = fc.record({
  id: fc.nat(0xffff),
  // AA, RD, RA, AD, CD and RCODE 0–5; never TC.
  flags: fc
    .tuple(fc.subarray([0x0400, 0x0100, 0x0080, 0x0020, 0x0010]), fc.nat(5))
    .map(([bits, rcode]) => bits.reduce((all, bit) => all | bit, 0x8000 | rcode)),
  qname: labels,
  qtype: fc.constantFrom(Type.A, Type.AAAA, Type.CNAME, Type.MX, Type.TXT),
  sections: fc.tuple(section, section, section),
  edns: fc.option(
    fc.record({
      udpSize: fc.integer({ min: 512, max: 65535 }),
      dnssecOk: fc.boolean(),
      data: fc.uint8Array({ maxLength: 30 }),
    }),
  ),
});

function writeRecord(writer: CompressingWriter, record: TestRecord): void {
  const { owner, type, target, data } = record;
  writer.record(owner, type, 1, record.ttl, () => {
    if (type === Type.A) writer.write(Uint8Array.from({ length: 4 }, (_, i) => data[i % data.length]!));
    else if (type === Type.AAAA)
      writer.write(Uint8Array.from({ length: 16 }, (_, i) => data[i % data.length]!));
    else if (type === Type.CNAME || type === Type.NS) writer.name(target);
    else if (type === Type.MX) writer.write(uint16(10)).name(target);
    else if (type === Type.SOA)
      writer
        .name(target)
        .name(owner)
        .write(...[1, 2, 3, 4, record.ttl >>> 1].map(uint32));
    else if (type === Type.TXT) writer.write(data.length, data);
    else writer.write(data);
  });
}

function writeMessage(m: TestMessage): Uint8Array {
  const writer = new CompressingWriter();
  const [an, ns, ar] = m.sections;
  writer.write(uint16(m.id), header(m.flags, 1, an.length, ns.length, ar.length + (m.edns ? 1 : 0)).slice(2));
  writer.name(m.qname).write(uint16(m.qtype), uint16(1));
  for (const record of m.sections.flat()) writeRecord(writer, record);
  if (m.edns !== null) {
    writer.write(opt(m.edns.udpSize, { dnssecOk: m.edns.dnssecOk, options: option(65300, m.edns.data) }));
  }
  return writer.bytes();
}

/** What dns-packet says, without what belongs to one hop: ID, OPT, and flags as told. */
function decodeBeyondHop(bytes: Uint8Array) {
  const packet = dnsPacket.decode(Buffer.from(bytes));
  return {
    questions: packet.questions?.map((q) => ({ ...q, name: q.name.toLowerCase() })),
    answers: packet.answers?.map((record) => foldName(record)),
    authorities: packet.authorities?.map((record) => foldName(record)),
    additionals: packet.additionals
      ?.filter((record) => record.type !== 'OPT')
      .map((record) => foldName(record)),
  };
}

/** Owners point to the question's spelling: case is told apart nowhere. */
function foldName<T>(record: T): T {
  return JSON.parse(JSON.stringify(record).toLowerCase()) as T;
}

describe('agreement with dns-packet', () => {
  it('on queries', () => {
    fc.assert(
      fc.property(
        labels,
        fc.constantFrom('A', 'AAAA', 'MX', 'SRV'),
        fc.nat(0xffff),
        fc.nat(0x3f),
        fc.boolean(),
        (qname, type, id, rd, edns) => {
          const additionals = edns
            ? [
                {
                  type: 'OPT',
                  name: '.',
                  udpPayloadSize: 1400,
                  flags: dnsPacket.DNSSEC_OK,
                  options: [{ code: 10, data: Buffer.alloc(8, 1) }],
                },
              ]
            : [];
          const flags =
            (rd & 1 ? dnsPacket.RECURSION_DESIRED : 0) | (rd & 2 ? dnsPacket.CHECKING_DISABLED : 0);
          const bytes = dnsPacket.encode({
            type: 'query',
            id,
            flags,
            questions: [{ type: type as 'A', name: qname.join('.') }],
            additionals: additionals as never,
          });
          const q = new ParsedQuery();
          expect(parseQuery(bytes, bytes.length, q)).toBe(QueryVerdict.ok);
          const decoded = dnsPacket.decode(bytes);
          expect(q.id).toBe(decoded.id);
          expect(nameToText(bytes, 12)).toBe(`${decoded.questions![0]!.name}.`);
          expect(q.labelCount).toBe(qname.length);
          expect(q.hasUpperCase).toBe(/[A-Z]/.test(qname.join('')));
          expect(q.opaque).toBe(false);
          expect([q.hasOpt, q.dnssecOk, q.udpSize, q.optionsLength]).toEqual(
            edns ? [true, true, 1400, 12] : [false, false, 512, 0],
          );
          expect(q.questionEnd + (edns ? 23 : 0)).toBe(bytes.length);
        },
      ),
    );
  });

  it('on replies: counts, types, TTLs, owners', () => {
    fc.assert(
      fc.property(anyMessage, (m) => {
        const bytes = writeMessage(m);
        const r = new ScannedResponse();
        expect(scanResponse(bytes, bytes.length, r)).toBe(ScanVerdict.ok);
        const decoded = dnsPacket.decode(Buffer.from(bytes));
        expect([r.answerCount, r.authorityCount, r.additionalCount]).toEqual([
          decoded.answers!.length,
          decoded.authorities!.length,
          decoded.additionals!.length,
        ]);
        const records = [...decoded.answers!, ...decoded.authorities!, ...decoded.additionals!].filter(
          (record) => record.type !== 'OPT',
        ) as { name: string; ttl: number; type: string }[];
        const ttls = [...r.ttlOffsets.slice(0, r.ttlCount)].map((at) => readTtl(bytes, at));
        expect(ttls).toEqual(records.map((record) => record.ttl));
        expect(r.minTtlSeconds).toBe(ttls.length === 0 ? -1 : Math.min(...ttls));
        const asked = decoded.questions![0]!.type;
        expect(r.hasAskedType).toBe(decoded.answers!.some((record) => record.type === asked));
        expect(r.hasAlias).toBe(decoded.answers!.some((record) => record.type === 'CNAME'));
        const soa = m.sections[1].find((record) => record.type === Type.SOA);
        expect(r.negativeTtlSeconds).toBe(soa === undefined ? -1 : soa.ttl >>> 1);
        expect(r.hasOpt).toBe(m.edns !== null);
        expect(r.ednsUdpSize).toBe(m.edns?.udpSize ?? 0);
        expect(r.endOffset).toBe(bytes.length);

        const rr = new RrCursor();
        rr.reset(bytes, bytes.length, r.questionEnd, records.length);
        for (const record of records) {
          expect(rr.next()).toBe(true);
          expect(nameToText(bytes, rr.nameOffset)).toBe(`${record.name}.`);
        }
        expect(rr.endOffset).toBe(m.edns === null ? bytes.length : r.optOffset);
      }),
    );
  });

  it('on names, wherever a pointer may lead', () => {
    fc.assert(
      fc.property(fc.array(labels, { minLength: 1, maxLength: 20 }), (names) => {
        const writer = new CompressingWriter();
        writer.write(new Uint8Array(12));
        const offsets = names.map((parts) => {
          const offset = writer.written.length;
          writer.name(parts);
          return offset;
        });
        const bytes = writer.bytes();
        const out = new Uint8Array(255);
        offsets.forEach((offset, i) => {
          const length = expandName(bytes, bytes.length, offset, out);
          expect(decodeName(Buffer.from(out.subarray(0, length)))).toBe(names[i]!.join('.'));
          expect(decodeName(Buffer.from(bytes), offset)).toBe(names[i]!.join('.'));
          expect(skipName(bytes, bytes.length, offset)).toBe(offsets[i + 1] ?? bytes.length);
        });
      }),
    );
  });

  it('on what stripping, capping and restoring leave as it was', () => {
    fc.assert(
      fc.property(anyMessage, fc.boolean(), fc.boolean(), (m, hasOpt, dnssecOk) => {
        const message = writeMessage(m);
        const out = bytesOf(message, new Uint8Array(300));
        const r = new ScannedResponse();
        expect(scanResponse(out, message.length, r)).toBe(ScanVerdict.ok);
        const stripped = stripOpt(out, message.length, r);
        expect(decodeBeyondHop(out.subarray(0, stripped))).toEqual(decodeBeyondHop(message));
        expect(dnsPacket.decode(Buffer.from(out.subarray(0, stripped))).additionals).toHaveLength(
          m.sections[2].length,
        );

        capTtls(out, r.ttlOffsets, r.ttlCount, 0, 0x7fffffff);
        const spelt = bytesOf(
          'ff'.repeat(12),
          ...m.qname.flatMap((part) => [part.length, new TextEncoder().encode(part.toUpperCase())]),
          0,
        );
        const question = { id: 77, flags: 0x0100, qnameLength: spelt.length - 12, hasOpt, dnssecOk };
        const client = { question, named: spelt, sizeLimit: 65535 };
        const length = restoreForClient(out, stripped, client, r.rcode, ede(22, bytesOf('616263')));
        const restored = out.subarray(0, length);
        expect(decodeBeyondHop(restored)).toEqual(decodeBeyondHop(message));
        const decoded = dnsPacket.decode(Buffer.from(restored));
        expect(decoded.id).toBe(77);
        expect(decoded.questions![0]!.name).toBe(m.qname.join('.').toUpperCase());
        expect(readFlags(restored) & 0x0fff).toBe(
          (m.flags & 0x040f) | 0x0180 | (dnssecOk ? m.flags & 0x0020 : 0),
        );
        const opts = decoded.additionals!.filter((record) => record.type === 'OPT');
        expect(opts).toHaveLength(hasOpt ? 1 : 0);
        if (hasOpt) expect(opts[0]).toMatchObject({ udpPayloadSize: 1232, flag_do: dnssecOk });
        expect(scanResponse(restored, length, r)).toBe(ScanVerdict.ok);
        expect(r.endOffset).toBe(length);
      }),
    );
  });
});

describe('agreement with dns2', () => {
  it('on queries it writes', () => {
    fc.assert(
      fc.property(labels, fc.nat(0xffff), (qname, id) => {
        const packet = new dns2.Packet();
        packet.header.id = id;
        packet.header.rd = 1;
        packet.questions.push(new dns2.Packet.Question(qname.join('.'), 28, 1));
        const bytes = packet.toBuffer();
        const q = new ParsedQuery();
        expect(parseQuery(bytes, bytes.length, q)).toBe(QueryVerdict.ok);
        expect([q.id, q.flags, q.qtype, q.qclass]).toEqual([id, 0x0100, 28, 1]);
        expect(nameToText(bytes, 12)).toBe(`${qname.join('.')}.`);
      }),
    );
  });

  it('on replies it reads', () => {
    fc.assert(
      fc.property(labels, fc.array(fc.record({ owner: labels, ttl }), { maxLength: 8 }), (qname, answers) => {
        const writer = new CompressingWriter();
        writer
          .write(header(0x8180, 1, answers.length, 0, 0))
          .name(qname)
          .write(uint16(1), uint16(1));
        for (const { owner, ttl: seconds } of answers)
          writer.record(owner, 1, 1, seconds, () => writer.write(bytesOf('c0000201')));
        const bytes = writer.bytes();
        const r = new ScannedResponse();
        expect(scanResponse(bytes, bytes.length, r)).toBe(ScanVerdict.ok);
        const decoded = dns2.Packet.parse(Buffer.from(bytes));
        expect([...r.ttlOffsets.slice(0, r.ttlCount)].map((at) => readTtl(bytes, at))).toEqual(
          decoded.answers.map((record) => record.ttl),
        );
      }),
    );
  });
});
