// A fault in the configuration and its location. Made by read-yaml, read-overrides and load;
// printed by the CLI.
import { UnloopError } from '../base/errors.ts';

/**
 * Where a value was written. Line 0: not in a file, and `file` names the flag, the variable or
 * "default".
 */
export interface Place {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
}

/** One thing wrong, or worth a warning. */
export interface Fault extends Place {
  readonly message: string;
  /** The setting concerned, where there is one: "forward.deadline". */
  readonly path: string;
}

/** "FILE:LINE:COL: message", or "--flag: message". */
export function formatFault(fault: Fault): string {
  const place = fault.line === 0 ? fault.file : `${fault.file}:${fault.line}:${fault.column}`;
  return `${place}: ${fault.message}`;
}

/** Puts a fault together. */
export function faultAt(place: Place, path: string, message: string): Fault {
  return { file: place.file, line: place.line, column: place.column, path, message };
}

const REMEDIES = {
  UNLOOP_CONFIG_INVALID:
    'Fix what is named; docs/configuration.md lists every setting, and `unloop check` tries again.',
  UNLOOP_UPSTREAM_INVALID: 'Give the address of another server, or change listen.',
} as const;

/** The configuration cannot be used; `faults` holds every reason, in the order of the file. */
export class ConfigInvalid extends UnloopError {
  readonly faults: readonly Fault[];

  constructor(faults: readonly Fault[], code: keyof typeof REMEDIES = 'UNLOOP_CONFIG_INVALID') {
    super(code, faults.map(formatFault).join('\n'), REMEDIES[code]);
    this.faults = faults;
  }
}
