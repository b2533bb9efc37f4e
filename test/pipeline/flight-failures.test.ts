// What a failed flight's clients are told, and when the failure is stored for its name.
import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../src/base/clock.ts';
import type { MessageCache, StoredFailure } from '../../src/cache/message-cache.ts';
import type { Answers } from '../../src/pipeline/answers.ts';
import { FlightFailures } from '../../src/pipeline/flight-failures.ts';
import type { Flight } from '../../src/pipeline/pending/flight.ts';
import { AttemptEnd } from '../../src/pipeline/pending/timeline.ts';
import type { Waiter } from '../../src/pipeline/waiter.ts';
import { SharedUpstreamState, UpstreamState } from '../../src/upstream/shared-state.ts';
import { EdeCode, Rcode } from '../../src/wire/codes.ts';
import { type Ede, ede, NO_EDE } from '../../src/wire/ede.ts';
import { activeFlight, rootZone } from './flights.ts';
import { FakeUpstream } from './pipeline-fixture.ts';

let state: SharedUpstreamState;
let flight: Flight;
/** What was done, in order. */
let done: string[];
let failures: FlightFailures;

beforeEach(() => {
  state = new SharedUpstreamState();
  flight = activeFlight(rootZone([new FakeUpstream(1)], state));
  flight.attemptCount = 1;
  done = [];
  const answers = {
    truncated: () => done.push('truncated'),
    failure: (_: Flight, rcode: number, reason: Ede) => {
      const text = reason.text === null ? '' : ` ${new TextDecoder().decode(reason.text)}`;
      done.push(`told ${rcode} ${reason.code}${text}`);
    },
  } as unknown as Answers;
  const cache = {
    storeFailure: (_: Flight, partition: number, { rcode, isOutage }: StoredFailure) =>
      done.push(`stored ${rcode} in ${partition}${isOutage ? ', an outage' : ''}`),
  } as unknown as MessageCache;
  failures = new FlightFailures(new ManualClock(), cache, answers);
});

const fail = () => {
  failures.fail(flight);
  return done;
};
const TOLD_SILENCE = `told ${Rcode.SERVFAIL} ${EdeCode.noReachableAuthority}`;

describe('a failed flight', () => {
  it('is told, and stored, with the error of its upstream', () => {
    flight.failure.noteRcode(Rcode.REFUSED, NO_EDE);
    expect(fail()).toEqual([
      `stored ${Rcode.REFUSED} in 1`,
      `told ${Rcode.REFUSED} ${EdeCode.noReachableAuthority}`,
    ]);
  });

  it('names the upstream and the cause to those who wait', () => {
    flight.failure.noteSilence(false);
    flight.timeline.reset(0);
    for (let i = 0; i < 2; i++)
      flight.timeline.end(flight.timeline.begin(0, false, 0), AttemptEnd.silent, 0, 1);
    flight.waiters = {} as Waiter;
    expect(fail().at(-1)).toBe(`${TOLD_SILENCE} 192.0.2.1: no answer over UDP, 2 tries`);
  });

  it('passes on what its upstream said of it', () => {
    flight.failure.noteRcode(Rcode.SERVFAIL, ede(EdeCode.dnssecBogus, new TextEncoder().encode('no key')));
    flight.waiters = {} as Waiter;
    expect(fail().at(-1)).toBe(`told ${Rcode.SERVFAIL} ${EdeCode.dnssecBogus} no key`);
  });

  it('is told by its truncated reply alone, where there is one', () => {
    flight.failure.noteRcode(Rcode.SERVFAIL, NO_EDE);
    flight.truncatedReply = new Uint8Array(12);
    expect(fail()).toEqual(['truncated']);
  });

  it('says why no upstream could be asked, and stores nothing: the name is not to blame', () => {
    flight.attemptCount = 0;
    expect(fail()).toEqual([`told ${Rcode.SERVFAIL} ${EdeCode.networkError} no usable upstream (.)`]);
    state.setQuarantined(10, true);
    expect(fail().at(-1)).toContain('forwarding loop: 192.0.2.1:53 (.)');
  });
});

describe('nothing is stored for the name', () => {
  it.each<[string, () => void]>([
    ['there was no room here', () => flight.failure.noteTransport(true)],
    [
      'the route loops',
      () => {
        flight.failure.noteSilence(false);
        flight.failure.noteLoop(new Uint8Array(0));
      },
    ],
    [
      'the question is opaque',
      () => {
        flight.failure.noteSilence(false);
        flight.opaque = true;
      },
    ],
    [
      'it carries tags of others, which may be the reason',
      () => {
        flight.failure.noteSilence(false);
        flight.hops = 1;
      },
    ],
  ])('when %s', (_, happens) => {
    happens();
    expect(fail()).toHaveLength(1);
    expect(done[0]).toMatch(/^told 2 /);
  });
});

describe('an outage', () => {
  it('is stored as one while no upstream answers anything', () => {
    flight.failure.noteSilence(false);
    state.setState(1, UpstreamState.down);
    expect(fail()).toEqual([`stored ${Rcode.SERVFAIL} in 1, an outage`, TOLD_SILENCE]);
  });

  it('is stored as one when it ended before the deadline', () => {
    flight.failure.noteSilence(true);
    expect(fail()[0]).toBe(`stored ${Rcode.SERVFAIL} in 1, an outage`);
  });

  it('is none when upstreams answer others', () => {
    flight.failure.noteSilence(false);
    expect(fail()[0]).toBe(`stored ${Rcode.SERVFAIL} in 1`);
  });

  it('is none when an upstream has answered this question with an error', () => {
    flight.failure.noteSilence(true);
    flight.failure.noteRcode(Rcode.SERVFAIL, NO_EDE);
    expect(fail()[0]).toBe(`stored ${Rcode.SERVFAIL} in 1`);
  });
});
