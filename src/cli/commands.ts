// The table of commands: what each does, and the module that does it. Read by dispatch and help.
// A module is imported only when its command runs: `unloop --version` loads no DNS server.

/** What a command's module exports. */
export interface CommandModule {
  /** Runs the command with its arguments; resolves to the exit code. */
  main(args: string[]): Promise<number>;
  /** The text of `unloop help NAME`, where it is not made of the table below. */
  help?(): string;
}

/** One command. */
export interface Command {
  readonly name: string;
  readonly summary: string;
  /** Imports its module. A literal path, so that the bundle takes the module along. */
  readonly load: () => Promise<CommandModule>;
  /** After "unloop NAME", in the usage line. */
  readonly usage: string;
  /** Lines of `unloop help NAME`, beyond the flags that override settings. */
  readonly details: readonly string[];
  /** It takes the flags of run. */
  readonly takesRunFlags: boolean;
  /** Its module has the help text. */
  readonly ownHelp: boolean;
}

/** Every command but help, in the order of help. */
export const COMMANDS: readonly Command[] = [
  {
    name: 'run',
    summary: 'forwards until stopped',
    load: () => import('./run.ts'),
    usage: '[FLAGS]',
    details: [
      'Ends with 0 after SIGTERM or SIGINT, 1 when it cannot start, 2 on bad usage or configuration.',
      'SIGHUP, or a change of the file, reloads the configuration; if it is faulty, it is rejected and the old one stays.',
      'SIGUSR1 and SIGUSR2 write statistics to the log.',
    ],
    takesRunFlags: true,
    ownHelp: false,
  },
  {
    name: 'check',
    summary: 'validates the configuration',
    load: () => import('./check.ts'),
    usage: '[--config FILE] [--print] [--from-corefile FILE] [FLAGS OF run]',
    details: [
      'Prints FILE:LINE:COL: message for every fault. Ends with 0, or 2 when there is a fault.',
      '',
      '  --print                 print the effective configuration, secrets masked',
      '  --from-corefile FILE    print a CoreDNS configuration as ours, with what has no equivalent; nothing else is read',
    ],
    takesRunFlags: true,
    ownHelp: false,
  },
  {
    name: 'health',
    summary: 'asks the running unloop whether it is alive',
    load: () => import('./health.ts'),
    usage: '[--config FILE] [--ready] [FLAGS OF run]',
    details: [
      'Takes the configuration that `unloop run` was started with, and asks its admin listener. Ends with 0 or 1.',
      '',
      '  --ready                 ask for /ready (an upstream that may work, not draining) instead of /health',
    ],
    takesRunFlags: true,
    ownHelp: false,
  },
  {
    name: 'status',
    summary: 'says how the running unloop is: upstreams, loops, cache, workers',
    load: () => import('./status.ts'),
    usage: '[--json] [--watch] [--config FILE] [--admin ADDR:PORT]',
    details: [
      'Ends with 0 when all is well, 1 when something is wrong and names still resolve, 3 when names do not resolve,',
      '2 when it cannot tell.',
      '',
      '  --json                  print the report as JSON, on one line',
      '  --watch                 print it again every 2 seconds, until interrupted',
      '  --config FILE           the configuration that unloop runs with; without it UNLOOP_CONFIG, else the defaults',
      '  --admin ADDR:PORT       its admin listener, where the configuration does not say',
    ],
    takesRunFlags: false,
    ownHelp: false,
  },
  {
    name: 'query',
    summary: 'asks the running unloop a question and explains what happens to it',
    load: () => import('./query.ts'),
    usage: 'NAME [TYPE] [--dry-run] [--client ADDR] [--json] | --slow [--limit N] | --failed [--limit N]',
    details: [
      'Ends with 0 when there is an answer (also that the name does not exist), 1 when there is none, 2 when it',
      'cannot ask.',
      '',
      '  --dry-run               ask no server: only what the running unloop knows, and would do',
      '  --client ADDR           explain it for this client; 127.0.0.1 unless given',
      '  --slow                  list the slowest queries of the last five to ten minutes instead',
      '  --failed                list the last queries that failed instead',
      '  --limit N               of them at most; 20 unless given, up to 64',
      '  --json                  print JSON, on one line',
      '  --config FILE           the configuration that unloop runs with; without it UNLOOP_CONFIG, else the defaults',
      '  --admin ADDR:PORT       its admin listener, where the configuration does not say',
    ],
    takesRunFlags: false,
    ownHelp: false,
  },
  {
    name: 'top',
    summary: 'says who asks the running unloop most, for what, and what fails',
    load: () => import('./top.ts'),
    usage: '[--limit N] [--json] [--config FILE] [--admin ADDR:PORT]',
    details: [
      'Counts the last five to ten minutes. Ends with 0, or 2 when it cannot ask.',
      '',
      '  --limit N               lines of each list at most; 10 unless given, up to 100',
      '  --json                  print JSON, on one line',
      '  --config FILE           the configuration that unloop runs with; without it UNLOOP_CONFIG, else the defaults',
      '  --admin ADDR:PORT       its admin listener, where the configuration does not say',
    ],
    takesRunFlags: false,
    ownHelp: false,
  },
  {
    name: 'cache',
    summary: 'shows and forgets what the running unloop has cached',
    load: () => import('./cache.ts'),
    usage: 'get NAME [TYPE] | list [--name NAME] [--zone ZONE] | flush [--name NAME] [--zone ZONE]',
    details: [
      'get and list show the answers for exactly NAME; flush forgets those for NAME and every name below it.',
      'flush without --name and --zone forgets everything.',
      'Ends with 0; get with 1 when nothing is cached; 2 when it cannot ask.',
      '',
      '  --zone ZONE             only what came from the upstreams of this zone; . is everything else',
      '  --limit N               entries shown at most; 100 unless given',
      '  --json                  print JSON, on one line',
      '  --config FILE           the configuration that unloop runs with; without it UNLOOP_CONFIG, else the defaults',
      '  --admin ADDR:PORT       its admin listener, where the configuration does not say',
    ],
    takesRunFlags: false,
    ownHelp: false,
  },
  {
    name: 'doctor',
    summary: 'says whether DNS loops on this node or pod, and what cures it',
    load: () => import('../doctor/main.ts'),
    usage: '[--root DIR] [--json] [FLAGS]',
    details: [
      'Ends with 0 when healthy, 1 when a loop or a risk was found, 2 when it cannot tell.',
      '',
      "  --root DIR              where the node's files are mounted; / unless given",
      '  --json                  print the findings as JSON',
      "  --corefile FILE         read the cluster DNS's Corefile too; - is standard input",
      "  --config FILE           read unloop's configuration too, and follow what it would ask",
      "  --cluster-dns ADDR      the cluster DNS's address, where kubelet's files do not say",
      '  --no-probe              read files only; --probe asks the live servers even below another root',
      '  --probe-public          ask public servers for a random name too',
    ],
    takesRunFlags: false,
    ownHelp: false,
  },
  {
    name: 'bench',
    summary: 'loads a DNS server and measures its answers',
    load: () => import('../load/main.ts'),
    usage: '[FLAGS]',
    details: [],
    takesRunFlags: false,
    ownHelp: true,
  },
];
