// One finding, with or without cures. Called by findings and path-findings.
import type { Cure, Finding, FindingCode, Severity } from './report.ts';

export function finding(
  severity: Severity,
  code: FindingCode,
  message: string,
  cures: readonly Cure[] = [],
): Finding {
  return { severity, code, message, cures };
}
