// What the laboratory measures: each scenario prints its figures and puts them into
// build/lab/loop-figures.json; with UPDATE_GENERATED=1 the table in docs/loops.md is written again
// from that file.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { LoadFigures } from './agent-asks.ts';

const FILE = fileURLToPath(new URL('../../../build/lab/loop-figures.json', import.meta.url));
const DOCUMENT = fileURLToPath(new URL('../../../docs/loops.md', import.meta.url));
const BEGIN = '<!-- figures: written by npm run test:lab with UPDATE_GENERATED=1 -->';
const END = '<!-- end of figures -->';

/** The rows, in their order. A scenario that is not in here cannot be recorded. */
export const SCENARIOS = {
  original: "the original failure: a pod's resolv.conf names 127.0.0.53, which is the pod itself",
  'original-self': "… the node's files readable, and they name us too",
  'original-root': "… the node's files readable",
  'box-dnsdist': 'a loop that begins later, through dnsdist (keeps everything)',
  'box-CoreDNS': 'through CoreDNS (keeps everything)',
  'box-unbound': 'through unbound (drops options, merges)',
  'box-BIND': 'through BIND (drops options, merges)',
  'box-dnsmasq': 'through dnsmasq (merges)',
  'box-systemd-resolved': 'through systemd-resolved (drops options)',
  'box-Knot Resolver, STUB': 'through Knot Resolver, STUB (drops options, scrambles case, sets CD)',
  'box-Knot Resolver, FORWARD': 'through Knot Resolver, FORWARD (drops options, scrambles case, sets CD)',
  'box-smartdns': 'through smartdns (drops options)',
  'box-stand-in': 'through a box that drops options and scrambles case',
  tcp: 'over TCP, to us and back',
  'back-by-tcp': 'out over UDP, back over TCP',
  isolation: 'everything sent to the default upstream comes back, 500 queries a second',
  'one-of-three': 'one of three upstreams loops',
  'one-zone': 'a loop in one zone only',
  replicas: 'two replicas behind one address',
  tiers: 'two hops with different rings: no loop',
  'tiers-in-a-ring': 'two hops with different rings that ask each other',
  retransmits: 'a client that sends each query five times: no loop',
  'random-case': '10⁵ queries in random case: no loop',
  returns: 'an upstream that stops looping',
  'resolved-restart': 'systemd-resolved restarted, its file replaced, under load',
  'probe-lost': 'the first message into the loop is lost',
} as const;
export type Scenario = keyof typeof SCENARIOS;

export interface Figures {
  /** What was done with the queries: "SERVFAIL + EDE 14 in 3 ms". */
  readonly answers: string;
  /**
   * Packets that went into the loop for one query, or for all of them; '' where it does not apply.
   */
  readonly packets?: string;
  /** What else is worth knowing. */
  readonly note?: string;
}

/** Prints a scenario's figures for a system and keeps them. */
export function record(scenario: Scenario, system: string, given: Figures): void {
  const figures = JSON.parse(
    JSON.stringify(given)
      .replace(/\b1 (packet|probe)s\b/g, '1 $1')
      .replace(/\b1 queries\b/g, '1 query'),
  ) as Figures;
  const parts = [figures.answers, figures.packets, figures.note].filter(
    (part) => part !== undefined && part !== '',
  );
  console.log(`${SCENARIOS[scenario]} — ${system}: ${parts.join('; ')}`);
  const all = existsSync(FILE) ? (JSON.parse(readFileSync(FILE, 'utf8')) as Record<string, object>) : {};
  all[scenario] = { ...all[scenario], [system]: figures };
  mkdirSync(new URL('.', `file://${FILE}`), { recursive: true });
  writeFileSync(FILE, `${JSON.stringify(all, null, 2)}\n`);
  if (process.env.UPDATE_GENERATED === '1') writeTable(all as Record<string, Record<string, Figures>>);
}

