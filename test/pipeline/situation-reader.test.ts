// The facts for the retry policy, read from a flight and what is known of its upstreams.
import { beforeEach, describe, expect, it } from 'vitest';
import { Attempt } from '../../src/pipeline/pending/attempt.ts';
import type { Flight } from '../../src/pipeline/pending/flight.ts';
import { Outcome } from '../../src/pipeline/situation.ts';
import { lessonKeyOf, SituationReader } from '../../src/pipeline/situation-reader.ts';
import { DomainLessons } from '../../src/upstream/domain-lessons.ts';
import { UNSENT_ID } from '../../src/upstream/exchange.ts';
import { ALL_MARKS, Mark } from '../../src/upstream/marks.ts';
import { SharedUpstreamState, UpstreamState } from '../../src/upstream/shared-state.ts';
import { Trials } from '../../src/upstream/trials.ts';
import { activeFlight, rootZone } from './flights.ts';
import { FakeUpstream } from './pipeline-fixture.ts';
import { testQuery } from './queries.ts';

const NOW_MS = 50_000;

let state: SharedUpstreamState;
let domains: DomainLessons;
let trials: Trials;
let reader: SituationReader;
let flight: Flight;

beforeEach(() => {
  state = new SharedUpstreamState();
  domains = new DomainLessons();
  trials = new Trials();
  reader = new SituationReader(state, domains, trials);
  flight = activeFlight(rootZone([new FakeUpstream(1), new FakeUpstream(2, 'tcp')], state));
});

function read(outcome: keyof typeof Outcome, attempt: Attempt<Flight> | null = null) {
  reader.read(flight, attempt, Outcome[outcome], NOW_MS, NOW_MS + 1000);
  return reader.situation;
}

/** A message in flight to upstream `index`. */
function attemptTo(index: number, fields: Partial<Attempt<Flight>> = {}): Attempt<Flight> {
  const attempt = new Attempt<Flight>();
  attempt.begin(flight, index, NOW_MS, Outcome.none, 0);
  const { slot } = flight.zone!.upstreams[index]!;
  Object.assign(attempt, { marks: ALL_MARKS, lessonKey: lessonKeyOf(flight, slot), id: 7 });
  attempt.answersBefore = state.answers(slot);
  Object.assign(attempt, fields);
  flight.attempts[flight.attemptCount++] = attempt;
  flight.triedMask |= 1 << index;
  flight.outstanding++;
  return attempt;
}

it('reads nothing else for an answer: it is accepted whatever else is the case', () => {
  read('none');
  flight.sawTruncation = true;
  expect(read('answered')).toMatchObject({ outcome: Outcome.answered, sawTruncation: false });
});

describe('the question', () => {
  it('is long only when it is opaque and does not fit one datagram', () => {
    flight.queryLength = 1233;
    expect(read('none')).toMatchObject({ isOpaque: false, isLong: false });
    flight.opaque = true;
    expect(read('none')).toMatchObject({ isOpaque: true, isLong: true });
    flight.queryLength = 1232;
    expect(read('none').isLong).toBe(false);
  });

  it('is waited for until its deadline', () => {
    expect(read('none').isWaitedFor).toBe(true);
    flight.awaitLateReply();
    expect(read('none').isWaitedFor).toBe(false);
  });

  it('has three messages, four after TC', () => {
    flight.messages = 3;
    expect(read('none')).toMatchObject({ messagesLeft: 0, mayAsk: false });
    flight.sawTruncation = true;
    expect(read('none')).toMatchObject({ messagesLeft: 1, mayAsk: true });
    flight.attemptCount = 8;
    expect(read('none').mayAsk).toBe(false);
  });
});

describe('the upstream to ask next', () => {
  it('is the first that was not asked, of those that are up', () => {
    expect(read('none')).toMatchObject({ untried: 0, isUntriedUp: true, isUntriedDown: false });
    flight.triedMask = 0b01;
    expect(read('none').untried).toBe(1);
    flight.triedMask = 0b11;
    expect(read('none')).toMatchObject({ untried: -1, isUntriedUp: false });
  });

  it('is one that is down when all are', () => {
    for (const slot of [1, 2]) state.setState(slot, UpstreamState.down);
    flight.triedMask = 0b01;
    expect(read('none')).toMatchObject({ untried: 1, isUntriedDown: true, isUntriedUp: false });
  });

  it('is none when all are down and on trial enough', () => {
    for (const slot of [1, 2]) {
      state.setState(slot, UpstreamState.down);
      for (let i = 0; i < 32; i++) trials.begin(slot, 0);
    }
    expect(read('none').untried).toBe(-1);
  });

  it('may be suspect, which is not the same as up', () => {
    state.setState(1, UpstreamState.suspect);
    state.setState(2, UpstreamState.suspect);
    expect(read('none')).toMatchObject({ untried: 0, isUntriedUp: false, isUntriedDown: false });
  });
});

