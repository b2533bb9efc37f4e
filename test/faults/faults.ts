// The table of faults that upstreams commit: for each a script (test/kit/scripted-upstream.ts),
// one function per fault, and what its answer ought to be. Run against unloop alone by
// faults.test.ts, beside other forwarders by test/lab/faults.
import dnsPacket from 'dns-packet';
import {
  type Action,
  closeConnection,
  fromOtherPort,
  goAway,
  later,
  resetConnection,
  type Script,
  send,
} from '../kit/actions.ts';
import {
  asQuery,
  cutTo,
  withFlags,
  withId,
  withLowerCase,
  withOtherCase,
  withOtherName,
} from '../kit/altered-answers.ts';
import { answer, errorAnswer, formerrOnEdns, nxdomain, truncated } from '../kit/answers.ts';
import type { Answer } from '../kit/dns-client.ts';
import { isMixed, type ReceivedQuery } from '../kit/received-query.ts';

/** In every good answer … */
export const TRUE_ADDRESS = '192.0.2.1';
/** … and in those that nobody may believe. */
export const FALSE_ADDRESS = '203.0.113.66';

/**
 * Messages that may be sent about one question to one server over one transport (RFC 9520 §3.1);
 * unloop sends no more over both.
 */
export const MOST_TRIES = 3;

/** TC sends a question over TCP, which is one message more (src/pipeline/pending/flight.ts). */
const AFTER_TC = 4;
/**
 * Where that comes to nothing the client gets TC, and asks over TCP: another question, as far as
 * unloop can know.
 */
const TC_AND_ASKED_OVER_TCP = { tries: 2 * AFTER_TC, triesByTransport: 2 * MOST_TRIES };

/** What a question must come to, whatever the others do. */
export type Due =
  /** The true answer, in time. */
  | 'good'
  /** The true answer when the client asks again; an error in time before that. */
  | 'goodWhenAskedAgain'
  /** An error in time: there is no true answer to be had. */
  | 'error';

/** How a fault's upstreams are asked. */
export type Transport = ReceivedQuery['transport'];

export interface Fault {
  /** In the questions' names. */
  readonly key: string;
  readonly title: string;
  /** One or two upstreams: what makes each one's script, again for every run. */
  readonly upstreams: readonly (() => Script)[];
  /** Default 'udp': TCP then follows where an answer does not fit. */
  readonly transport?: Transport;
  /** false: the upstreams do not listen for TCP. */
  readonly tcp?: boolean;
  /**
   * Connections are served one after the other; while one is open the server answers nothing else,
   * over UDP neither.
   */
  readonly serial?: boolean;
  /** One more upstream, named first, to which there is no route. */
  readonly noRoute?: boolean;
  /**
   * What happened before the questions that count: others below `before.`, whose answers nobody
   * waits for, then a pause.
   */
  readonly before?: { readonly questions: number; readonly perSecond: number; readonly pauseMs: number };
  readonly due: Due;
  /**
   * What is due comes only where processes run when they want to: by the second, or with a
   * handshake for each question.
   */
  readonly timed?: boolean;
  /**
   * Messages that unloop may send upstream about one question, over both transports. Default
   * MOST_TRIES.
   */
  readonly tries?: number;
  /** … over one of them. Default MOST_TRIES. */
  readonly triesByTransport?: number;
  /**
   * Whether an answer with RCODE 0 is the true one. Default: TRUE_ADDRESS for the name asked, and
   * nothing else for it.
   */
  readonly isTrue?: (reply: Answer, name: string) => boolean;
}

const good: Script = (query) => answer(query);
const bad = (query: ReceivedQuery) => answer(query, { address: FALSE_ADDRESS });
/** Over TCP, where nobody can forge, the server is sound. */
const onDatagrams =
  (script: Script): Script =>
  (query) =>
    query.transport === 'udp' ? script(query) : answer(query);

// ---------------------------------------------------------------------------------------- silence

const blackHole = (): Script => () => undefined;

const slow = (delayMs: number) => (): Script => (query) => later(delayMs, answer(query));

/** Up for a second, down for a second, by the clock: the same moments for all who are compared. */
const flapping = (): Script => (query) =>
  Math.floor(Date.now() / 1000) % 2 === 0 ? answer(query) : undefined;

