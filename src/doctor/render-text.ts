// The report as a page for people: verdict, drawing, findings with their cures. Called by main;
// plain text unless colors are asked for.
import { drawPaths } from './diagram.ts';
import type { Cure, Finding, Probe, Report, Severity } from './report.ts';

const WIDTH = 100;
const LABELS: Readonly<Record<Severity, string>> = {
  loop: 'loops',
  risk: 'would loop',
  unknown: 'cannot tell',
  info: 'note',
};
const LABEL_WIDTH = 13;

/** SGR numbers (ECMA-48). */
const BOLD = 1;
const DIM = 2;
const RED = 31;
const GREEN = 32;
const YELLOW = 33;

/** The page, with a newline at its end. */
export function renderText(report: Report, useColor: boolean): string {
  const paint = (text: string, ...codes: number[]) =>
    useColor && text !== '' ? `\x1b[${codes.join(';')}m${text}\x1b[0m` : text;
  const color = { healthy: GREEN, wouldLoop: YELLOW, loops: RED, unknown: YELLOW }[report.verdict];
  const lines = [paint(report.summary, BOLD, color), ''];
  for (const line of drawPaths(report.paths)) lines.push(`  ${line.replaceAll('⟲', paint('⟲', BOLD, RED))}`);
  const indent = ' '.repeat(LABEL_WIDTH);
  for (const finding of report.findings) {
    lines.push('', ...renderFinding(finding, indent, paint));
  }
  if (report.probes.length > 0) {
    lines.push('', 'asked'.padEnd(LABEL_WIDTH) + describeProbe(report.probes[0]!));
    lines.push(...report.probes.slice(1).map((probe) => indent + describeProbe(probe)));
  }
  return `${lines.join('\n')}\n`;
}

type Paint = (text: string, ...codes: number[]) => string;

function renderFinding({ severity, message, cures }: Finding, indent: string, paint: Paint): string[] {
  const label = LABELS[severity].padEnd(LABEL_WIDTH);
  const [first, ...rest] = wrap(`${capitalize(message)}.`, WIDTH - LABEL_WIDTH);
  const code = { loop: RED, risk: YELLOW, unknown: YELLOW, info: DIM }[severity];
  const lines = [paint(label, BOLD, code) + first, ...rest.map((line) => indent + line)];
  for (const cure of cures) lines.push(...renderCure(cure, indent, paint));
  return lines;
}

function renderCure(
  { what, where, lines, commands, isAlternative }: Cure,
  indent: string,
  paint: Paint,
): string[] {
  const head = what + (where === '' ? '' : `, ${where}`);
  return [
    '',
    `${indent}${paint(isAlternative ? 'or  ' : 'cure', BOLD, GREEN)}  ${head}`,
    ...lines.map((line) => `${indent}      ${line}`),
    ...commands.map((line) => `${indent}      ${paint(`$ ${line}`, DIM)}`),
  ];
}

/** Names of programs stay as they are. */
function capitalize(message: string): string {
  return /^(unloop|musl|kubelet|k3s|rke2)\b/.test(message)
    ? message
    : message[0]!.toUpperCase() + message.slice(1);
}

function describeProbe({ server, outcome, rttMs, rcode, answersNewNames, extendedError }: Probe): string {
  if (outcome === 'refused') return `${server}: nobody listens`;
  if (outcome === 'silent') return `${server}: no answer`;
  const names =
    answersNewNames === null || !/^(NOERROR|NXDOMAIN)$/.test(rcode)
      ? ''
      : answersNewNames
        ? ', new names too'
        : ', but not a new name';
  const error = extendedError === '' ? '' : ` (${extendedError})`;
  return `${server}: ${rcode || 'answered'} in ${rttMs} ms${names}${error}`;
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
