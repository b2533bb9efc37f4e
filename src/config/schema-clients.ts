// The settings that say what clients get and how much: limits and identity. A part of the table of
// settings (schema).
import type { AnyPolicy } from './config.ts';
import { cidrs, hostsFiles, localRecords, nameSuffixes } from './list-type.ts';
import type { Setting } from './setting.ts';
import { choice, durationMs, durationSeconds, flag, integer, text } from './setting-type.ts';

const ANY = ['forward', 'minimal'] as const satisfies readonly AnyPolicy[];

/** In the order of the documentation. */
export const CLIENT_SETTINGS: readonly Setting[] = [
  {
    path: 'limits.perClientQps',
    type: integer(0, 10_000_000),
    reload: 'live',
    default: 0,
    description:
      'Queries per second from one client address, counted separately for UDP and TCP. Above the limit, UDP queries are answered with TC, which sends the client to TCP, and TCP queries are REFUSED. 0: no limit.',
  },
  {
    path: 'limits.perClientWaiting',
    type: integer(0, 1_000_000),
    reload: 'live',
    default: 2000,
    description:
      'UDP queries of one client address that may wait for upstreams at the same time. Further ones are answered with TC, which sends the client to TCP, where this limit does not apply. Each worker has its share of it, and some more, for the names that it serves. The limit keeps attackers from sending a burst of answers to a forged address. 0: no limit.',
  },
  {
    path: 'limits.tcpConnections',
    type: integer(1, 100_000),
    reload: 'worker',
    default: 1000,
    description: 'Client TCP connections at the same time.',
  },
  {
    path: 'limits.tcpIdle',
    type: durationMs('100ms', '1h'),
    reload: 'worker',
    default: '10s',
    description: 'A TCP connection is closed if no complete query arrives within this time.',
  },
  {
    path: 'limits.allow',
    type: cidrs(),
    reload: 'live',
    default: [],
    description:
      'Clients that are served; others get REFUSED. Empty: networks that are not globally reachable (private, shared, loopback, link-local, 198.18.0.0/15, 240.0.0.0/4), those of our own interfaces, and those on their links. `0.0.0.0/0` and `::/0` allow everybody, which makes this an open resolver.',
    example: ['10.0.0.0/8', '192.168.0.0/16', 'fd00::/8'],
  },
  {
    path: 'limits.deny',
    type: cidrs(),
    reload: 'live',
    default: [],
    description: 'Clients that are REFUSED, even if `allow` names them.',
    example: ['10.9.0.0/16'],
  },
  {
    path: 'limits.rebindProtection',
    type: flag(),
    reload: 'live',
    default: false,
    description:
      'Withhold answers with a private, loopback or link-local address (protection against DNS rebinding). Zones with their own upstreams and `localhost` are exempt.',
  },
  {
    path: 'limits.rebindExceptions',
    type: nameSuffixes(),
    reload: 'live',
    default: [],
    description: 'Names that may have such addresses, with all names below them.',
    example: ['home.arpa', 'corp.example'],
  },
  {
    path: 'local.specialNames',
    type: flag(),
    reload: 'live',
    default: true,
    description:
      'Answer special-use names here: `localhost`, `invalid`, `onion` and `resolver.arpa`; and, if all default upstreams are public servers, also `test`, `home.arpa` and the reverse zones of private addresses. A zone under `zones:` takes its names back.',
  },
  {
    path: 'local.any',
    type: choice(ANY),
    reload: 'live',
    default: 'forward',
    description:
      'Questions of type ANY. `minimal`: answered here with one small HINFO record (RFC 8482), so that nobody can make large answers of them; with DO they are forwarded all the same, as a signed zone would have to sign that record.',
    example: 'minimal',
  },
  {
    path: 'local.records',
    type: localRecords(),
    reload: 'live',
    default: [],
    description:
      'Records that are answered here: `NAME TYPE DATA`, with A, AAAA, CNAME, PTR, SRV and TXT. They come before cache and upstreams. A name that has one is not asked of an upstream, whatever the type. `*.NAME` is every name below NAME, except those with records of their own and what is below those (RFC 4592). A CNAME is the only record of its name. It is followed to other records here only, and must not lead back to itself. The text of a TXT record is one string, spaces included; or several in double quotes, as in a zone file: `"one string" "another"`. In both, `\\"` is a quote, `\\\\` a backslash, and a backslash with three digits the byte of that number.',
    example: ['db.internal A 10.0.0.9', '*.apps.internal CNAME db.internal'],
  },
  {
    path: 'local.hosts',
    type: hostsFiles(),
    reload: 'live',
    default: [],
    description:
      'Hosts files: their names are answered here, and their addresses with the first name (PTR). Read again when they change. Relative paths start at the directory of the configuration file. A name that is in `local.records` too has the records of both.',
    example: ['/etc/hosts'],
  },
  {
    path: 'local.ttl',
    type: durationSeconds('0s', '1d'),
    reload: 'live',
    default: '60s',
    description: 'The TTL of those records.',
  },
  {
    path: 'identity.version',
    type: flag(),
    reload: 'live',
    default: false,
    description:
      'Tell the version to clients that ask for `version.bind` or `version.server` (class CHAOS). Off: REFUSED. Such questions are never forwarded.',
  },
  {
    path: 'identity.name',
    type: text('up to 255 letters, digits and signs, no spaces', /^[\x21-\x7e]{0,255}$/),
    reload: 'live',
    default: '',
    description:
      'Tells clients that ask which replica answers: by `id.server` and `hostname.bind` (class CHAOS), and by NSID (RFC 5001) in the OPT of any answer. Empty: REFUSED, and no NSID.',
    example: 'node-7',
  },
];
