// The errors that people see: each says what went wrong, where, and how to fix it. docs/errors.md
// lists every code.

/**
 * Codes of the errors that reach a person; docs/errors.md explains each (a test holds the two
 * together).
 */
export const ERROR_CODES = [
  'UNLOOP_USAGE',
  'UNLOOP_CONFIG_INVALID',
  'UNLOOP_CONFIG_UNREADABLE',
  'UNLOOP_TOO_FEW_FILES',
  'UNLOOP_DEBUGGER_OPEN',
  'UNLOOP_LISTEN_FAILED',
  'UNLOOP_NO_UPSTREAM',
  'UNLOOP_UPSTREAM_INVALID',
  'UNLOOP_ADMIN_LISTEN_FAILED',
  'UNLOOP_ADMIN_UNREACHABLE',
  'UNLOOP_WORKER_FAILED',
] as const;

/** One of them. */
export type ErrorCode = (typeof ERROR_CODES)[number];

/** An error with a stable code and a remedy. Never thrown on the hot path. */
export class UnloopError extends Error {
  readonly code: ErrorCode;
  /** What the operator does next, one sentence. */
  readonly remedy: string;

  constructor(code: ErrorCode, message: string, remedy: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'UnloopError';
    this.code = code;
    this.remedy = remedy;
  }
}