/** Away for four seconds from the first question that counts. */
const awayForFourSeconds = (): Script => {
  let returnsMs = 0;
  return (query) => {
    if (isQuestion(query)) returnsMs ||= performance.now() + 4000;
    return performance.now() < returnsMs ? undefined : answer(query);
  };
};

/**
 * Loses every other question of clients, and says nothing to any other name, as behind a firewall.
 */
const deafToChecks = (): Script => {
  let count = 0;
  return onDatagrams((query) => {
    if (!isQuestion(query)) return undefined;
    return count++ % 2 === 0 ? undefined : answer(query);
  });
};

/** Loses this share of all datagrams that come in; TCP repeats what is lost by itself. */
const lossy = (share: number) => (): Script =>
  onDatagrams((query) => (Math.random() < share ? undefined : answer(query)));

const dropsEveryOther = (): Script => {
  let count = 0;
  return onDatagrams((query) => (count++ % 2 === 0 ? undefined : answer(query)));
};

/**
 * A DNS firewall, an air-gapped resolver: knows its names, says nothing about the root, and lost
 * what was asked first.
 */
const silentAboutTheRoot = (): Script => (query) =>
  query.name === '.' || isBefore(query) ? undefined : answer(query);

/** Silent about everything for a while from the first question on, then sound. */
const outage = (outageMs: number) => (): Script => {
  let returnsMs = 0;
  return (query) => {
    returnsMs ||= performance.now() + outageMs;
    return performance.now() < returnsMs ? undefined : answer(query);
  };
};

// -------------------------------------------------------------------------------------------- TCP

const truncatesAll = (): Script => onDatagrams((query) => truncated(query));

/** TC, and some of the records, as BIND and dnsmasq leave them in. */
const truncatesWithRecords = (): Script =>
  onDatagrams((query) => withFlags(answer(query), (flags) => flags | 0x0200));

/**
 * Every other connection ends with its first question, as at a server that has one too many; the
 * others end after twenty answers, with whatever was asked meanwhile.
 */
const endsConnections = (end: () => Action) => (): Script => {
  const answered = new Map<number, number>();
  return (query) => {
    if (query.transport === 'udp') return truncated(query);
    const count = answered.get(query.connection) ?? 0;
    if (query.connection % 2 === 0 || count === 20) return end();
    answered.set(query.connection, count + 1);
    return answer(query);
  };
};

/** One query on each connection, and no other that came meanwhile. */
const oneQueryEach = (): Script => {
  const taken = new Set<number>();
  return (query) => {
    if (query.transport === 'udp') return truncated(query);
    if (taken.has(query.connection)) return undefined;
    taken.add(query.connection);
    return [later(20, answer(query)), later(20, closeConnection())];
  };
};

/** Every tenth answer does not fit into a datagram. */
const someTruncated = (): Script =>
  onDatagrams((query) => (numberOf(query.name) % 10 === 0 ? truncated(query) : answer(query)));

/** Each answer ends the session: asked meanwhile or not, the next question needs another one. */
const goesAway = (): Script => (query) => [answer(query), goAway()];

/** Connections that were used before the questions that count lead nowhere afterwards. */
const blackHoledConnections = (): Script => {
  const holes = new Set<number>();
  return (query) => {
    if (isBefore(query)) holes.add(query.connection);
    else if (holes.has(query.connection)) return undefined;
    return answer(query);
  };
};

// ---------------------------------------------------------------------- replies that do not match

const wrongId = (): Script => onDatagrams((query) => withId(bad(query), query.id + 1));

/** A forger is quicker than the server. */
const forged = (): Script =>
  onDatagrams((query) => [
    ...Array.from({ length: 20 }, (_, i) => withId(bad(query), query.id + 1 + i)),
    later(20, answer(query)),
  ]);

const wrongQuestion = (): Script => onDatagrams((query) => withOtherName(bad(query)));
const wrongPort = (): Script => onDatagrams((query) => fromOtherPort(bad(query)));
const notAReply = (): Script => onDatagrams((query) => asQuery(bad(query)));

