// The settings that say what is logged. A part of the table of settings (schema).
import type { LogLevel } from './config.ts';
import { choices, cidrs, nameSuffixes } from './list-type.ts';
import type { Setting } from './setting.ts';
import { choice, durationMs, flag, integer, text } from './setting-type.ts';

const LOG_LEVELS = [
  'trace',
  'debug',
  'info',
  'warn',
  'error',
  'fatal',
] as const satisfies readonly LogLevel[];
const RCODES = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED'] as const;

const PORT = '([1-9]\\d{0,3}|[1-5]\\d{4}|6[0-4]\\d{3}|65[0-4]\\d{2}|655[0-2]\\d|6553[0-5])';
/** The host of tcp: may be an IPv6 address in brackets. */
const DNSTAP_OUTPUT = new RegExp(
  `^(|unix:/[\\x21-\\x7e]{1,100}|tcp:(\\[[0-9A-Fa-f:.]+\\]|[0-9A-Za-z.-]+):${PORT})$`,
);

/** In the order of the documentation. */
export const LOG_SETTINGS: readonly Setting[] = [
  {
    path: 'log.level',
    type: choice(LOG_LEVELS),
    reload: 'live',
    default: 'info',
    description: 'The lowest level that is logged.',
    flag: 'log-level',
  },
  {
    path: 'log.format',
    type: choice(['json', 'text', 'auto']),
    reload: 'restart',
    default: 'auto',
    description: '`json`: one object per line; `text`: for people; `auto`: text on a terminal, else json.',
  },
  {
    path: 'log.queries',
    type: flag(),
    reload: 'live',
    default: false,
    description:
      'Log a line per query: the client, the question, the outcome, how long it took, where the answer comes from, and what each upstream that was asked did. The line of a failure (SERVFAIL, REFUSED …) has the whole answer as text in `answer`, with the reason if the query had EDNS. Logging a query costs more than answering it: at most 1000 lines a second and worker are written, and `log.queryFilter` says which. What cannot be written is dropped and counted (`unloop_query_log_dropped_total`).',
  },
  {
    path: 'log.queryFilter.zones',
    type: nameSuffixes(),
    reload: 'live',
    default: [],
    description:
      'Log only queries for these names and those below them. Of all filters that are set, a query must meet each.',
    example: ['corp.example'],
  },
  {
    path: 'log.queryFilter.clients',
    type: cidrs(),
    reload: 'live',
    default: [],
    description: 'Log only queries of clients in these networks.',
    example: ['10.1.0.0/16'],
  },
  {
    path: 'log.queryFilter.rcodes',
    type: choices(RCODES),
    reload: 'live',
    default: [],
    description: 'Log only queries that are answered with one of these.',
    example: ['SERVFAIL', 'REFUSED'],
  },
  {
    path: 'log.queryFilter.slowerThan',
    type: durationMs('0ms', '1m'),
    reload: 'live',
    default: '0ms',
    description: 'Log only queries whose answer took at least this long. Those from the cache take no time.',
    example: '100ms',
  },
  {
    path: 'log.queryFilter.sample',
    type: integer(1, 1_000_000),
    reload: 'live',
    default: 1,
    description: 'Log one in this many of the queries that meet the other filters.',
    example: 100,
  },
  {
    path: 'dnstap.output',
    type: text('unix:/PATH or tcp:HOST:PORT', DNSTAP_OUTPUT),
    reload: 'worker',
    default: '',
    description:
      'Where each worker sends dnstap events, as Frame Streams: the Unix socket or the TCP address of a reader that accepts connections. Nothing waits for the reader: what it does not take is dropped and counted (`unloop_dnstap_dropped_total`). Empty: dnstap is off.',
    example: 'unix:/run/dnstap.sock',
  },
  {
    path: 'dnstap.messages',
    type: choices(['client', 'forwarder']),
    reload: 'worker',
    default: ['client', 'forwarder'],
    description:
      '`client`: queries of clients and their answers. `forwarder`: messages to upstreams, with all marks, and their replies as they came.',
  },
  {
    path: 'dnstap.identity',
    type: text('up to 255 letters, digits and signs, no spaces', /^[\x21-\x7e]{0,255}$/),
    reload: 'worker',
    default: '',
    description: 'Tells the reader which server an event comes from. Empty: it is not told.',
    example: 'node-7',
  },
];
