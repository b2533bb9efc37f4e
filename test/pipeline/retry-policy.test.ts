// The retry policy as a table: one row a situation, with the rule that it follows. Then the marks
// that a question is asked with again.
import { describe, expect, it } from 'vitest';
import { decide, mayRepeat, NO_STEP, stepDown } from '../../src/pipeline/retry-policy.ts';
import { Action, Outcome, type ServerFacts, Situation, Step } from '../../src/pipeline/situation.ts';
import { ALL_MARKS, Mark } from '../../src/upstream/marks.ts';

const { case: letters, options, edns } = Mark;
const NOTHING = 0;

/** Facts that differ from those of the usual situation. */
type Facts = Partial<Omit<Situation, 'server' | 'again' | 'outcome'>> & {
  readonly server?: Partial<ServerFacts>;
  readonly again?: Partial<ServerFacts>;
};

/**
 * Usually the first message went over UDP with all marks to upstream 0, which is not known yet.
 * Nothing else is awaited, two messages are left, and upstream 1 is up and was not asked.
 */
function decided(outcome: keyof typeof Outcome, facts: Facts): string {
  const s = new Situation();
  const { server, again, ...rest } = facts;
  Object.assign(s.server, { index: 0, isUdp: true }, server);
  Object.assign(s.again, { isUdp: true }, again);
  Object.assign(
    s,
    { marks: ALL_MARKS, mayCheck: true, messagesLeft: 2, untried: 1, isUntriedUp: true },
    rest,
  );
  s.outcome = Outcome[outcome];
  s.mayAsk = s.messagesLeft > 0;
  s.nowMs = 1000;
  const step = new Step();
  decide(s, step);
  return textOf(step);
}

/** `send 1 all udp`, `wait 1100`, `fail` … */
function textOf(step: Step): string {
  const [name] = Object.entries(Action).find(([, value]) => value === step.action)!;
  if (step.action === Action.waitUntil) return `wait ${step.untilMs}`;
  if (step.action !== Action.send) return name;
  const names = Object.entries(Mark).flatMap(([mark, bit]) => ((step.marks & bit) === 0 ? [] : [mark]));
  const marks = step.marks === ALL_MARKS ? 'all' : names.join('+') || 'plain';
  const notes = [
    step.withoutTags ? 'without tags' : '',
    step.givesUpTcp ? 'no TCP any more' : '',
    step.beginsRound ? 'new round' : '',
    step.isCheck ? 'a check' : '',
    step.isHedge ? 'a hedge' : '',
  ].filter((note) => note !== '');
  const sent = `send ${step.upstream} ${marks} ${step.overStream ? 'tcp' : 'udp'}`;
  return [sent, ...notes].join(', ');
}

/** Nobody is left to ask. */
const alone: Facts = { untried: -1, isUntriedUp: false };
const spent: Facts = { messagesLeft: 0 };
/** All upstreams were asked and are silent; upstream 0 is the one to ask again. */
const silentAll = (again: Partial<ServerFacts> = {}, rest: Facts = {}): Facts => ({
  ...alone,
  sawSilence: true,
  outstanding: 1,
  ...rest,
  again: { index: 0, lastMarks: ALL_MARKS, marksAfterSilence: edns, ...again },
});
const lastOne: Facts = { messagesLeft: 1, sawSilence: true, outstanding: 2, lastMessageMs: 1500 };

describe('the first message', () => {
  it.each<[string, string, Facts, string]>([
    ['goes to the upstream that is chosen, with all marks, over UDP', 'ADR 5', {}, 'send 1 all udp'],
    [
      'over a stream if it is signed and long',
      'RFC 9715 §3.2',
      { isOpaque: true, isLong: true },
      'send 1 all tcp',
    ],
    ['is not sent if no upstream is usable', 'ADR 16', alone, 'fail'],
    ['is not sent while the thread exits', 'ADR 5', { isWaitedFor: false }, 'fail'],
  ])('%s (%s)', (_, _rule, facts, expected) => {
    expect(decided('none', facts)).toBe(expected);
  });
});

