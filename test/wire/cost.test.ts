// The cost of the worst packet. It measures time, so it is not part of `npm run mutation`, which
// counts every step.
import { describe, expect, it } from 'vitest';
import { describeMessage } from '../../src/wire/describe.ts';
import { ParsedQuery, parseQuery, QueryVerdict } from '../../src/wire/query.ts';
import { ScannedResponse, ScanVerdict, scanResponse } from '../../src/wire/response.ts';
import { header, question, record } from './build-message.ts';

describe('hostile packets', () => {
  it('cost little even at 64 KB full of pointers to pointers', () => {
    const bytes = new Uint8Array(65_535);
    bytes.set(header(0x8180, 1, 0, 0, 0));
    // The question is "a."; then a ladder of names, each a label and a pointer to the one before;
    // then records that all begin at its deepest sound rung.
    bytes.set(question('a'), 12);
    let at = 19;
    bytes.set(record('00', 10, 0, new Uint8Array(0)), at); // NULL record, its RDATA is the ladder
    const rdata = at + 11;
    let rung = 12;
    at = rdata;
    for (let i = 0; i < 120; i++) {
      bytes.set([1, 0x62, 0xc0 | (rung >> 8), rung & 255], at);
      rung = at;
      at += 4;
    }
    bytes.set([(at - rdata) >> 8, (at - rdata) & 255], rdata - 2);
    let records = 1;
    for (; at + 12 <= bytes.length; at += 12) {
      bytes.set([0xc0 | (rung >> 8), rung & 255, 0, 1, 0, 1, 0, 0, 0, 9, 0, 0], at);
      records++;
    }
    bytes.set([records >> 8, records & 255], 6);
    const r = new ScannedResponse();
    const begun = process.cpuUsage();
    expect(scanResponse(bytes, at, r)).toBe(ScanVerdict.tooManyRecords);
    bytes[2] = 0x01;
    expect(parseQuery(bytes, at, new ParsedQuery())).toBe(QueryVerdict.ok);
    // Of CPU, whoever else has it meanwhile. Measured 6 ms; anything quadratic takes many seconds.
    const { user, system } = process.cpuUsage(begun);
    expect((user + system) / 1000).toBeLessThan(2000);
    expect(describeMessage(bytes, at).length).toBeLessThan(100_000);
  });
});
