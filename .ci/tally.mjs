// Adds up vitest's JSON reports and prints one closing line: N passed, N failed, N skipped. Fails
// where a report has no test at all, or one that did not run: every test must.
//
//   node .ci/tally.mjs REPORT...
import { readFileSync } from 'node:fs';

const sum = { passed: 0, failed: 0, skipped: 0 };
for (const path of process.argv.slice(2)) {
  const report = JSON.parse(readFileSync(path, 'utf8'));
  const skipped = report.numPendingTests + report.numTodoTests;
  if (report.numTotalTests === 0 || skipped > 0) {
    console.error(`${path}: ${report.numTotalTests} tests, ${skipped} of them skipped: every one must run`);
    process.exitCode = 1;
  }
  sum.passed += report.numPassedTests;
  sum.failed += report.numFailedTests;
  sum.skipped += skipped;
}
if (sum.failed > 0) process.exitCode = 1;
console.log(`${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped`);