describe('while an answer is slow', () => {
  it.each<[string, Facts, string]>([
    ['another upstream is asked too', { outstanding: 1 }, 'send 1 all udp, a hedge'],
    ['not if there is no other', { ...alone, outstanding: 1 }, 'keep'],
    ['not one that is down or suspect', { isUntriedUp: false, outstanding: 1 }, 'keep'],
    ['not with the last message', { messagesLeft: 1, outstanding: 1 }, 'keep'],
    ['not while nobody waits', { isWaitedFor: false, outstanding: 1 }, 'keep'],
  ])('%s (ADR 28)', (_, facts, expected) => {
    expect(decided('slow', facts)).toBe(expected);
  });

  const hedged: Facts = { ...alone, wasHedged: true, outstanding: 1, messagesLeft: 1 };
  it.each<[string, keyof typeof Outcome, Facts, string]>([
    ['an error of the hedge changes nothing', 'refused', { isHedge: true }, 'keep'],
    ['nor does its failure', 'failed', { isHedge: true }, 'keep'],
    [
      'an error of the first: the hedge keeps its time-out',
      'refusedWithReason',
      { isOpaque: false, marks: NOTHING },
      'keep',
    ],
    [
      'an error of both: there is nobody left',
      'refused',
      { isHedge: true, outstanding: 0, marks: NOTHING },
      'fail',
    ],
    ['TC of the hedge: TCP', 'truncated', { isHedge: true }, 'send 0 all tcp'],
  ])('%s (ADR 28)', (_, outcome, facts, expected) => {
    expect(decided(outcome, { ...hedged, ...facts })).toBe(expected);
  });
});

describe('in a race', () => {
  it.each<[string, Facts, string]>([
    ['another upstream is asked at once', { outstanding: 1 }, 'send 1 all udp, a hedge'],
    ['also one that has not answered yet', { isUntriedUp: false, outstanding: 1 }, 'send 1 all udp, a hedge'],
    ['not if there is no other', { ...alone, outstanding: 1 }, 'keep'],
    ['not one that is down', { isUntriedUp: false, isUntriedDown: true, outstanding: 1 }, 'keep'],
    ['not while nobody waits', { isWaitedFor: false, outstanding: 1 }, 'keep'],
    ['not with no message left', { messagesLeft: 0, mayAsk: false, outstanding: 1 }, 'keep'],
  ])('%s', (_, facts, expected) => {
    expect(decided('racing', facts)).toBe(expected);
  });
});

