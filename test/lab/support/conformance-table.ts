// The table of docs/conformance.md: a row for each requirement, a column for each forwarder.
import type { Requirement, Result } from '../../conformance/requirement.ts';

export const COLUMNS = ['unloop', 'dnsmasq', 'unbound', 'dnsdist'] as const;

/** One sentence of totals and the table, as Markdown. */
export function renderTable(
  requirements: readonly Requirement[],
  results: readonly Result[],
  versions: Readonly<Record<string, string>>,
  ended: Readonly<Record<(typeof COLUMNS)[number], number>>,
): string {
  const lines = [
    `| | ${COLUMNS.map((name) => (name in versions ? `${name} ${versions[name]}` : name)).join(' | ')} |`,
    `|---|${COLUMNS.map(() => '---').join('|')}|`,
    `| fulfilled, of ${requirements.length} | ${COLUMNS.map((name) => String(requirements.filter((requirement) => isFulfilled(requirement, name, results)).length)).join(' | ')} |`,
    `| no answer where one is due | ${COLUMNS.map((name) => String(requirements.filter((requirement) => isLost(requirement, name, results)).length)).join(' | ')} |`,
    `| another answer, or something else | ${COLUMNS.map((name) => String(requirements.filter((requirement) => isWrong(requirement, name, results)).length)).join(' | ')} |`,
    `| processes or threads that died in the run | ${COLUMNS.map((name) => String(ended[name])).join(' | ')} |`,
    `| otherwise on purpose | ${COLUMNS.map((name) => (name === 'unloop' ? String(requirements.filter(({ deliberately }) => deliberately !== undefined).length) : '')).join(' | ')} |`,
    '',
    `| requirement | ${COLUMNS.join(' | ')} |`,
    `|---|${COLUMNS.map(() => '---').join('|')}|`,
  ];
  for (const requirement of requirements) {
    const cells = COLUMNS.map((name) => cell(requirement, name, results));
    lines.push(`| ${requirement.section}: ${escaped(requirement.text)} | ${cells.join(' | ')} |`);
  }
  const otherwise = requirements.flatMap(({ section, text, deliberately }) =>
    deliberately === undefined
      ? []
      : [`- **${section}**, ${text}. Instead: ${deliberately.does}. Why: ${deliberately.why}.`],
  );
  return [
    ...lines,
    '',
    'Different on purpose. The tests check what unloop does instead:',
    '',
    ...otherwise,
  ].join('\n');
}

/** Requirements and what stands in unloop's column, of a table. */
export function unloopColumn(table: string): string[] {
  return table
    .split('\n')
    .filter((line) => /^\| (RFC|DNS) /.test(line))
    .map((line) => line.split(' | ').slice(0, 2).join(': '));
}

function ofForwarder(requirement: Requirement, name: string, results: readonly Result[]): Result[] {
  return results.filter((result) => result.requirement === requirement && result.forwarder.name === name);
}

function isFulfilled(requirement: Requirement, name: string, results: readonly Result[]): boolean {
  if (name === 'unloop' && requirement.deliberately !== undefined) return false;
  const own = ofForwarder(requirement, name, results);
  return own.length > 0 && own.every(({ outcome }) => outcome === '');
}

/** Something was not answered that must be. */
function isLost(requirement: Requirement, name: string, results: readonly Result[]): boolean {
  return ofForwarder(requirement, name, results).some(({ outcome }) => outcome === 'no answer');
}

/** Everything was answered, but not all of it as required. */
function isWrong(requirement: Requirement, name: string, results: readonly Result[]): boolean {
  const failed = ofForwarder(requirement, name, results).filter(({ outcome }) => outcome !== '');
  return failed.length > 0 && !isLost(requirement, name, results);
}

function cell(requirement: Requirement, name: string, results: readonly Result[]): string {
  const own = ofForwarder(requirement, name, results);
  if (own.length === 0) return '–';
  const isOtherwise = name === 'unloop' && requirement.deliberately !== undefined;
  const failed = own.filter(({ outcome }) => outcome !== '');
  if (failed.length === 0) return isOtherwise ? 'otherwise' : 'yes';
  const seen = new Set(failed.map(({ outcome }) => outcome));
  if (failed.length === own.length && seen.size === 1) return `**no**: ${escaped(failed[0]!.outcome)}`;
  return `**no**: ${failed.map(({ transport, outcome }) => `${escaped(outcome)} (${transport})`).join('; ')}`;
}

/** Text in a cell. */
function escaped(text: string): string {
  return text.replace(/[|<>]/g, (character) => `\\${character}`).replace(/\s+/g, ' ');
}
