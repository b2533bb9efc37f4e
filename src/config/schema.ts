// The one table of settings. Validation (load), `unloop help`, docs/configuration.md (docs), the
// editors' JSON Schema (json-schema) and `check --print` (effective) are all made from it, so none
// of them can drift from another.

import { listenAddresses, upstreams } from './list-type.ts';
import { CLIENT_SETTINGS } from './schema-clients.ts';
import { FORWARD_SETTINGS, ZONE_SETTINGS } from './schema-forward.ts';
import { LOG_SETTINGS } from './schema-log.ts';
import type { Setting } from './setting.ts';
import {
  autoOrInteger,
  choice,
  durationMs,
  durationSeconds,
  flag,
  integer,
  listenAddressOrOff,
  percent,
  size,
  text,
} from './setting-type.ts';

const ANY_TEXT = /^\P{Cc}*$/u;
const FILE_PATH = /^\P{Cc}+$/u;

/** Every setting, in the order of the documentation. */
export const SETTINGS: readonly Setting[] = [
  {
    path: 'listen',
    type: listenAddresses(),
    reload: 'worker',
    default: ['127.0.0.1:5300'],
    description:
      'Addresses to listen on. Each serves UDP and TCP. With port 0 the kernel chooses a port. Where the kernel has no IPv6, `[::]` is left out if another address is there.',
    example: ['0.0.0.0:53', '[::]:53'],
    flag: 'listen',
  },
  {
    path: 'workers',
    type: autoOrInteger(1, 256),
    reload: 'worker',
    default: 'auto',
    description:
      'Worker threads. The kernel deals queries to them by name, so that each name is cached and asked for by one. `auto`: two, three from 12 and four from 16 CPUs on, and no more than the CPUs and the memory that this process may use (cgroup limits count).',
    example: 2,
    flag: 'workers',
  },
  {
    path: 'upstreams',
    type: upstreams(),
    reload: 'live',
    default: 'auto',
    description:
      'Default upstreams, for names that match no zone. `auto`: the servers in `discovery.resolvConf`, with loopback stubs replaced by the servers behind them. A domain that systemd-resolved or Tailscale sends to other servers becomes a zone, unless `zones` has one of that name.',
    example: ['10.0.0.2', 'tls://1.1.1.1#one.one.one.one'],
    flag: 'upstream',
  },
  ...ZONE_SETTINGS,
  {
    path: 'discovery.resolvConf',
    type: text('a file path', FILE_PATH),
    reload: 'live',
    default: '/etc/resolv.conf',
    description: 'The file that lists the upstreams if they are `auto`. Changes to it take effect at once.',
  },
  {
    path: 'discovery.root',
    type: text('an absolute directory path', /^\/\P{Cc}*$/u),
    reload: 'live',
    default: '/',
    description: "Where the node's files are mounted. In a pod with a read-only hostPath: `/host`.",
    example: '/host',
  },
  {
    path: 'discovery.rewriteLoopback',
    type: choice(['auto', 'always', 'never']),
    reload: 'live',
    default: 'auto',
    description:
      'What to do with a loopback server on port 53. `auto`: replace it by the servers behind it, if they are found; `always`: the same, but drop it if they are not found; `never`: keep it as written. Docker’s 127.0.0.11 stays with `auto`: it alone knows the names of other containers.',
  },
  ...FORWARD_SETTINGS,
  {
    path: 'cache.maxEntries',
    type: integer(0, 100_000_000),
    reload: 'worker',
    default: 100_000,
    description: 'Maximum number of cached answers, all workers together; each holds its share. 0: no cache.',
  },
  {
    path: 'cache.maxBytes',
    type: size('0B', '1024GiB'),
    reload: 'worker',
    default: '64MiB',
    description: 'Maximum memory for cached answers, all workers together; each holds its share.',
    example: '256MiB',
  },
  {
    path: 'cache.file',
    type: text('an absolute file path, or nothing', /^(?:\/\P{Cc}*)?$/u),
    reload: 'worker',
    default: '',
    description:
      'Keeps the cache over a restart: written when unloop stops, read when it starts, and when another process that it takes over from has stopped. An answer keeps the TTL that is left. At most `cache.maxBytes` are written, with mode 0600. A file that is damaged, of another version or open to others is not used. Empty: every start has an empty cache.',
    example: '/var/cache/unloop/cache',
  },
  {
    path: 'cache.minTtl',
    type: durationSeconds('0s', '1h'),
    reload: 'worker',
    default: '0s',
    description:
      'An answer is kept at least this long. A value above 0s overrides the TTLs that the owner of the name has set.',
  },
  {
    path: 'cache.maxTtl',
    type: durationSeconds('0s', '7d'),
    reload: 'worker',
    default: '1d',
    description: 'An answer is kept at most this long (RFC 8767 §4: never above 7 days).',
  },
  {
    path: 'cache.maxNegativeTtl',
    type: durationSeconds('0s', '1d'),
    reload: 'worker',
    default: '30m',
    description: 'NXDOMAIN and NODATA are kept at most this long (RFC 2308 §5).',
  },
  {
    path: 'cache.failureTtl',
    type: durationSeconds('1s', '5m'),
    reload: 'worker',
    default: '5s',
    description: 'A resolution failure is cached this long (RFC 9520 §3.2: 1 s to 5 min).',
  },
  {
    path: 'cache.serveStale.maxAge',
    type: durationSeconds('0s', '7d'),
    reload: 'worker',
    default: '1h',
    description: 'If the upstreams fail, expired answers are still used for this long (RFC 8767). 0s: never.',
  },
  {
    path: 'cache.serveStale.ttl',
    type: durationSeconds('1s', '1h'),
    reload: 'worker',
    default: '30s',
    description: 'The TTL of a stale answer (RFC 8767 §4 recommends 30 s).',
  },
  {
    path: 'cache.serveStale.after',
    type: durationMs('0s', '30s'),
    reload: 'worker',
    default: '1500ms',
    description:
      'A client waits this long for a fresh answer before it gets a stale one. Keep it below `forward.deadline`.',
  },
  {
    path: 'cache.prefetch.hits',
    type: integer(0, 1_000_000),
    reload: 'worker',
    default: 3,
    description: 'An answer that was used this many times is fetched again before it expires. 0: never.',
  },
  {
    path: 'cache.prefetch.remaining',
    type: percent(1, 90),
    reload: 'worker',
    default: '10%',
    description: 'It is fetched again when this share of its lifetime is left.',
  },
  {
    path: 'loop.tag',
    type: choice(['auto', 'always', 'never']),
    reload: 'live',
    default: 'auto',
    description:
      'The EDNS tag that marks our own queries. `auto`: only toward addresses that are not public, so that a public resolver learns nothing.',
  },
  {
    path: 'loop.case',
    type: flag(),
    reload: 'live',
    default: true,
    description:
      'The 0x20 case pattern in outgoing names. It recognizes our own queries if the tag is removed, and makes forged replies harder.',
  },
  {
    path: 'loop.clusterKey',
    type: text('text without control characters', ANY_TEXT),
    reload: 'worker',
    default: '',
    description:
      'Secret shared by replicas, so that each recognizes the queries of the others. Empty: this process recognizes only its own. Prefer `loop.clusterKeyFile` or the environment.',
    environment: 'UNLOOP_CLUSTER_KEY',
    secret: true,
  },
  {
    path: 'loop.clusterKeyFile',
    type: text('a file path', FILE_PATH),
    reload: 'worker',
    default: undefined,
    description:
      'File whose first line is the cluster key. A relative path starts at the directory of the configuration file.',
    example: '/etc/unloop/cluster-key',
    fileOf: 'loop.clusterKey',
  },
  {
    path: 'loop.ring',
    type: text('1 to 63 letters, digits, dots, hyphens or underscores', /^[A-Za-z0-9._-]{1,63}$/),
    reload: 'worker',
    default: 'default',
    description:
      'Instances with the same key and ring count as one forwarder: a query between them is a loop. A query from another ring (a tier in front of this one) is only a hop.',
    example: 'node-local',
  },
  {
    path: 'loop.maxHops',
    type: integer(1, 32),
    reload: 'worker',
    default: 8,
    description: 'How many rings a query may pass before it is refused as a loop.',
  },
  {
    path: 'loop.probe.onStart',
    type: flag(),
    reload: 'live',
    default: true,
    description:
      'At start, ask each upstream that is not public for a random name, to see whether the query comes back.',
  },
  {
    path: 'loop.probe.interval',
    type: durationMs('0s', '1d'),
    reload: 'live',
    default: '60s',
    description: 'How often to probe again. 0s: only on suspicion.',
  },
  {
    path: 'loop.quarantine.min',
    type: durationMs('100ms', '1h'),
    reload: 'live',
    default: '1s',
    description:
      'How long a looping upstream is out of use at first. The time doubles each time the loop is still there.',
  },
  {
    path: 'loop.quarantine.max',
    type: durationMs('100ms', '1d'),
    reload: 'live',
    default: '60s',
    description: 'The longest time that it is out of use before it is tried again.',
  },
  ...CLIENT_SETTINGS,
  {
    path: 'admin.listen',
    type: listenAddressOrOff(),
    reload: 'live',
    default: '127.0.0.1:9530',
    description:
      'Address of /health, /ready, /serving, /metrics, the diagnostics (/status, /events, /upstreams, /loops, /config, /explain, /top, /cache/entries, /cache/flush) and the status page. `off`: none.',
    example: '0.0.0.0:9530',
    flag: 'admin',
  },
  {
    path: 'admin.coredns',
    type: flag(),
    reload: 'live',
    default: false,
    description: "Also publish the metrics under CoreDNS's names, which existing dashboards use.",
  },
  {
    path: 'admin.token',
    type: text('text without spaces or control characters', /^[\x21-\x7e]*$/),
    reload: 'live',
    default: '',
    description:
      'Bearer token of the admin pages. Without one, /health, /ready, /serving and /metrics are open to all, and the other pages only to clients on loopback, wherever `admin.listen` is. With one, everything but /health, /ready and /serving needs it. Prefer `admin.tokenFile`.',
    secret: true,
  },
  {
    path: 'admin.tokenFile',
    type: text('a file path', FILE_PATH),
    reload: 'live',
    default: undefined,
    description:
      'File whose first line is the token. A relative path starts at the directory of the configuration file.',
    example: '/etc/unloop/admin-token',
    fileOf: 'admin.token',
  },
  ...LOG_SETTINGS,
  {
    path: 'kubernetes.pods',
    type: flag(),
    reload: 'live',
    default: false,
    description:
      'Follow the pods of the cluster, and show clients with the pod that has their address, as `namespace/pod`, in the diagnostics. The service account must be allowed to list and watch pods (chart: `pods.enabled`).',
  },
  {
    path: 'kubernetes.node',
    type: text('the name of a node', /^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?)?$/),
    reload: 'live',
    default: '',
    description: 'Follow only the pods of this node. Empty: those of all nodes.',
    environment: 'UNLOOP_NODE_NAME',
    example: 'node-7',
  },
  {
    path: 'kubernetes.serviceAccount',
    type: text('an absolute directory path', /^\/\P{Cc}*$/u),
    reload: 'live',
    default: '/var/run/secrets/kubernetes.io/serviceaccount',
    description: 'The directory with `token` and `ca.crt`, as kubelet mounts it.',
  },
  {
    path: 'lameduck',
    type: durationMs('0s', '5m'),
    reload: 'live',
    default: '0s',
    description:
      'After SIGTERM, queries are still answered for this long while /ready returns 503, so that load balancers stop sending new ones first.',
    example: '5s',
  },
  {
    path: 'takeOver',
    environment: 'UNLOOP_TAKE_OVER',
    type: flag(),
    reload: 'live',
    default: false,
    description:
      'Start even if another unloop of the same user has the listen addresses open, and follow it: UDP queries go to it until it exits (the new one shares them at once if it has more workers, or if both have one). For replacing a process without a gap.',
  },
];
