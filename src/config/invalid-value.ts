// What every parser in this folder throws for invalid text. Caught by setting-type, which turns it
// into a fault with a place; it never leaves the folder otherwise.

/** An invalid value; the message says what was found and what was expected. */
export class InvalidValue extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'InvalidValue';
  }
}

const SHOWN_LENGTH = 60;

/** The value as a message shows it: JSON, one line, cut to a readable length. */
export function showValue(value: unknown): string {
  if (value instanceof Map || (typeof value === 'object' && value !== null)) {
    return Array.isArray(value) ? 'a list' : 'a mapping';
  }
  const text = JSON.stringify(value) ?? String(value);
  return text.length > SHOWN_LENGTH ? `${text.slice(0, SHOWN_LENGTH)}…` : text;
}
