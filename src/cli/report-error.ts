// An error as the terminal shows it, and the exit code it means. Called by dispatch; run uses it
// for what fails at start.

import { type ErrorCode, UnloopError } from '../base/errors.ts';
import { nameTooFewOpenFiles } from '../base/open-files.ts';

/**
 * Bad usage or configuration, or nobody to ask; anything else that stops a command is 1.
 */
const EXIT_USAGE = 2;
const USAGE_CODES: ReadonlySet<ErrorCode> = new Set([
  'UNLOOP_USAGE',
  'UNLOOP_CONFIG_INVALID',
  'UNLOOP_CONFIG_UNREADABLE',
  'UNLOOP_UPSTREAM_INVALID',
  'UNLOOP_ADMIN_UNREACHABLE',
]);

/** 2 for bad usage or configuration and where nobody can be asked, else 1. */
export function exitCodeOf(error: unknown): number {
  return error instanceof UnloopError && USAGE_CODES.has(error.code) ? EXIT_USAGE : 1;
}

/** "unloop: message" and its cure; the stack too where the error is a mistake of ours. */
export function describeError(thrown: unknown): string {
  const error = nameTooFewOpenFiles(thrown);
  if (!(error instanceof UnloopError)) {
    return `unloop: internal error: ${error instanceof Error ? error.stack : String(error)}\n`;
  }
  const cure = `  cure: ${error.remedy}\n`;
  // Faults stand on lines of their own, without a prefix, so that editors can jump to
  // FILE:LINE:COL.
  if (error.code === 'UNLOOP_CONFIG_INVALID' || error.code === 'UNLOOP_UPSTREAM_INVALID') {
    return `${error.message}\nunloop: the configuration cannot be used\n${cure}`;
  }
  return `unloop: ${error.message}\n${cure}`;
}
