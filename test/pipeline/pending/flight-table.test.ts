// Coalescing finds exactly the flight that asks the same, and none other, even where hashes
// collide.
import { describe, expect, it } from 'vitest';
import { RandomPool } from '../../../src/base/random.ts';
import { PEER_WORDS } from '../../../src/io/datagram-socket.ts';
import { ClientQuery } from '../../../src/pipeline/client-query.ts';
import { Flight } from '../../../src/pipeline/pending/flight.ts';
import { FlightTable } from '../../../src/pipeline/pending/flight-table.ts';
import { Zone } from '../../../src/pipeline/zone.ts';
import { Selection } from '../../../src/upstream/selection.ts';
import { SharedUpstreamState } from '../../../src/upstream/shared-state.ts';
import { parseQuery, QueryVerdict } from '../../../src/wire/query.ts';
import { textToName } from '../../../src/wire/text.ts';
import { bytesOf, header, question, record, uint16 } from '../../wire/build-message.ts';
import { DATAGRAMS, type TestQuery, testQuery } from '../queries.ts';

const TSIG = 250;
const ANY_CLASS = 255;

const zone = (suffix = '.', partition = suffix.length, routeSlots: number[] = []) =>
  new Zone({
    suffix,
    wireSuffix: textToName(suffix),
    partition,
    upstreams: [],
    routeSlots,
    selection: new Selection('random', [], [], new SharedUpstreamState(), new RandomPool()),
  });

/** A query that is signed, so that it must pass as it is; another `mac`, another signature. */
function signedQuery(qname: string, mac: number, id = 1): TestQuery {
  const tsig = record(Uint8Array.of(0), TSIG, 0, new Uint8Array(40).fill(mac), ANY_CLASS);
  const bytes = bytesOf(header(0x0100, 1, 0, 0, 1), question(qname), tsig);
  bytes.set(uint16(id));
  const query = new ClientQuery();
  query.take(bytes, bytes.length, DATAGRAMS, new Int32Array(PEER_WORDS), 0);
  expect(parseQuery(bytes, bytes.length, query.parsed)).toBe(QueryVerdict.ok);
  return { bytes, q: query.parsed, query };
}

function flightFor({ query }: TestQuery, inZone: Zone): Flight {
  const flight = new Flight({ onFlightTimer() {} });
  flight.begin(query, inZone);
  return flight;
}

describe('flight-table', () => {
  it('finds a flight by its question, whatever the case of the name', () => {
    const table = new FlightTable();
    const root = zone();
    const flight = flightFor(testQuery('www.example.com'), root);
    table.add(flight);
    const other = testQuery('WWW.eXample.COM');
    expect(table.find(other.query, root)).toBe(flight);
  });

  it('finds none for another name, type, zone, DO, CD or RD', () => {
    const table = new FlightTable();
    const root = zone();
    table.add(flightFor(testQuery('www.example.com'), root));
    const others = [
      testQuery('www.example.org'),
      testQuery('ww.wexample.com'),
      testQuery('www.example.com', { type: 28 }),
      testQuery('www.example.com', { dnssecOk: true }),
      testQuery('www.example.com', { flags: 0x0110 }),
      testQuery('www.example.com', { flags: 0x0000 }),
    ];
    for (const { query } of others) expect(table.find(query, root)).toBeNull();
    const same = testQuery('www.example.com');
    expect(table.find(same.query, zone('example.com'))).toBeNull();
  });

  it('keeps questions with the same hash apart', () => {
    const table = new FlightTable();
    const root = zone();
    const queries = ['a.example', 'b.example', 'c.example'].map((name) => testQuery(name));
    for (const { q } of queries) q.keyHash = 42;
    const flights = queries.map((query) => flightFor(query, root));
    for (const flight of flights) table.add(flight);
    const found = () => queries.map(({ query }) => table.find(query, root));
    expect(found()).toEqual(flights);
    // Out of the middle of the chain, then its head, then the last.
    table.remove(flights[1]!);
    expect(found()).toEqual([flights[0], null, flights[2]]);
    table.remove(flights[2]!);
    expect(found()).toEqual([flights[0], null, null]);
    table.remove(flights[0]!);
    expect(found()).toEqual([null, null, null]);
  });

  it('removes a flight once, and ignores one that it does not hold', () => {
    const table = new FlightTable();
    const root = zone();
    const query = testQuery('www.example.com');
    const [inside, outside] = [flightFor(query, root), flightFor(query, root)];
    table.add(inside);
    table.remove(outside);
    expect(table.find(query.query, root)).toBe(inside);
    table.remove(inside);
    table.remove(inside);
    expect(table.find(query.query, root)).toBeNull();
  });

  it('finds an opaque flight by all its bytes but the ID, and counts those of one question', () => {
    const table = new FlightTable();
    const root = zone();
    const flights = [7, 8].map((mac) => flightFor(signedQuery('www.example.com', mac), root));
    const others = [
      flightFor(testQuery('www.example.com'), root),
      flightFor(signedQuery('www.example.org', 7), root),
      flightFor(signedQuery('www.example.com', 7), zone('example.com')),
    ];
    for (const flight of [...flights, ...others]) table.add(flight);
    const found = (mac: number) => table.findOpaque(signedQuery('www.example.com', mac, 99).query, root);
    expect([found(7), found(8), found(9)]).toEqual([...flights, null]);
    expect(table.countOpaque(signedQuery('www.example.com', 9).query, root)).toBe(2);
    expect(table.countOpaque(signedQuery('www.example.net', 9).query, root)).toBe(0);
    // An opaque flight is nobody else's.
    expect(table.find(testQuery('www.example.org').query, root)).toBeNull();
  });

  it('finds a flight from before routing was rebuilt with the same servers', () => {
    const table = new FlightTable();
    const query = testQuery('www.example.com');
    const flight = flightFor(query, zone('.', 7));
    table.add(flight);
    expect(table.find(query.query, zone('.', 7))).toBe(flight);
    expect(table.find(query.query, zone('.', 8))).toBeNull();
  });

  it('lists the flights that may use a route, as a copy', () => {
    const table = new FlightTable();
    const [root, local] = [zone('.', 1, [3, 4]), zone('local', 2, [5])];
    const inRoot = ['a.example', 'b.example'].map((name) => flightFor(testQuery(name), root));
    const inLocal = flightFor(testQuery('a.local'), local);
    for (const flight of [...inRoot, inLocal]) table.add(flight);
    const listed = table.flightsBy(4);
    expect(new Set(listed)).toEqual(new Set(inRoot));
    for (const flight of listed) table.remove(flight);
    expect(table.flightsBy(4)).toEqual([]);
    expect(table.flightsBy(5)).toEqual([inLocal]);
  });
});