describe('after an answer', () => {
  it.each<[string, string, keyof typeof Outcome, Facts, string]>([
    ['with records: it is given', 'ADR 5', 'answered', {}, 'accept'],
    ['with records, late: it is given', 'RFC 8767 §5', 'answered', { isWaitedFor: false }, 'accept'],
    [
      'NXDOMAIN in a domain that was not seen to work: checked without the letters',
      'ADR 17',
      'negative',
      {},
      'send 0 options+edns udp, a check',
    ],
    [
      'NXDOMAIN with marks that the server takes: it is given',
      'ADR 17',
      'negative',
      { server: { provenMarks: ALL_MARKS } },
      'accept',
    ],
    [
      'NXDOMAIN, and the client has had its checks: it is given',
      'ADR 17',
      'negative',
      { mayCheck: false },
      'accept',
    ],
    [
      'NXDOMAIN, the last message: checked all the same',
      'ADR 17',
      'negative',
      { messagesLeft: 1 },
      'send 0 options+edns udp, a check',
    ],
    ['NXDOMAIN, no message left: it is given', 'ADR 5', 'negative', spent, 'accept'],
    ['NXDOMAIN to a signed query: it is given', 'RFC 5625 §4.5', 'negative', { isOpaque: true }, 'accept'],
    [
      'NXDOMAIN by a route that loops: it is given',
      'ADR 15',
      'negative',
      { server: { isLooping: true } },
      'accept',
    ],
    [
      'NXDOMAIN over a stream: checked over it',
      'ADR 17',
      'negative',
      { overStream: true },
      'send 0 options+edns tcp, a check',
    ],
    [
      'NXDOMAIN, and another upstream may know more: it is asked',
      'forward.next',
      'negative',
      { mayKnowMore: true, mayCheck: false },
      'send 1 all udp',
    ],
    [
      '… the other one is out of reach: it is an error',
      'forward.next',
      'negative',
      { ...alone, mayKnowMore: true, mayCheck: false },
      'fail',
    ],
    [
      '… to a hedge: the first message is awaited',
      'forward.next',
      'negative',
      { isHedge: true, outstanding: 1, mayKnowMore: true, mayCheck: false },
      'keep',
    ],
    [
      '… to a doubtful message: the check comes first',
      'forward.next',
      'negative',
      { mayKnowMore: true },
      'send 0 options+edns udp, a check',
    ],
    [
      'NXDOMAIN to a trial alongside: it is given',
      'ADR 16',
      'negative',
      { isTrialAlongside: true },
      'accept',
    ],
  ])('%s (%s)', (_, _rule, outcome, facts, expected) => {
    expect(decided(outcome, facts)).toBe(expected);
  });
});

describe('after TC', () => {
  const truncated = (facts: Facts): Facts => ({ messagesLeft: 3, sawTruncation: true, ...facts });
  it.each<[string, string, Facts, string]>([
    ['the same upstream is asked over TCP', 'RFC 2181 §9, ADR 5', {}, 'send 0 all tcp'],
    ['also after the deadline: the cache gets the answer', 'ADR 5', { isWaitedFor: false }, 'send 0 all tcp'],
    [
      'it is asked there once: its answer is awaited',
      'ADR 5',
      { server: { wasAskedOverTcp: true, owesOverStream: true }, outstanding: 1 },
      'keep',
    ],
    [
      'also when nothing more may be sent: its silence counts',
      'ADR 5',
      { server: { wasAskedOverTcp: true, owesOverStream: true }, outstanding: 1, messagesLeft: 0 },
      'keep',
    ],
    [
      'if TCP has failed, another upstream is asked',
      'ADR 5',
      { server: { wasAskedOverTcp: true } },
      'send 1 all udp',
    ],
    ['over TCP, another upstream is asked', 'ADR 5', { overStream: true }, 'send 1 all udp'],
    [
      'over TCP to a signed query: it is given',
      'RFC 5625 §4.5',
      { overStream: true, isOpaque: true },
      'accept',
    ],
    ['with nothing left, the truncated answer must do', 'ADR 5', spent, 'fail'],
    [
      'to a trial alongside, the other message is awaited',
      'ADR 16',
      { isTrialAlongside: true, outstanding: 1 },
      'keep',
    ],
  ])('%s (%s)', (_, _rule, facts, expected) => {
    expect(decided('truncated', truncated(facts))).toBe(expected);
  });
});