describe('the server that answered', () => {
  it('is described by what all know of it, and by this question', () => {
    state.setQuarantined(11, true);
    state.setAnsweredEdns(2);
    Object.assign(flight, { streamMask: 0b10, miscasedMask: 0b10, rejectedBy: 1 });
    const attempt = attemptTo(1, {
      overStream: true,
      missed: true,
      carriesTags: true,
      isTrialAlongside: true,
    });
    const s = read('refused', attempt);
    expect(s.server).toMatchObject({ index: 1, isUdp: false, isLooping: true, knowsEdns: true });
    expect(s.server).toMatchObject({
      wasAskedOverTcp: true,
      owesOverStream: true,
      isMiscased: true,
      hasRejected: true,
    });
    expect(s).toMatchObject({ overStream: true, wasMissed: true, carriesTags: true, isTrialAlongside: true });
    expect(read('refused', attemptTo(0)).server).toMatchObject({
      ...{ index: 0, isUdp: true, isLooping: false, knowsEdns: false },
      ...{ wasAskedOverTcp: false, owesOverStream: false, isMiscased: false, hasRejected: false },
    });
  });

  it('leaves something to check while marks of the message are not proven for the domain', () => {
    const attempt = attemptTo(0);
    expect(read('negative', attempt).mayCheck).toBe(true);
    domains.prove(attempt.lessonKey, ALL_MARKS, NOW_MS);
    expect(read('negative', attempt)).toMatchObject({ mayCheck: false, server: { provenMarks: ALL_MARKS } });
  });
});

describe('after silence', () => {
  beforeEach(() => {
    flight.failure.noteSilence(false);
  });

  it('knows whether the last message has left', () => {
    attemptTo(0);
    attemptTo(1, { id: UNSENT_ID });
    expect(read('silent').isLastUnsent).toBe(true);
    flight.attempts[1]!.id = 9;
    expect(read('silent').isLastUnsent).toBe(false);
  });

  it('knows that replies came that did not match, from either sign', () => {
    const attempt = attemptTo(0);
    expect(read('silent').sawMismatch).toBe(false);
    attempt.missed = true;
    expect(read('silent').sawMismatch).toBe(true);
    attempt.missed = false;
    flight.miscasedMask = 1;
    expect(read('silent').sawMismatch).toBe(true);
  });

  it.each([
    ['a datagram was lost', false, true],
    ['a stream loses nothing', true, false],
  ])('knows that the server answers others: %s', (_, overStream, othersAnswered) => {
    attemptTo(0, { overStream });
    expect(read('silent').othersAnswered).toBe(false);
    state.answered(1);
    expect(read('silent').othersAnswered).toBe(othersAnswered);
  });

  it('asks again the one that answers others rather than the first', () => {
    attemptTo(0);
    attemptTo(1, { marks: Mark.edns, cause: Outcome.silent, missed: true });
    expect(read('silent').again).toMatchObject({ index: 0, lastMarks: ALL_MARKS, hasMismatch: false });
    state.answered(2);
    expect(read('silent').again).toMatchObject({
      ...{ index: 1, lastMarks: Mark.edns, lastCause: Outcome.silent, hasMismatch: true },
    });
  });

  it('asks nobody again while one was not asked at all', () => {
    attemptTo(0);
    expect(read('silent')).toMatchObject({ untried: 1, again: { index: -1 } });
  });

  it('forgets the message to the one that is asked again when its reply has come', () => {
    attemptTo(0);
    attemptTo(1);
    expect(read('silent').again.lastMarks).toBe(ALL_MARKS);
    flight.attempts[0] = null;
    expect(read('silent').again).toMatchObject({ index: 0, lastMarks: -1, lastCause: Outcome.none });
  });

  it('asks nobody again when every route loops', () => {
    attemptTo(0);
    attemptTo(1);
    for (const route of [10, 11]) state.setQuarantined(route, true);
    expect(read('silent').again.index).toBe(-1);
  });
});

it('gives a lesson key of its own to each server, domain and partition', () => {
  const keys = [
    lessonKeyOf(flight, 1),
    lessonKeyOf(flight, 2),
    lessonKeyOf(activeFlight(flight.zone!, testQuery('www.other')), 1),
    lessonKeyOf(activeFlight(Object.assign(rootZone(), { partition: 2 })), 1),
  ];
  expect(new Set(keys).size).toBe(4);
  expect(lessonKeyOf(activeFlight(flight.zone!, testQuery('ftp.www.example')), 1)).toBe(keys[0]);
});
