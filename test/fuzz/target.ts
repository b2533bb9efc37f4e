// What a fuzz target is: something that takes any bytes, checks what must hold whatever they are,
// and throws if it does not.

export interface FuzzTarget {
  readonly name: string;
  /** The longest input of use, bytes. */
  readonly maxLength: number;
  /** Called once, before the first input. */
  prepare?(): Promise<void>;
  /**
   * Takes one input and throws when an invariant is broken. Returns a small number that says what
   * kind of input it was (a verdict, which records): an input of a new kind is kept, as one that
   * reached new source is.
   */
  run(input: Uint8Array): number;
  /** Called after the last input. */
  finish?(): Promise<void>;
}

/** Throws when an invariant does not hold. */
export function check(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`broken: ${what}`);
}
