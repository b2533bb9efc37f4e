// The part of the table of settings about zones and forwarding. See schema.
import type { CheckType, Hedge, NextAfter, Policy, Search } from './config.ts';
import { choices, upstreams } from './list-type.ts';
import type { Setting } from './setting.ts';
import { choice, durationMs, flag, integer, text } from './setting-type.ts';

const POLICIES = ['random', 'roundRobin', 'sequential', 'fastest'] as const satisfies readonly Policy[];
const HEDGES = ['auto', 'off'] as const satisfies readonly Hedge[];
const NEXT_AFTER = ['NXDOMAIN', 'NODATA', 'SERVFAIL', 'REFUSED'] as const satisfies readonly NextAfter[];
const SEARCH = ['off', 'report', 'on'] as const satisfies readonly Search[];
const CHECK_TYPES = [
  'A',
  'AAAA',
  'CNAME',
  'HINFO',
  'MX',
  'NS',
  'PTR',
  'SOA',
  'SRV',
  'TXT',
] as const satisfies readonly CheckType[];
/** More would leave servers with many times the load for little gain. */
const MAX_RACE = 4;
/** As textToName() reads it, without escapes. */
const DOMAIN_NAME = /^(?=.{1,253}$)(?:\.|(?:[A-Za-z0-9_/-]{1,63}\.)*[A-Za-z0-9_/-]{1,63}\.?)$/;
export const ZONE_SETTINGS: readonly Setting[] = [
  {
    path: 'zones.*.upstreams',
    type: upstreams(),
    reload: 'live',
    default: undefined,
    description: 'Upstreams for this suffix and all names below it. The longest matching suffix wins.',
    example: ['10.96.0.10'],
    flag: 'zone',
  },
  {
    path: 'zones.*.policy',
    type: choice(POLICIES),
    reload: 'live',
    default: undefined,
    sameAs: 'forward.policy',
    description: 'How an upstream of this zone is chosen for a query.',
    example: 'sequential',
  },
  {
    path: 'zones.*.race',
    type: integer(1, MAX_RACE),
    reload: 'live',
    default: undefined,
    sameAs: 'forward.race',
    description: 'How many upstreams of this zone are asked at once.',
    example: 2,
  },
  {
    path: 'zones.*.next',
    type: choices(NEXT_AFTER),
    reload: 'live',
    default: undefined,
    sameAs: 'forward.next',
    description: 'Answers after which the next upstream of this zone is asked.',
    example: ['NXDOMAIN'],
  },
  {
    path: 'zones.*.healthCheck.name',
    type: text('a domain name', DOMAIN_NAME),
    reload: 'live',
    default: undefined,
    defaultText: 'the zone itself',
    description:
      'The name to ask for in health checks of the upstreams of this zone. An upstream that serves several zones is checked with the name of the first one: the root, then in the order of the file.',
    example: 'kubernetes.default.svc.cluster.local',
  },
  {
    path: 'zones.*.healthCheck.type',
    type: choice(CHECK_TYPES),
    reload: 'live',
    default: undefined,
    sameAs: 'forward.healthCheck.type',
    description: 'The type to ask for in these health checks.',
    example: 'A',
  },
  {
    path: 'zones.*.nxdomainCut',
    type: flag(),
    reload: 'live',
    default: undefined,
    defaultText: '`false`',
    description:
      'While the cache holds the NXDOMAIN of a name, every name below it is answered NXDOMAIN too (RFC 8020), with the TTL that is left. Not for queries with DO, and not below a name that starts with `_`. Right for servers that keep to RFC 8020: a zone in which a.b exists although b is denied must not have it.',
    example: true,
  },
  {
    path: 'zones.*.search',
    type: choice(SEARCH),
    reload: 'live',
    default: undefined,
    defaultText: '`off`',
    description:
      'What is done about names that only the search list of a client makes (ndots), such as www.example.com.default.svc.cluster.local. `report`: those answered NXDOMAIN are counted, by client and search domain, for `unloop top` and `unloop_search_waste_total`. `on`: that too, and of an unknown name the shorter ones are asked for first (com.default.svc.cluster.local), so that one NXDOMAIN answers all names below; needs `nxdomainCut: true`.',
    example: 'report',
  },
];