describe('after an error', () => {
  it.each<[string, string, keyof typeof Outcome, Facts, string]>([
    [
      'FORMERR with another upstream at hand: once more without OPT',
      'RFC 6891 §7, ADR 17',
      'rejected',
      {},
      'send 0 case udp',
    ],
    [
      'FORMERR from the only one: without our option first',
      'ADR 17',
      'rejected',
      alone,
      'send 0 case+edns udp',
    ],
    [
      'FORMERR from the only one to OPT alone: without OPT',
      'RFC 6891 §7',
      'rejected',
      { ...alone, marks: letters | edns },
      'send 0 case udp',
    ],
    [
      'FORMERR to a plain question: another upstream',
      'ADR 5',
      'rejected',
      { marks: NOTHING },
      'send 1 all udp',
    ],
    [
      'FORMERR needs no check to spare',
      'ADR 17',
      'rejected',
      { ...alone, mayCheck: false },
      'send 0 case+edns udp',
    ],
    ['SERVFAIL: option and letters go first', 'ADR 17', 'refused', alone, 'send 0 edns udp, a check'],
    [
      'SERVFAIL to what the server takes: another upstream',
      'ADR 17',
      'refused',
      { server: { provenMarks: ALL_MARKS } },
      'send 1 all udp',
    ],
    [
      'SERVFAIL, the last message: kept for an upstream that was not asked',
      'ADR 5',
      'refused',
      { messagesLeft: 1 },
      'send 1 all udp',
    ],
    [
      'SERVFAIL, the last message, and the other one is down: fewer marks',
      'ADR 5',
      'refused',
      { messagesLeft: 1, isUntriedDown: true },
      'send 0 edns udp, a check',
    ],
    [
      'SERVFAIL, no checks left: another upstream',
      'ADR 17',
      'refused',
      { mayCheck: false },
      'send 1 all udp',
    ],
    [
      'SERVFAIL by a route that loops: another upstream',
      'ADR 15',
      'refused',
      { server: { isLooping: true } },
      'send 1 all udp',
    ],
    [
      'SERVFAIL with a reason (EDE): another upstream, all marks',
      'RFC 8914, ADR 17',
      'refusedWithReason',
      {},
      'send 1 all udp',
    ],
    [
      'SERVFAIL to tags of earlier hops: the same without them',
      'ADR 3',
      'refused',
      { carriesTags: true },
      'send 0 all udp, without tags',
    ],
    ['SERVFAIL to a signed query: it is given', 'RFC 5625 §4.5', 'refused', { isOpaque: true }, 'accept'],
    [
      'SERVFAIL from the only one, no message left',
      'RFC 9520 §3.1',
      'refused',
      { ...alone, ...spent },
      'fail',
    ],
    [
      'SERVFAIL, and another message is awaited',
      'ADR 5',
      'refused',
      { ...alone, ...spent, outstanding: 1 },
      'awaitReplies',
    ],
    [
      'SERVFAIL after the deadline: nobody else is asked',
      'ADR 5',
      'refused',
      { isWaitedFor: false, mayCheck: false },
      'fail',
    ],
    [
      'SERVFAIL to a trial alongside: nothing changes',
      'ADR 16',
      'refused',
      { isTrialAlongside: true, outstanding: 1 },
      'keep',
    ],
    [
      'SERVFAIL to a trial alongside, the other has failed: another',
      'ADR 16',
      'refused',
      { isTrialAlongside: true },
      'send 1 all udp',
    ],
    [
      'a reply that cannot be parsed: once more without OPT',
      'ADR 5',
      'malformed',
      { ...alone, outstanding: 1 },
      'send 0 case udp, a check',
    ],
    ['a second one: nothing changes', 'ADR 5', 'malformed', { wasMissed: true, outstanding: 1 }, 'keep'],
    [
      'one over a stream: its failure follows',
      'ADR 18',
      'malformed',
      { overStream: true, outstanding: 1 },
      'keep',
    ],
    [
      'one from a server that has answered EDNS: a better one may come',
      'ADR 17',
      'malformed',
      { server: { knowsEdns: true }, outstanding: 1 },
      'keep',
    ],
  ])('%s (%s)', (_, _rule, outcome, facts, expected) => {
    expect(decided(outcome, facts)).toBe(expected);
  });
});

describe('after replies that do not match', () => {
  const awaited: Facts = { outstanding: 1 };
  it.each<[string, string, Facts, string]>([
    ['the question goes over TCP, where nobody can guess', 'RFC 5452 §9, ADR 5', {}, 'send 0 all tcp'],
    ['once only', 'ADR 5', { server: { wasAskedOverTcp: true } }, 'keep'],
    ['not if there is no TCP', 'ADR 5', { streamRefused: true }, 'keep'],
    ['not with no message left', 'RFC 9520 §3.1', spent, 'keep'],
    ['not for a trial alongside', 'ADR 16', { isTrialAlongside: true }, 'keep'],
  ])('%s (%s)', (_, _rule, facts, expected) => {
    expect(decided('mismatched', { ...awaited, ...facts })).toBe(expected);
  });
});

