// The long run of the fuzz targets: npm run fuzz -- --minutes 10 [--target NAME] [--seed N]. The
// time is shared out evenly; prints a table, and each finding as hex for the target's corpus. Exit
// code 1 when there is one.
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readCorpus } from './corpus.ts';
import { Coverage } from './coverage.ts';
import { type FuzzReport, fuzz } from './fuzz.ts';
import { TARGETS } from './targets/all.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    target: { type: 'string' },
    seed: { type: 'string', default: String(Date.now() & 0x7fffffff) },
    json: { type: 'boolean', default: false },
  },
});
const targets = TARGETS.filter(({ name }) => values.target === undefined || name === values.target);
if (targets.length === 0)
  throw new Error(`no such target; there are ${TARGETS.map(({ name }) => name).join(', ')}`);
const seed = Number(values.seed);
const forMs = (Number(values.minutes) * 60_000) / targets.length;
if (!(forMs > 0)) throw new Error(`--minutes ${values.minutes}: not a time`);

const coverage = new Coverage((url) => url.includes('/src/'));
coverage.start();
const reports: FuzzReport[] = [];
for (const target of targets) {
  const seeds = readCorpus(join(process.cwd(), 'test/fuzz/corpus'), target.name);
  const report = await fuzz(target, seeds, coverage, { runs: Number.POSITIVE_INFINITY, forMs }, seed);
  reports.push(report);
  if (!values.json) console.log(describeReport(report));
}
coverage.stop();
if (values.json) {
  const rows = reports.map(({ corpus, finding, ...report }) => ({
    ...report,
    corpus: corpus.length,
    finding: finding === null ? null : { error: finding.error, hex: toHex(finding.input) },
  }));
  console.log(JSON.stringify({ seed, targets: rows }, null, 2));
}
process.exitCode = reports.some(({ finding }) => finding !== null) ? 1 : 0;

function describeReport({ target, runs, elapsedMs, seeds, corpus, finding }: FuzzReport): string {
  const rate = Math.round((runs / elapsedMs) * 1000);
  const line = `${target.padEnd(10)} ${String(runs).padStart(11)} inputs, ${rate}/s, corpus ${seeds} → ${corpus.length}`;
  return finding === null ? line : `${line}\n  ${finding.error}\n  ${toHex(finding.input)}`;
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