export const FORWARD_SETTINGS: readonly Setting[] = [
  {
    path: 'forward.policy',
    type: choice(POLICIES),
    reload: 'live',
    default: 'random',
    description:
      'How an upstream is chosen for a query: at random, in turn, the first that is up, or the one that answers fastest.',
    example: 'fastest',
  },
  {
    path: 'forward.hedge',
    type: choice(HEDGES),
    reload: 'live',
    default: 'auto',
    description:
      'When an answer takes longer than 95 % of the answers of its upstream (at least 10 ms, at most 1 s), another upstream of the zone that is up is asked too, and the first good answer is used. At most 5 % of the questions are asked twice. off: another upstream is asked only after the first one was silent for its time-out. The policy sequential is never hedged: there one upstream stands in for another.',
    example: 'off',
  },
  {
    path: 'forward.race',
    type: integer(1, MAX_RACE),
    reload: 'live',
    default: 1,
    description:
      'How many upstreams of a zone are asked at once: the one that the policy chooses, and others that are not down. The first good answer is used, and NXDOMAIN is one. 1: one at a time. Each further one costs a message per question. Not with the policy sequential: there one upstream stands in for another.',
    example: 2,
  },
  {
    path: 'forward.next',
    type: choices(NEXT_AFTER),
    reload: 'live',
    default: [],
    description:
      'Answers after which the next upstream of the zone is asked, for servers that do not know the same names (split horizon). NXDOMAIN, or NODATA (no records of the type), is then the answer only when every upstream of the zone (at most four are asked) has said so or REFUSED. NODATA of one says that the name exists. While one of them does not answer, clients get SERVFAIL or stale data. After SERVFAIL, REFUSED and other errors the next one is asked in any case.',
    example: ['NXDOMAIN', 'NODATA'],
  },
  {
    path: 'forward.deadline',
    type: durationMs('100ms', '30s'),
    reload: 'live',
    default: '1800ms',
    description:
      'Every client gets an answer within this time, whatever happens. CoreDNS waits 2 s for an upstream, so the answer must be sent before that.',
  },
  {
    path: 'forward.maxInFlight',
    type: integer(1, 1_000_000),
    reload: 'worker',
    default: 10_000,
    description:
      'Queries that may wait for upstreams at the same time, all workers together. When all slots are taken, a new query is REFUSED; or, if another client has more queries waiting, the oldest query of the client with the most is REFUSED instead.',
  },
  {
    path: 'forward.healthCheck.interval',
    type: durationMs('50ms', '1h'),
    reload: 'live',
    default: '500ms',
    description:
      'How often a doubtful upstream is checked. An upstream is doubtful after a query to it failed, until it answers something. Any reply will do. Other upstreams are not checked.',
  },
  {
    path: 'forward.healthCheck.maxFails',
    type: integer(0, 100),
    reload: 'live',
    default: 2,
    description:
      'After this many failed checks in a row, with no answer in between, an upstream is out of use. While all upstreams of a zone are out of use, some queries are still sent to them, and the first answer brings an upstream back. 0: no upstream is checked or taken out of use.',
  },
  {
    path: 'forward.healthCheck.name',
    type: text('a domain name', DOMAIN_NAME),
    reload: 'live',
    default: '.',
    description: 'The name to ask for in health checks.',
    example: 'example.com',
  },
  {
    path: 'forward.healthCheck.type',
    type: choice(CHECK_TYPES),
    reload: 'live',
    default: 'NS',
    description: 'The type to ask for in health checks.',
    example: 'A',
  },
];
