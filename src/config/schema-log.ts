// The settings that say what is logged. A part of the table of settings (schema).
import type { LogLevel } from './config.ts';
import type { Setting } from './setting.ts';
import { choice, choices, cidrs, durationMs, flag, integer, nameSuffixes } from './setting-type.ts';

const LOG_LEVELS = [
  'trace',
  'debug',
  'info',
  'warn',
  'error',
  'fatal',
] as const satisfies readonly LogLevel[];
const RCODES = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED'] as const;

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
    description: 'Log one of so many queries that meet the other filters.',
    example: 100,
  },
];