describe('after a failure of the transport', () => {
  const overTcp: Facts = { overStream: true, ...alone };
  it.each<[string, string, keyof typeof Outcome, Facts, string]>([
    ['another upstream is asked', 'ADR 5', 'failed', {}, 'send 1 all udp'],
    [
      'of TCP in place of UDP: UDP again, and no TCP any more',
      'ADR 5',
      'failed',
      overTcp,
      'send 0 all udp, no TCP any more',
    ],
    [
      'the same where letters came back changed: without them',
      'ADR 5',
      'failed',
      { ...overTcp, server: { isMiscased: true } },
      'send 0 options+edns udp, no TCP any more',
    ],
    [
      'of TCP after TC: another upstream',
      'ADR 5',
      'failed',
      { overStream: true, sawTruncation: true },
      'send 1 all udp',
    ],
    [
      'of TCP, the second time: another upstream',
      'ADR 5',
      'failed',
      { overStream: true, streamRefused: true },
      'send 1 all udp',
    ],
    [
      'of TCP for a signed query: another upstream',
      'RFC 5625 §4.5',
      'failed',
      { overStream: true, isOpaque: true },
      'send 1 all udp',
    ],
    [
      'of TCP after the deadline: nobody waits',
      'ADR 5',
      'failed',
      { ...overTcp, isWaitedFor: false },
      'fail',
    ],
    [
      'of an upstream that is only asked over streams: another',
      'ADR 18',
      'failed',
      { overStream: true, server: { isUdp: false } },
      'send 1 all udp',
    ],
    [
      'of a trial alongside: nothing changes',
      'ADR 16',
      'failed',
      { isTrialAlongside: true, outstanding: 1 },
      'keep',
    ],
    [
      'the only one has no room: another client makes some',
      'ADR 11',
      'noRoom',
      { ...alone, lacksRoom: true },
      'makeRoom',
    ],
    [
      'no room there, and another upstream: that one',
      'ADR 11',
      'noRoom',
      { lacksRoom: true },
      'send 1 all udp',
    ],
    ['no room, and no message left', 'ADR 11', 'noRoom', { ...alone, ...spent, lacksRoom: true }, 'fail'],
    ['the route loops: another upstream at once', 'ADR 3', 'routeLeft', {}, 'send 1 all udp'],
    ['the route loops, and another message is awaited', 'ADR 3', 'routeLeft', { outstanding: 1 }, 'keep'],
  ])('%s (%s)', (_, _rule, outcome, facts, expected) => {
    expect(decided(outcome, facts)).toBe(expected);
  });
});

