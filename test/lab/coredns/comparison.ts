// Asks two servers the same and tells where they differ, TTLs and the order of records apart.
import type { Answer } from '../../kit/dns-client.ts';
import { askTcp, askUdp, queryBytes } from '../../kit/dns-client.ts';
import type { AskedQuestion } from './questions.ts';

export interface ServerAt {
  readonly address: string;
  readonly port: number;
}

/** Questions under way at once. */
const AT_ONCE = 16;

/**
 * All that a client can see of an answer, TTLs and order apart. Of a cut answer, that it was cut:
 * what remains in it is of no use. Of a short one, no additional records. Not AA, RA and CD, which
 * say what the server is: NSD is an authority and clears CD (RFC 4035 §3.1.6), unloop is none and
 * returns it (§3.2.2).
 */
export function essence(answer: Answer, isShort: boolean): string {
  const { rcode, truncated, name, opt } = answer;
  // As much is added to an answer as fits.
  const additionals = isShort && answer.answers.length > 0 ? [] : answer.additionals;
  const sections = truncated
    ? []
    : [answer.answers, answer.authorities, additionals].map((records) => records.map(textOf).sort());
  return JSON.stringify({
    rcode,
    truncated,
    name,
    recursionDesired: answer.recursionDesired,
    authenticData: answer.authenticData,
    opt: opt === null ? null : { dnssecOk: opt.dnssecOk, options: opt.options },
    sections,
  });
}

function textOf(record: object): string {
  const { ttl: _ttl, name, ...rest } = record as { ttl?: number; name: string };
  return JSON.stringify({ name: name.toLowerCase(), ...rest }).toLowerCase();
}

export async function ask({ address, port }: ServerAt, { tcp, question }: AskedQuestion): Promise<string> {
  const bytes = queryBytes(question);
  const isShort = !tcp && (question.edns === false || question.udpSize === 512);
  return essence(await (tcp ? askTcp : askUdp)(port, bytes, address), isShort);
}

/** The answers to all questions, in their order; a question without an answer rejects. */
export async function askAll(
  server: ServerAt,
  questions: readonly AskedQuestion[],
  atOnce = AT_ONCE,
): Promise<string[]> {
  const essences: string[] = [];
  for (let at = 0; at < questions.length; at += atOnce) {
    const some = questions.slice(at, at + atOnce);
    essences.push(...(await Promise.all(some.map((question) => ask(server, question)))));
  }
  return essences;
}

/** What differs, readably. */
export function differences(
  questions: readonly AskedQuestion[],
  expected: readonly string[],
  actual: readonly string[],
): string[] {
  return questions.flatMap(({ text }, index) =>
    expected[index] === actual[index]
      ? []
      : [`${text}\n  expected ${expected[index]}\n  got      ${actual[index]}`],
  );
}