/** Sound replies, after bad ones of every kind. */
const goodAfterBad = (): Script => (query) =>
  query.transport === 'udp'
    ? [
        withId(bad(query), query.id + 1),
        withOtherName(bad(query)),
        fromOtherPort(bad(query)),
        asQuery(bad(query)),
        cutTo(bad(query), bad(query).bytes.length - 3),
        later(20, answer(query)),
      ]
    : answer(query);

const otherCase = (): Script => onDatagrams((query) => withOtherCase(answer(query)));
const lowerCase = (): Script => onDatagrams((query) => withLowerCase(answer(query)));

/** Compares names byte by byte, as small servers inside containers and VPN agents do. */
const caseSensitive = (): Script => (query) =>
  query.name === query.name.toLowerCase() ? answer(query) : nxdomain(query);

// ------------------------------------------------------------------------ replies that are broken

const garbage = (): Script =>
  onDatagrams((query) => {
    const bytes = Buffer.alloc(200, 0xc0);
    bytes.writeUInt16BE(query.id, 0);
    return send(bytes);
  });

/** Header and question fit; the record behind them is cut off. */
const malformed = (): Script =>
  onDatagrams((query) => {
    const reply = bad(query);
    return cutTo(reply, reply.bytes.length - 20);
  });

const malformedOverTcpToo = (): Script => (query) => {
  const reply = answer(query, { address: FALSE_ADDRESS, opt: false });
  return cutTo(reply, reply.bytes.length - 3);
};

/** More than was asked for: 1232 bytes are what all who are compared advertise. */
const oversized = (bytes: number) => (): Script =>
  onDatagrams((query) => {
    const texts = Array.from({ length: Math.floor(bytes / 240) }, () => 'x'.repeat(239));
    return answer(query, {
      answers: [addressOf(query.name)],
      additionals: [{ type: 'TXT', name: query.name, ttl: 300, data: texts }],
    });
  });

const duplicates = (): Script =>
  onDatagrams((query) => [answer(query), answer(query), later(5, answer(query)), later(30, answer(query))]);

// ------------------------------------------------------------------------------------------- EDNS

const formerrTowardEdns = (): Script => (query) => formerrOnEdns(query);
const silentTowardEdns = (): Script => (query) => (query.hasOpt ? undefined : answer(query));

/** Any option at all: what they do to queries with one. */
const towardOptions = (script: Script) => (): Script => (query) =>
  hasOption(query) ? script(query) : answer(query);
/** A firewall in the way: it is none over TCP either. */
const dropped: Script = () => undefined;

const notimpTowardEdns = (): Script => (query) =>
  query.hasOpt ? answer(query, { rcode: 4, answers: [], opt: false }) : answer(query);

const servfailTowardEdns = (): Script => (query) => (query.hasOpt ? errorAnswer(query, 2) : answer(query));
const nxdomainTowardEdns = (): Script => (query) =>
  query.hasOpt ? answer(query, { rcode: 3, answers: [], opt: false }) : answer(query);
const optInAnswers = (): Script => (query) =>
  query.hasOpt ? answer(query, { opt: false, answers: [addressOf(query.name), OPT_RECORD] }) : answer(query);
const OPT_RECORD = {
  type: 'OPT',
  name: '.',
  udpPayloadSize: 1232,
  flags: 0,
  options: [],
} as unknown as dnsPacket.Answer;

// ------------------------------------------------------------------------------------------- case

const emptyTowardUpperCase = (): Script => (query) => answer(query, isMixed(query) ? { answers: [] } : {});
const silentTowardUpperCase = (): Script => (query) => (isMixed(query) ? undefined : answer(query));

// ----------------------------------------------------------------------------------------- errors

const refused = (): Script => (query) => errorAnswer(query, 5);
const servfail = (): Script => (query) => errorAnswer(query, 2);

// ------------------------------------------------------------------------------------------- data

/** TTLs that are none (RFC 2181 §8: the top bit makes them 0), the largest, and 0. */
const EXTREME_TTLS = [0, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];
const extremeTtls = (): Script => (query) =>
  answer(query, { ttl: EXTREME_TTLS[numberOf(query.name) % EXTREME_TTLS.length]! });

const cnameLoop = (): Script => (query) =>
  answer(query, {
    answers: [
      { type: 'CNAME', name: query.name, ttl: 300, data: `alias.${query.name}` },
      { type: 'CNAME', name: `alias.${query.name}`, ttl: 300, data: query.name },
    ],
  });