/** The table's columns, and which facts stand in each: the first that fits. */
const COLUMNS: readonly { readonly title: string; readonly has: RegExp }[] = [
  { title: 'first answer', has: /^first (?!query)/ },
  { title: 'packets', has: /packet|queries at|over TCP| in all$/ },
  { title: 'proof', has: /^proven|^no alarm|mistaken/ },
  { title: 'other names', has: /^(cluster|cached|other) names/ },
  { title: 'answers', has: /^/ },
];
const TITLES = ['first answer', 'answers', 'packets', 'proof', 'other names'];

/** One row of the table: a scenario, a forwarder, and one kind of fact in each cell. */
export function rowOf(scenario: string, system: string, facts: readonly string[]): string {
  const cells = new Map<string, string[]>();
  for (const fact of facts) {
    const { title } = COLUMNS.find(({ has }) => has.test(fact))!;
    const text = title === 'other names' ? fact : fact.replace(/^(first|then) (?!query)/, '');
    cells.set(title, [...(cells.get(title) ?? []), text]);
  }
  const kinds = TITLES.map((title) => cells.get(title)?.join('; ') ?? '–');
  return `| ${[scenario, system, ...kinds].join(' | ')} |`.replace(/^\| {2}\|/, '| |');
}

/** The facts of a scenario, one by one. */
function factsOf({ answers, packets = '', note = '' }: Figures): string[] {
  return [answers, packets, note]
    .flatMap((part) => part.split(/; |, (?=then )/))
    .filter((fact) => fact !== '');
}

function writeTable(all: Readonly<Record<string, Readonly<Record<string, Figures>>>>): void {
  if (!existsSync(DOCUMENT)) return;
  const rows = Object.entries(SCENARIOS).flatMap(([scenario, text]) =>
    ['unloop', 'CoreDNS', 'dnsmasq'].flatMap((system) => {
      const figures = all[scenario]?.[system];
      return figures === undefined ? [] : [rowOf(system === 'unloop' ? text : '', system, factsOf(figures))];
    }),
  );
  const titles = ['scenario', 'forwarder', ...TITLES];
  const table = [`| ${titles.join(' | ')} |`, `|${'---|'.repeat(titles.length)}`, ...rows].join('\n');
  const text = readFileSync(DOCUMENT, 'utf8');
  const from = text.indexOf(BEGIN) + BEGIN.length;
  const to = text.indexOf(END);
  writeFileSync(DOCUMENT, `${text.slice(0, from)}\n${table}\n${text.slice(to)}`);
}

const RCODE_NAMES: Readonly<Record<number, string>> = {
  0: 'NOERROR',
  2: 'SERVFAIL',
  3: 'NXDOMAIN',
  5: 'REFUSED',
};

/** One answer in words. */
export function describeAnswer(asked: { rcode: number; ede: number; ms: number }): string {
  if (asked.rcode < 0) return `no answer in ${round(asked.ms / 1000)} s`;
  const ede = asked.ede < 0 ? '' : ` + EDE ${asked.ede}`;
  return `${RCODE_NAMES[asked.rcode] ?? `RCODE ${asked.rcode}`}${ede} in ${round(asked.ms)} ms`;
}

/** Many answers in words. */
export function describeLoad(figures: LoadFigures): string {
  const parts = Object.entries(figures.rcodes).map(
    ([rcode, count]) => `${count} ${RCODE_NAMES[Number(rcode)] ?? rcode}`,
  );
  if (figures.lost > 0) parts.push(`${figures.lost} without an answer`);
  if (figures.answered === 0) return parts.join(', ');
  return `${parts.join(', ')}, p50 ${round(figures.p50Ms)} ms, max ${round(figures.maxMs)} ms`;
}

/** How names fared that have nothing to do with the loop. */
export function describeOthers(figures: LoadFigures): string {
  if (figures.answered === 0) return 'none answered';
  return `p50 ${round(figures.p50Ms)} ms${figures.lost > 0 ? `, ${figures.lost} lost` : ''}`;
}

export function round(value: number): string {
  return value < 10 ? value.toFixed(1) : String(Math.round(value));
}