describe('after silence', () => {
  it.each<[string, string, Facts, string]>([
    ['another upstream is asked', 'ADR 5', { sawSilence: true, outstanding: 1 }, 'send 1 all udp'],
    [
      'from all: one of them again, with marks it is known to take',
      'ADR 17',
      silentAll(),
      'send 0 edns udp, new round',
    ],
    [
      'a signed query goes again as it is',
      'RFC 5625 §4.5',
      silentAll({}, { isOpaque: true }),
      'send 0 all udp, new round',
    ],
    [
      'twice with EDNS, where a plain question was answered: plain',
      'ADR 17',
      silentAll({ lastCause: Outcome.silent, answersPlain: true, marksAfterSilence: letters | edns }),
      'send 0 case udp, new round',
    ],
    [
      'over a stream: EDNS stays, for its padding',
      'RFC 8467',
      silentAll({ isUdp: false, marksAfterSilence: NOTHING }),
      'send 0 options+edns udp, new round',
    ],
    [
      'after FORMERR from it: without OPT',
      'RFC 6891 §7',
      silentAll({ hasRejected: true }),
      'send 0 case udp, new round',
    ],
    [
      'after another letter case from it: without letters',
      'ADR 5',
      silentAll({ isMiscased: true, marksAfterSilence: ALL_MARKS }),
      'send 0 options+edns udp, new round',
    ],
    [
      'after replies that did not match: over TCP',
      'RFC 5452 §9',
      silentAll({ hasMismatch: true }),
      'send 0 all tcp, new round',
    ],
    [
      'the last message goes over TCP',
      'ADR 5',
      silentAll({}, { messagesLeft: 1 }),
      'send 0 all tcp, new round',
    ],
    [
      'but not where a plain question was answered',
      'ADR 17',
      silentAll({ answersPlain: true }, { messagesLeft: 1 }),
      'send 0 edns udp, new round',
    ],
    [
      'nor where there is no TCP',
      'ADR 5',
      silentAll({}, { messagesLeft: 1, streamRefused: true }),
      'send 0 edns udp, new round',
    ],
    [
      'nor twice',
      'ADR 5',
      silentAll({ wasAskedOverTcp: true }, { messagesLeft: 1 }),
      'send 0 edns udp, new round',
    ],
    ['the last message is to outlive an outage', 'ADR 5', silentAll({}, lastOne), 'wait 1500'],
    ['not for an upstream that is up and was not asked', 'ADR 5', { ...lastOne }, 'send 1 all udp'],
    ['but for one that is silent to its checks', 'ADR 5', { ...lastOne, isUntriedUp: false }, 'wait 1500'],
    [
      'not if others are answered: the way loses datagrams',
      'ADR 5',
      silentAll({}, { ...lastOne, othersAnswered: true }),
      'send 0 all tcp, new round',
    ],
    [
      'not if replies did not match',
      'RFC 5452 §9',
      silentAll({}, { ...lastOne, sawMismatch: true }),
      'send 0 all tcp, new round',
    ],
    [
      'not if a plain question was answered for the domain',
      'ADR 17',
      silentAll({ answersPlain: true }, { ...lastOne, answersPlain: true }),
      'send 0 edns udp, new round',
    ],
    [
      'not when that time has come',
      'ADR 5',
      silentAll({}, { ...lastOne, lastMessageMs: 1000 }),
      'send 0 all tcp, new round',
    ],
    [
      'a message that has no room yet is waited for',
      'ADR 18',
      silentAll({}, { isLastUnsent: true }),
      'wait 1100',
    ],
    [
      'unless another upstream is there',
      'ADR 18',
      { sawSilence: true, outstanding: 1, isLastUnsent: true },
      'send 1 all udp',
    ],
    ['three messages are all', 'RFC 9520 §3.1, ADR 5', silentAll({}, spent), 'awaitReplies'],
    ['all routes are out of use', 'ADR 16', { ...alone, sawSilence: true, outstanding: 1 }, 'awaitReplies'],
  ])('%s (%s)', (_, _rule, facts, expected) => {
    expect(decided('silent', facts)).toBe(expected);
  });
});

describe('a message whose connection is lost', () => {
  it.each([
    [2, false, false, true],
    [1, false, false, true],
    [0, false, false, false],
    // The last one is kept for an upstream that was not asked, or for UDP.
    [1, true, false, false],
    [1, false, true, false],
    [2, true, true, true],
  ])('leaves again, with %i left, another upstream %s, in place of UDP %s: %s', (left, hasUntried, replacesUdp, expected) => {
    expect(mayRepeat(left, hasUntried, replacesUdp)).toBe(expected);
  });
});