/**
 * Each answer also says where the name asked next is to be found, as an address and as a
 * delegation: it is not to be believed.
 */
const outOfBailiwick = (): Script => (query) => {
  const next = query.name.replace(/^q\d+/i, `q${numberOf(query.name) + 1}`);
  const elsewhere = `ns.${next}`;
  return answer(query, {
    answers: [addressOf(query.name), { ...addressOf(next), data: FALSE_ADDRESS } as dnsPacket.Answer],
    authorities: [{ type: 'NS', name: next, ttl: 3600, data: elsewhere }],
    additionals: [
      { type: 'A', name: next, ttl: 3600, data: FALSE_ADDRESS },
      { type: 'A', name: elsewhere, ttl: 3600, data: FALSE_ADDRESS },
    ],
  });
};

/** Whether a client asked it: not a check of the forwarder's own. */
function isQuestion({ name }: ReceivedQuery): boolean {
  return /^q\d+\./i.test(name);
}

/** Whether it came before the questions that count. */
function isBefore({ name }: ReceivedQuery): boolean {
  return /\.before\./i.test(name);
}

/** Whether the OPT record has options. */
function hasOption({ bytes, hasOpt }: ReceivedQuery): boolean {
  const records = hasOpt ? (dnsPacket.decode(bytes).additionals ?? []) : [];
  return records.some((record) => record.type === 'OPT' && record.options.length > 0);
}

function addressOf(name: string): dnsPacket.Answer {
  return { type: 'A', name, ttl: 300, data: TRUE_ADDRESS };
}

/** 17 of "q17.black-hole.…". */
function numberOf(name: string): number {
  return Number(/^q(\d+)/i.exec(name)?.[1] ?? 0);
}

