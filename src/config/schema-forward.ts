// The part of the table of settings about zones and forwarding. See schema.
import type { CheckType, Policy } from './config.ts';
import type { Setting } from './setting.ts';
import { choice, durationMs, integer, text, upstreams } from './setting-type.ts';

const POLICIES = ['random', 'roundRobin', 'sequential', 'fastest'] as const satisfies readonly Policy[];
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
/** As textToName() reads it, without escapes. */
const DOMAIN_NAME = /^(?=.{1,253}$)(?:\.|(?:[A-Za-z0-9_/-]{1,63}\.)*[A-Za-z0-9_/-]{1,63}\.?)$/;
export const ZONE_SETTINGS: readonly Setting[] = [
  {
    path: 'zones.*.upstreams',
    type: upstreams(),
    default: undefined,
    description: 'Servers for this suffix and all names below it. The longest suffix wins.',
    example: ['10.96.0.10'],
    flag: 'zone',
  },
  {
    path: 'zones.*.policy',
    type: choice(POLICIES),
    default: undefined,
    sameAs: 'forward.policy',
    description: 'How one of the upstreams of this zone is chosen.',
    example: 'sequential',
  },
  {
    path: 'zones.*.healthCheck.name',
    type: text('a domain name', DOMAIN_NAME),
    default: undefined,
    defaultText: 'the zone itself',
    description:
      'The name that upstreams of this zone are asked for when in doubt. One that serves several zones is asked for the name of the first: the root, then in the order of the file.',
    example: 'kubernetes.default.svc.cluster.local',
  },
  {
    path: 'zones.*.healthCheck.type',
    type: choice(CHECK_TYPES),
    default: undefined,
    sameAs: 'forward.healthCheck.type',
    description: 'The type that they are asked for.',
    example: 'A',
  },
];

export const FORWARD_SETTINGS: readonly Setting[] = [
  {
    path: 'forward.policy',
    type: choice(POLICIES),
    default: 'random',
    description:
      'How one of the upstreams is chosen: any, in turn, the first that is up, or the one that answers fastest.',
    example: 'fastest',
  },
  {
    path: 'forward.deadline',
    type: durationMs('100ms', '30s'),
    default: '1800ms',
    description:
      'A client has an answer by then, whatever happens. CoreDNS gives an upstream 2 s, so the answer must leave before.',
  },
  {
    path: 'forward.maxInFlight',
    type: integer(1, 1_000_000),
    default: 10_000,
    description:
      'Queries waiting for upstreams at once, all workers together. One more is REFUSED, or the oldest of the client that has most of them waiting, if the newcomer has fewer.',
  },
  {
    path: 'forward.healthCheck.interval',
    type: durationMs('50ms', '1h'),
    default: '500ms',
    description:
      'How often an upstream in doubt is asked whether it is there: one that let a question come to nothing, until it answers something. Any reply will do. Others are not asked.',
  },
  {
    path: 'forward.healthCheck.maxFails',
    type: integer(0, 100),
    default: 2,
    description:
      'Failed checks in a row, with nothing answered meanwhile, that take an upstream out of use. While all of a zone are out of use some questions are tried all the same, and the first answer brings one back. 0: nothing takes one out, and none is checked.',
  },
  {
    path: 'forward.healthCheck.name',
    type: text('a domain name', DOMAIN_NAME),
    default: '.',
    description: 'The name that an upstream in doubt is asked for.',
    example: 'example.com',
  },
  {
    path: 'forward.healthCheck.type',
    type: choice(CHECK_TYPES),
    default: 'NS',
    description: 'The type that it is asked for.',
    example: 'A',
  },
];
