// The words of the retry policy: what became of a message (Outcome), the facts that a decision
// rests on (Situation), and the decision (Step). Plain data, made once per thread and used again.
// situation-reader fills a Situation, retry-policy turns it into a Step, forward-path carries it
// out.

/** What became of a message to an upstream, as far as it matters for the next one. */
export const Outcome = {
  /** Nothing yet: no message was sent to this upstream before. */
  none: 0,
  /** A whole answer with records of the asked type. */
  answered: 1,
  /**
   * NXDOMAIN, or no records of the type. A server that compares names case-sensitively gives the
   * same answer to our case pattern.
   */
  negative: 2,
  /** TC: only a stream brings the whole answer. */
  truncated: 3,
  /** FORMERR, NOTIMP or BADVERS: how servers say that they do not know EDNS (RFC 6891 §7). */
  rejected: 4,
  /** SERVFAIL, REFUSED and the like: usually about the name. */
  refused: 5,
  /** The same with a reason (EDE, RFC 8914): the server knows EDNS options. */
  refusedWithReason: 6,
  /** A reply that cannot be parsed, such as one with OPT in the answer section. */
  malformed: 7,
  /** Replies came with another question, ID or letter case: none of them was believed. */
  mismatched: 8,
  /** No reply in time. */
  silent: 9,
  /** Nothing was sent: the upstream takes no more of our messages at a time. */
  noRoom: 10,
  /** The transport gave up: no connection, a lost one, or bytes that are no DNS. */
  failed: 11,
  /** The route loops: no reply will come. */
  routeLeft: 12,
  /** No reply yet, and the upstream is usually faster: it is not given up. */
  slow: 13,
  /** Sent a moment ago, as the first message of a race. */
  racing: 14,
} as const;
export type Outcome = (typeof Outcome)[keyof typeof Outcome];

/** What is known of one upstream of the zone, with regard to one question. */
export class ServerFacts {
  /** Position in zone.upstreams; −1: there is none. */
  index = -1;
  /** A UDP server: TCP is only used in place of datagrams. */
  isUdp = false;
  /** Our use of it was just found to loop: its replies come from the loop. */
  isLooping = false;
  /** Marks that it was seen to accept for this domain (upstream/marks.ts). */
  provenMarks = 0;
  /** It has answered a question with EDNS, for any name. */
  knowsEdns = false;
  /**
   * A UDP server that was asked this question over TCP: once is enough, as TCP repeats what is
   * lost.
   */
  wasAskedOverTcp = false;
  /** … and has not answered there yet. */
  owesOverStream = false;
  /** It has replied to this question in another letter case. */
  isMiscased = false;
  /** It has answered FORMERR or the like to this question. */
  hasRejected = false;

  // Read only for an upstream that was silent.
  /** It was silent with EDNS before, and answered without, for this domain. */
  answersPlain = false;
  /** Marks worth sending after silence (upstream/domain-lessons.ts). */
  marksAfterSilence = 0;
  /** Marks of the last message to it that is still unanswered; −1: there is none. */
  lastMarks = -1;
  /** What that message was sent after. */
  lastCause: Outcome = Outcome.none;
  /** An unanswered message to it drew replies that did not match. */
  hasMismatch = false;
}

/** What happened to a flight, and all that the next step depends on. */
export class Situation {
  outcome: Outcome = Outcome.none;
  nowMs = 0;

  // The message that the outcome is about; read where there is one.
  readonly server = new ServerFacts();
  marks = 0;
  overStream = false;
  /** It carried tags of earlier hops, which the server may have rejected. */
  carriesTags = false;
  /** It was sent along with another one, to see whether its upstream is back. */
  isTrialAlongside = false;
  /** It was sent because another one is slow (hedges.ts), or takes part in a race. */
  isHedge = false;
  /** A mismatched or malformed reply came before this one. */
  wasMissed = false;
  /** It says that there is nothing, and another upstream may know more (forward.next). */
  mayKnowMore = false;
  /** The client may still have doubtful answers checked (upstream/domain-lessons.ts). */
  mayCheck = false;

