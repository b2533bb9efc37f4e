import { describe, expect, it } from 'vitest';
import { ScannedResponse, scanResponse } from '../../src/wire/response.ts';
import { equalizeTtls } from '../../src/wire/rrset-ttl.ts';
import { bytesOf, header, QNAME_POINTER, question, record } from './build-message.ts';

const A = 1;
const TXT = 16;
const RRSIG = 46;
const RDATA = bytesOf('c0000201');

/** The TTLs of a reply with these records, as clients may get them. */
function equalized(...records: Uint8Array[]): number[] {
  const bytes = bytesOf(header(0x8180, 1, records.length, 0, 0), question('www.example'), ...records);
  const scanned = new ScannedResponse();
  scanResponse(bytes, bytes.length, scanned);
  equalizeTtls(bytes, scanned);
  const view = new DataView(bytes.buffer);
  return [...scanned.ttlOffsets.subarray(0, scanned.ttlCount)].map((offset) => view.getUint32(offset));
}

describe('equalizeTtls', () => {
  it('gives the records of a set their least TTL, wherever it stands', () => {
    const set = (...ttls: number[]) => equalized(...ttls.map((ttl) => record(QNAME_POINTER, A, ttl, RDATA)));
    expect(set(300, 60)).toEqual([60, 60]);
    expect(set(60, 300, 300)).toEqual([60, 60, 60]);
    expect(set(300, 60, 300, 30)).toEqual([30, 30, 30, 30]);
    expect(set(60, 60)).toEqual([60, 60]);
  });

  it('leaves sets of another name, type or class alone, and signatures', () => {
    const other = bytesOf('056f 7468 6572 c00c');
    expect(
      equalized(
        record(QNAME_POINTER, A, 300, RDATA),
        record(other, A, 60, RDATA),
        record(other, TXT, 50, RDATA),
        record(other, TXT, 40, RDATA, 3),
        record(QNAME_POINTER, RRSIG, 30, RDATA),
        record(QNAME_POINTER, RRSIG, 20, RDATA),
      ),
    ).toEqual([300, 60, 50, 40, 30, 20]);
  });

  it('identifies an RRset by all bytes of its owner, not by its records', () => {
    const text = (owner: string, ttl: number, length: number) =>
      record(bytesOf(owner), TXT, ttl, new Uint8Array(length));
    // Records of many lengths, the last shortest lived; behind them an owner that differs in its
    // first byte, in its last.
    expect(
      equalized(
        text('0161 c00c', 300, 5),
        text('0161 c00c', 200, 300),
        text('0161 c00c', 100, 0),
        text('0162 c00c', 90, 7),
        text('0162 c010', 80, 7),
        text('c010', 70, 7),
        text('c00c', 60, 7),
      ),
    ).toEqual([100, 100, 100, 90, 80, 70, 60]);
    expect(equalized(text('c00c', 9, 1), text('c00c', 8, 2), text('c010', 7, 1), text('c010', 6, 1))).toEqual(
      [8, 8, 6, 6],
    );
  });

  it('reads a TTL with the top bit set as 0', () => {
    expect(equalized(record(QNAME_POINTER, A, 0x80000001, RDATA))).toEqual([0]);
    expect(
      equalized(record(QNAME_POINTER, A, 60, RDATA), record(QNAME_POINTER, A, 0xffffffff, RDATA)),
    ).toEqual([0, 0]);
    expect(
      equalized(record(QNAME_POINTER, A, 0x7fffffff, RDATA), record(QNAME_POINTER, TXT, 60, RDATA)),
    ).toEqual([0x7fffffff, 60]);
  });

  it('looks at nothing behind the last record, whatever stands there from a reply before', () => {
    const records = [300, 200, 0xffffffff, 50].map((ttl) => record(QNAME_POINTER, A, ttl, RDATA));
    const bytes = bytesOf(header(0x8180, 1, records.length, 0, 0), question('www.example'), ...records);
    const scanned = new ScannedResponse();
    scanResponse(bytes, bytes.length, scanned);
    bytes[7] = 2; // ANCOUNT
    const behind = bytes.length - 2 * records[0]!.length;
    scanResponse(bytes, behind, scanned);
    equalizeTtls(bytes, scanned);
    expect(bytes).toEqual(
      bytesOf(
        header(0x8180, 1, 2, 0, 0),
        question('www.example'),
        record(QNAME_POINTER, A, 200, RDATA),
        record(QNAME_POINTER, A, 200, RDATA),
        ...records.slice(2),
      ),
    );
  });
});
