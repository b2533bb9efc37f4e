// A denial with a longer question: what followed the header has moved, and each compression pointer
// with it.
import dnsPacket from 'dns-packet';
import { expect, it } from 'vitest';
import { lengthenQuestion } from '../../src/wire/longer-question.ts';
import { textToName } from '../../src/wire/text.ts';
import { bytesOf, header, question, record } from './build-message.ts';

const NXDOMAIN = 0x8183;
const SOA = 6;
const NUMBERS = new Uint8Array(20).fill(7);

/** The SOA's owner and the two names in its data, as they come back under a longer question. */
function namesAfter(owner: Uint8Array, mname: Uint8Array, rname: Uint8Array): string[] {
  const rdata = bytesOf(mname, rname, NUMBERS);
  const message = bytesOf(
    header(NXDOMAIN, 1, 0, 1, 0),
    question('com.example', 1),
    record(owner, SOA, 30, rdata),
  );
  const out = new Uint8Array(512);
  out.set(message);
  const longer = textToName('www.x.com.example');
  const length = lengthenQuestion(out, message.length, longer.length - textToName('com.example').length);
  out.set(longer, 12);
  const read = dnsPacket.decode(Buffer.from(out.subarray(0, length)));
  expect(read.questions![0]!.name).toBe('www.x.com.example');
  const [soa] = read.authorities as dnsPacket.SoaAnswer[];
  expect(soa!.ttl).toBe(30);
  expect(soa!.data.minimum).toBe(0x07070707);
  return [soa!.name, soa!.data.mname, soa!.data.rname];
}

/** Of "example" in the question. */
const POINTER = Uint8Array.of(0xc0, 16);

it('moves pointers to the question', () => {
  const ns = Uint8Array.of(2, 0x6e, 0x73, 0xc0, 16);
  expect(namesAfter(POINTER, ns, POINTER)).toEqual(['example', 'ns.example', 'example']);
});

it('moves pointers to other records', () => {
  // RDATA starts at 12 + 13 + 4, behind the owner (2) and ten more bytes.
  const rname = Uint8Array.of(1, 0x61, 0xc0, 41);
  const mname = Uint8Array.of(2, 0x6e, 0x73, 0xc0, 16);
  expect(namesAfter(POINTER, mname, rname)).toEqual(['example', 'ns.example', 'a.ns.example']);
});

it('leaves names alone that are written out', () => {
  const names = ['example', 'ns.example', 'admin.example'];
  expect(namesAfter(textToName(names[0]!), textToName(names[1]!), textToName(names[2]!))).toEqual(names);
});