  // The question.
  isOpaque = false;
  /** An opaque query that is too long for one datagram. */
  isLong = false;
  /** Somebody waits for the answer, or the cache does; false after the deadline. */
  isWaitedFor = true;
  /** Messages that may still be sent. */
  messagesLeft = 0;
  /** One more may be sent, with regard to messages and attempts. */
  mayAsk = true;
  /** Messages whose reply is still awaited. */
  outstanding = 0;
  /** An upstream has answered TC. */
  sawTruncation = false;
  /** TCP was tried in place of UDP, and there is none. */
  streamRefused = false;
  /** A hedge was sent: the first message may still be answered, and has its time-out. */
  wasHedged = false;
  /** A message got no reply in time. */
  sawSilence = false;
  /** An upstream took no more of our messages at a time. */
  lacksRoom = false;

  // The other upstreams.
  /** One that was not asked in this round; −1: there is none. */
  untried = -1;
  /** It is down, as all are: the message is a trial. */
  isUntriedDown = false;
  /** It is known to answer. */
  isUntriedUp = false;

  // Read only after silence.
  /** When the last message leaves if everybody is silent. */
  lastMessageMs = 0;
  /** The last message has not left: there is no room on the connections yet. */
  isLastUnsent = false;
  /** Replies came that did not match. */
  sawMismatch = false;
  /** An upstream that is silent to a datagram of ours has answered others meanwhile. */
  othersAnswered = false;
  /** One of the silent upstreams answers questions of this domain without OPT. */
  answersPlain = false;
  /** The upstream to ask again when all were asked. */
  readonly again = new ServerFacts();
}

/** What is done next. */
export const Action = {
  /** Nothing changes: the reply that is awaited may still come. */
  keep: 0,
  /** The answer is given to the clients as it is. */
  accept: 1,
  /** One more message. */
  send: 2,
  /** The next message leaves at `untilMs`. */
  waitUntil: 3,
  /** Nothing more is sent; the replies that are awaited may still come. */
  awaitReplies: 4,
  /** A client with more questions in flight gives one up, so that this one can be sent. */
  makeRoom: 5,
  /** The clients get stale data, a kept truncated answer, or the error (pending/failure.ts). */
  fail: 6,
} as const;
export type Action = (typeof Action)[keyof typeof Action];

/** The next step. The fields after `action` count only for `send`, `untilMs` for `waitUntil`. */
export class Step {
  action: Action = Action.keep;
  /** Position in zone.upstreams. */
  upstream = -1;
  /** The most it may carry (upstream/marks.ts). */
  marks = 0;
  overStream = false;
  /** The outcome of the message before to the same upstream, if this one is sent because of it. */
  cause: Outcome = Outcome.none;
  /** The marks of that message. */
  marksBefore = 0;
  /** Marks left off because of an answer; 0: none were. */
  leftOff = 0;
  /** It checks a doubtful answer; a client may have only a few such checks. */
  isCheck = false;
  /** The same question as before, without the tags of earlier hops. */
  withoutTags = false;
  /** No TCP in place of UDP any more. */
  givesUpTcp = false;
  /** All upstreams were asked: a new round begins. */
  beginsRound = false;
  /** The message before is slow: the first good answer of the two counts (hedges.ts). */
  isHedge = false;
  untilMs = 0;

  /** A first message to an upstream, or one for a reason that teaches nothing about its marks. */
  send(upstream: number, marks: number, overStream: boolean): void {
    this.action = Action.send;
    this.upstream = upstream;
    this.marks = marks;
    this.overStream = overStream;
    this.cause = Outcome.none;
    this.marksBefore = 0;
    this.leftOff = 0;
    this.isCheck = false;
    this.withoutTags = false;
    this.givesUpTcp = false;
    this.beginsRound = false;
    this.isHedge = false;
  }
}
