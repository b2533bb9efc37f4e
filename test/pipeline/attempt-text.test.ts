// Attempts in words: for people who look into one query, and for clients.
import { beforeEach, describe, expect, it } from 'vitest';
import { attemptLines, causesOf, failureText, shortName } from '../../src/pipeline/attempt-text.ts';
import type { Flight } from '../../src/pipeline/pending/flight.ts';
import { AttemptEnd } from '../../src/pipeline/pending/timeline.ts';
import { FailureReason } from '../../src/upstream/exchange.ts';
import { SharedUpstreamState } from '../../src/upstream/shared-state.ts';
import type { Upstream } from '../../src/upstream/upstream.ts';
import { Rcode } from '../../src/wire/codes.ts';
import { activeFlight, rootZone } from './flights.ts';
import { FakeUpstream } from './pipeline-fixture.ts';

let flight: Flight;
let upstreams: FakeUpstream[];

beforeEach(() => {
  upstreams = [new FakeUpstream(1), new FakeUpstream(2), new FakeUpstream(3, 'tcp')];
  flight = activeFlight(rootZone(upstreams, new SharedUpstreamState()));
  flight.timeline.reset(0);
});

/** One message, and what became of it. */
function note(upstream: number, overStream: boolean, end: AttemptEnd, detail = 0): void {
  const number = flight.timeline.begin(upstream, overStream, 0);
  if (end !== AttemptEnd.pending) flight.timeline.end(number, end, detail, 10);
}

const told = () => new TextDecoder().decode(failureText(flight));

describe('the text that clients get', () => {
  it('names each upstream, what it did, over what, and how often', () => {
    upstreams[0]!.lastErrorOver = () => 'connection refused (ECONNREFUSED): nobody listens there';
    for (let i = 0; i < 3; i++) note(0, false, AttemptEnd.silent);
    note(0, true, AttemptEnd.failed, FailureReason.unreachable);
    note(1, false, AttemptEnd.replied, Rcode.SERVFAIL);
    note(2, true, AttemptEnd.pending);
    expect(told()).toBe(
      '192.0.2.1: no answer over UDP, 3 tries; TCP refused; 192.0.2.2: SERVFAIL; 192.0.2.3: no answer over TCP',
    );
  });

  it('says nothing of upstreams that were not asked, or that answered', () => {
    note(0, false, AttemptEnd.replied, Rcode.NXDOMAIN);
    note(1, false, AttemptEnd.looped);
    expect(told()).toBe('192.0.2.2: forwarding loop');
  });

  it('is never longer than 128 bytes, and ends with a whole character', () => {
    const host = '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff';
    for (const { spec } of upstreams) Object.assign(spec.endpoint, { host, port: 5353 });
    for (let i = 0; i < 3; i++) note(i, false, AttemptEnd.silent);
    expect(failureText(flight).length).toBeLessThanOrEqual(128);
    expect(told()).toMatch(/^\[2001:db8:(ffff:){5}ffff\]:5353: no answer over UDP; .*…$/);
    expect(told()).not.toContain('\ufffd');
  });
});

describe('an upstream', () => {
  const named = (transport: string, port: number) =>
    shortName({
      transport,
      text: 'https://192.0.2.1/secret',
      spec: { endpoint: { host: '192.0.2.1', port } },
    } as Upstream);

  it('is named by host and port, never by the path of its URL', () => {
    expect(named('https', 443)).toBe('192.0.2.1:443');
    expect(named('udp', 53)).toBe('192.0.2.1');
    expect(named('tls', 53)).toBe('192.0.2.1:53');
  });

  it.each([
    [FailureReason.closed, 'UDP connection lost'],
    [FailureReason.tls, 'UDP handshake failed'],
    [FailureReason.overload, 'UDP no room'],
    [FailureReason.protocol, 'UDP no usable DNS'],
    [FailureReason.unreachable, 'UDP unreachable'],
  ])('that failed for reason %i: %s', (reason, words) => {
    note(0, false, AttemptEnd.failed, reason);
    expect(causesOf(flight.timeline, 0, flight.zone!.upstreams[0]!)).toBe(words);
  });

  it.each([
    ['host unreachable (EHOSTUNREACH): …', 'host unreachable'],
    ['network unreachable (ENETUNREACH): …', 'network unreachable'],
    ['no TCP connection in 5 ms: …', 'no connection'],
  ])('that the system says of: %s', (lastError, words) => {
    upstreams[0]!.lastErrorOver = () => lastError;
    note(0, true, AttemptEnd.failed, FailureReason.unreachable);
    expect(causesOf(flight.timeline, 0, flight.zone!.upstreams[0]!)).toBe(`TCP ${words}`);
  });
});

it('lists the messages in order, with transport, times and outcome', () => {
  note(0, false, AttemptEnd.truncated);
  note(0, true, AttemptEnd.replied, Rcode.NOERROR);
  note(1, false, AttemptEnd.malformed);
  note(1, false, AttemptEnd.mismatched);
  const line = { startMs: 0, durationMs: 10 };
  expect(attemptLines(flight, 99)).toEqual([
    { upstream: '192.0.2.1:53', transport: 'udp', outcome: 'truncated', ...line },
    { upstream: '192.0.2.1:53', transport: 'tcp', outcome: 'answered', ...line },
    { upstream: '192.0.2.2:53', transport: 'udp', outcome: 'malformed reply', ...line },
    { upstream: '192.0.2.2:53', transport: 'udp', outcome: 'mismatched replies', ...line },
  ]);
});