it('every situation has a step; no message is sent over budget or to no upstream', () => {
  const step = new Step();
  const s = new Situation();
  const flags = [
    'overStream',
    'carriesTags',
    'isTrialAlongside',
    'isOpaque',
    'isWaitedFor',
    'sawSilence',
    'mayCheck',
    'lacksRoom',
    'isLastUnsent',
  ] as const;
  for (const outcome of Object.values(Outcome)) {
    for (let bits = 0; bits < 1 << flags.length; bits++) {
      for (const messagesLeft of [0, 1, 2]) {
        for (const untried of [-1, 1]) {
          for (const again of [-1, 0]) {
            for (const [i, flag] of flags.entries()) s[flag] = (bits & (1 << i)) !== 0;
            Object.assign(s, { outcome, messagesLeft, mayAsk: messagesLeft > 0, untried, marks: ALL_MARKS });
            s.server.index = 0;
            s.again.index = again;
            step.send(-1, -1, false);
            decide(s, step);
            if (step.action !== Action.send) continue;
            if (messagesLeft === 0 || step.upstream < 0) expect.fail(JSON.stringify(s));
          }
        }
      }
    }
  }
});

describe('stepDown', () => {
  it.each([
    // FORMERR, NOTIMP, BADVERS: the option first, then OPT, whatever was proven.
    ['rejected', ALL_MARKS, NOTHING, false, letters | edns],
    ['rejected', letters | edns, NOTHING, false, letters],
    ['rejected', ALL_MARKS, ALL_MARKS, true, letters | edns],
    ['rejected', letters, NOTHING, false, NO_STEP],
    // SERVFAIL, REFUSED: only what was not seen to work.
    ['refused', ALL_MARKS, NOTHING, false, edns],
    ['refused', ALL_MARKS, letters, false, letters | edns],
    ['refused', ALL_MARKS, options | edns, false, options | edns],
    ['refused', letters | edns, NOTHING, false, edns],
    ['refused', letters | edns, letters, false, letters],
    ['refused', letters | edns, letters, true, NO_STEP],
    ['refused', edns, NOTHING, false, NOTHING],
    ['refused', edns, NOTHING, true, NO_STEP],
    ['refused', letters, NOTHING, false, NOTHING],
    ['refused', ALL_MARKS, ALL_MARKS, false, NO_STEP],
    // NXDOMAIN, no records: the case first.
    ['negative', ALL_MARKS, NOTHING, false, options | edns],
    ['negative', ALL_MARKS, letters, false, letters],
    ['negative', ALL_MARKS, letters, true, NO_STEP],
    ['negative', options | edns, NOTHING, false, 0],
    ['negative', options | edns, NOTHING, true, NO_STEP],
    ['negative', ALL_MARKS, ALL_MARKS, false, NO_STEP],
    // Another letter case, and no TCP.
    ['mismatched', ALL_MARKS, NOTHING, false, options | edns],
    ['mismatched', edns, NOTHING, false, NO_STEP],
    // OPT where none may stand.
    ['malformed', ALL_MARKS, NOTHING, false, letters],
    ['malformed', ALL_MARKS, edns, false, NO_STEP],
    ['none', ALL_MARKS, NOTHING, false, NO_STEP],
    ['silent', ALL_MARKS, NOTHING, false, NO_STEP],
  ] as const)('%s, marks %d, proven %d, OPT %s: %d', (outcome, marks, proven, saidOpt, expected) => {
    expect(stepDown(marks, Outcome[outcome], proven, saidOpt)).toBe(expected);
  });

  it('never adds a mark, never leaves options without EDNS, and ends within three steps', () => {
    for (const outcome of Object.values(Outcome)) {
      for (let proven = 0; proven <= ALL_MARKS; proven++) {
        let marks = ALL_MARKS;
        let steps = 0;
        for (let next = stepDown(marks, outcome, proven, false); next !== NO_STEP; steps++) {
          expect(next & ~marks).toBe(0);
          if ((next & options) !== 0) expect(next & edns).toBe(edns);
          marks = next;
          next = stepDown(marks, outcome, proven, false);
        }
        expect(steps).toBeLessThanOrEqual(3);
      }
    }
  });
});