/** All of them, in the order of the table. */
export const FAULTS: readonly Fault[] = [
  { key: 'none', title: 'none', upstreams: [() => good], due: 'good' },
  { key: 'black-hole', title: 'black hole', upstreams: [blackHole], due: 'error' },
  { key: 'slow', title: 'slow, 2 s', upstreams: [slow(2020)], due: 'goodWhenAskedAgain' },
  {
    key: 'flapping',
    title: 'up for a second, down for a second',
    upstreams: [flapping],
    due: 'good',
    timed: true,
  },
  {
    key: 'away',
    title: 'away for four seconds',
    upstreams: [awayForFourSeconds],
    due: 'goodWhenAskedAgain',
    timed: true,
  },
  {
    key: 'deaf-to-checks',
    title: 'every other datagram dropped, and all health checks',
    upstreams: [deafToChecks],
    due: 'good',
  },
  { key: 'loses-5', title: '5 % of datagrams lost', upstreams: [lossy(0.05)], due: 'good' },
  { key: 'loses-30', title: '30 % of datagrams lost', upstreams: [lossy(0.3)], due: 'good' },
  {
    key: 'every-other',
    title: 'every other datagram dropped',
    upstreams: [dropsEveryOther],
    due: 'good',
  },
  {
    key: 'one-dead',
    title: 'two upstreams, one a black hole',
    upstreams: [blackHole, () => good],
    due: 'good',
  },
  {
    key: 'one-flaps',
    title: 'two upstreams, one of them flapping',
    upstreams: [flapping, () => good],
    due: 'good',
  },
  {
    key: 'one-slow',
    title: 'two upstreams, one of them slow, 2 s',
    upstreams: [slow(2020), () => good],
    due: 'good',
  },
  {
    key: 'one-fails',
    title: 'two upstreams, one answers SERVFAIL',
    upstreams: [servfail, () => good],
    due: 'good',
  },
  {
    key: 'no-route',
    title: 'two upstreams, one without a route',
    upstreams: [() => good],
    noRoute: true,
    due: 'good',
  },
  {
    key: 'no-root',
    title: 'silence about the root, after five lost questions',
    upstreams: [silentAboutTheRoot],
    before: { questions: 5, perSecond: 5, pauseMs: 3000 },
    due: 'good',
  },
  {
    key: 'outage',
    title: 'back for a second after an outage of 4 s',
    upstreams: [outage(4000)],
    before: { questions: 20, perSecond: 5, pauseMs: 1000 },
    due: 'good',
    timed: true,
  },
  { key: 'tc', title: 'TC always', upstreams: [truncatesAll], due: 'good' },
  {
    key: 'tc-refused',
    title: 'TC always, TCP refused',
    upstreams: [truncatesAll],
    tcp: false,
    due: 'error',
    ...TC_AND_ASKED_OVER_TCP,
  },
  {
    key: 'tc-records-refused',
    title: '… with records in it',
    upstreams: [truncatesWithRecords],
    tcp: false,
    due: 'good',
    ...TC_AND_ASKED_OVER_TCP,
  },
  {
    key: 'tc-closed',
    title: 'TC always, and TCP connections that end at any time',
    upstreams: [endsConnections(closeConnection)],
    due: 'good',
    ...TC_AND_ASKED_OVER_TCP,
  },
  {
    key: 'tc-reset',
    title: '… that break',
    upstreams: [endsConnections(resetConnection)],
    due: 'good',
    ...TC_AND_ASKED_OVER_TCP,
  },
  {
    key: 'tc-one-query',
    title: 'TC always, one query per TCP connection',
    upstreams: [oneQueryEach],
    due: 'good',
    ...TC_AND_ASKED_OVER_TCP,
  },
  {
    key: 'tcp-one-query',
    title: 'TCP, one query per connection',
    transport: 'tcp',
    upstreams: [oneQueryEach],
    due: 'good',
    timed: true,
  },
  {
    key: 'tls-one-query',
    title: 'TLS, one query per connection',
    transport: 'tls',
    upstreams: [oneQueryEach],
    due: 'good',
    timed: true,
  },
  {
    key: 'tc-serial',
    title: 'one TCP connection at a time, and no datagrams during it',
    upstreams: [someTruncated],
    serial: true,
    due: 'good',
  },
  {
    key: 'https-goaway',
    title: 'HTTPS, GOAWAY after each answer',
    transport: 'https',
    upstreams: [goesAway],
    due: 'good',
    timed: true,
  },
  {
    key: 'tcp-black-hole',
    title: 'TCP, and the connection that was in use is a black hole',
    transport: 'tcp',
    upstreams: [blackHoledConnections],
    before: { questions: 5, perSecond: 5, pauseMs: 500 },
    due: 'good',
  },
  {
    key: 'tls-black-hole',
    title: 'TLS, and the connection that was in use is a black hole',
    transport: 'tls',
    upstreams: [blackHoledConnections],
    before: { questions: 5, perSecond: 5, pauseMs: 500 },
    due: 'good',
  },
  { key: 'wrong-id', title: 'wrong ID', upstreams: [wrongId], due: 'good' },
  {
    key: 'forged',
    title: 'twenty guessed IDs before each answer',
    upstreams: [forged],
    due: 'good',
  },
  { key: 'wrong-question', title: 'wrong question', upstreams: [wrongQuestion], due: 'good' },
  { key: 'wrong-port', title: 'wrong port', upstreams: [wrongPort], due: 'good' },
  {
    key: 'wrong-port-udp',
    title: 'wrong port, TCP refused',
    upstreams: [wrongPort],
    tcp: false,
    due: 'error',
  },
  { key: 'query', title: 'QR=0', upstreams: [notAReply], due: 'good' },
  {
    key: 'good-after-bad',
    title: 'bad replies of five kinds, then the good one',
    upstreams: [goodAfterBad],
    due: 'good',
  },
  {
    key: 'good-after-bad-udp',
    title: '… TCP refused',
    upstreams: [goodAfterBad],
    tcp: false,
    due: 'good',
  },
  {
    key: 'lower-case',
    title: 'the name comes back in another case',
    upstreams: [otherCase],
    due: 'good',
  },
  {
    key: 'lower-case-udp',
    title: '… in lower case, TCP refused',
    upstreams: [lowerCase],
    tcp: false,
    due: 'good',
  },
  {
    key: 'case-sensitive',
    title: 'NXDOMAIN to mixed case',
    upstreams: [caseSensitive],
    due: 'good',
  },
  {
    key: 'case-empty',
    title: 'no records toward upper case',
    upstreams: [emptyTowardUpperCase],
    due: 'good',
  },
  { key: 'case-silent', title: 'silence toward upper case', upstreams: [silentTowardUpperCase], due: 'good' },
  {
    key: 'one-case',
    title: 'two upstreams, one says NXDOMAIN toward upper case',
    upstreams: [caseSensitive, () => good],
    due: 'good',
  },
  { key: 'garbage', title: 'garbage', upstreams: [garbage], due: 'good' },
  { key: 'malformed', title: 'a record cut off', upstreams: [malformed], due: 'good' },
  { key: 'malformed-tcp', title: '… over TCP too', upstreams: [malformedOverTcpToo], due: 'error' },
  {
    key: 'oversized-3000',
    title: 'datagrams of 3,000 bytes',
    upstreams: [oversized(3000)],
    due: 'good',
  },
  {
    key: 'oversized-9000',
    title: 'datagrams of 9,000 bytes',
    upstreams: [oversized(9000)],
    due: 'good',
  },
  { key: 'duplicates', title: 'every answer four times', upstreams: [duplicates], due: 'good' },
  { key: 'formerr', title: 'FORMERR toward EDNS', upstreams: [formerrTowardEdns], due: 'good' },
  { key: 'notimp', title: 'NOTIMP toward EDNS', upstreams: [notimpTowardEdns], due: 'good' },
  { key: 'servfail-edns', title: 'SERVFAIL toward EDNS', upstreams: [servfailTowardEdns], due: 'good' },
  { key: 'nxdomain-edns', title: 'NXDOMAIN toward EDNS', upstreams: [nxdomainTowardEdns], due: 'good' },
  { key: 'opt-answer', title: 'OPT in the answer section', upstreams: [optInAnswers], due: 'good' },
  { key: 'silent-edns', title: 'silence toward EDNS', upstreams: [silentTowardEdns], due: 'good' },
  {
    key: 'option-servfail',
    title: 'SERVFAIL toward options',
    upstreams: [towardOptions(servfail())],
    due: 'good',
  },
  {
    key: 'option-refused',
    title: 'REFUSED toward options',
    upstreams: [towardOptions(refused())],
    due: 'good',
  },
  {
    key: 'option-dropped',
    title: 'queries with options dropped',
    upstreams: [towardOptions(dropped)],
    due: 'good',
  },
  { key: 'refused', title: 'REFUSED', upstreams: [refused], due: 'error' },
  { key: 'servfail', title: 'SERVFAIL', upstreams: [servfail], due: 'error' },
  {
    key: 'ttl',
    title: 'TTLs of 0, 2³¹−1, 2³¹ and 2³²−1',
    upstreams: [extremeTtls],
    due: 'good',
    isTrue: hasSaneTtl,
  },
  { key: 'cname', title: 'a CNAME loop', upstreams: [cnameLoop], due: 'good', isTrue: isCnameLoop },
  {
    key: 'bailiwick',
    title: 'data about other names in every answer',
    upstreams: [outOfBailiwick],
    due: 'good',
    isTrue: isAboutNothingElse,
  },
];

/** TRUE_ADDRESS, and nothing else, for the name that was asked. */
export function isTrueAddress(reply: Answer, name: string): boolean {
  const own = reply.answers.filter((record) => record.name.toLowerCase() === name.toLowerCase());
  return own.length > 0 && own.every((record) => record.type === 'A' && record.data === TRUE_ADDRESS);
}

function hasSaneTtl(reply: Answer, name: string): boolean {
  return isTrueAddress(reply, name) && reply.ttl <= 0x7fff_ffff;
}

/** TRUE_ADDRESS, and not a word about any other name. */
function isAboutNothingElse(reply: Answer, name: string): boolean {
  const all = [...reply.answers, ...reply.authorities, ...reply.additionals];
  return (
    isTrueAddress(reply, name) && all.every((record) => record.name.toLowerCase() === name.toLowerCase())
  );
}

/**
 * What the server says is passed on, as a forwarder does: it is for whoever asked to make sense of
 * it.
 */
function isCnameLoop(reply: Answer, name: string): boolean {
  const [first] = reply.answers;
  return first?.type === 'CNAME' && first.name.toLowerCase() === name.toLowerCase();
}
