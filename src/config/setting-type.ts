// The types a setting can have: how a value is validated and read (valibot), written back to YAML,
// and described to people and to editors (JSON Schema). Used by the table in schema, and through it
// by load, effective, docs and json-schema. Lists are in list-type.
import * as v from 'valibot';
import type { ListenAddress } from './config.ts';
import { InvalidValue, showValue } from './invalid-value.ts';
import { formatListen, parseListen } from './listen-address.ts';
import {
  DURATION_PATTERN,
  formatDuration,
  formatSize,
  PERCENT_PATTERN,
  parseDuration,
  parsePercent,
  parseSize,
  SIZE_PATTERN,
} from './units.ts';

/** A JSON Schema, as far as this folder writes one. */
export type JsonSchema = { readonly [key: string]: unknown };

/** One type of setting. `T` is the value in Config. */
export interface SettingType<T> {
  /** For messages and documentation: "a duration from 100ms to 1m". */
  readonly expected: string;
  /** From the YAML value to our value; its issues carry the path inside a list. */
  readonly schema: v.GenericSchema<unknown, T>;
  /** What the setting's name in Config ends in: forward.deadline → forward.deadlineMs. */
  readonly unitSuffix: '' | 'Ms' | 'Seconds' | 'Percent';
  readonly jsonSchema: JsonSchema;
  /** Back to the YAML value, canonical. */
  toYaml(value: T): unknown;
  /** Tells two values apart that are written alike; not needed where none are. */
  describe?(value: T): string;
}

/**
 * A text that `parse` reads; InvalidValue becomes an issue. `toText` may let other YAML values pass
 * as text.
 */
export function parsed<T>(
  expected: string,
  parse: (text: string) => T,
  toText: (input: unknown) => unknown = (input) => input,
): v.GenericSchema<unknown, T> {
  return v.pipe(
    v.unknown(),
    v.rawTransform<unknown, T>(({ dataset, addIssue, NEVER }) => {
      const source = toText(dataset.value);
      if (typeof source !== 'string') {
        addIssue({ message: describeMismatch(source, expected) });
        return NEVER;
      }
      try {
        return parse(source);
      } catch (error) {
        if (!(error instanceof InvalidValue)) throw error;
        addIssue({ message: error.message });
        return NEVER;
      }
    }),
  );
}

/** "5 is not true or false". */
export function describeMismatch(value: unknown, expected: string): string {
  if (value === null) return `has no value; expected ${expected} (remove the key to get the default)`;
  return `${showValue(value)} is not ${expected}`;
}

/** true or false. */
export function flag(): SettingType<boolean> {
  const expected = 'true or false';
  return {
    expected,
    schema: v.boolean((issue) => {
      const yes = /^(yes|on|y)$/i.test(String(issue.input));
      const no = /^(no|off|n)$/i.test(String(issue.input));
      const hint = yes || no ? `; write ${yes}` : '';
      return describeMismatch(issue.input, expected) + hint;
    }),
    unitSuffix: '',
    jsonSchema: { type: 'boolean' },
    toYaml: (value) => value,
  };
}

function wholeNumber(min: number, max: number, expected: string): v.GenericSchema<unknown, number> {
  const message = (issue: v.BaseIssue<unknown>): string => describeMismatch(issue.input, expected);
  return v.pipe(v.number(message), v.integer(message), v.minValue(min, message), v.maxValue(max, message));
}

/** A whole number. */
export function integer(min: number, max: number): SettingType<number> {
  const expected = `a whole number from ${min} to ${max}`;
  return {
    expected,
    schema: wholeNumber(min, max, expected),
    unitSuffix: '',
    jsonSchema: { type: 'integer', minimum: min, maximum: max },
    toYaml: (value) => value,
  };
}

/** "auto", or a whole number. */
export function autoOrInteger(min: number, max: number): SettingType<'auto' | number> {
  const number = integer(min, max);
  const expected = `auto or ${number.expected}`;
  const schema = wholeNumber(min, max, expected);
  return {
    expected,
    schema: v.lazy((input): v.GenericSchema<unknown, 'auto' | number> => {
      return input === 'auto' ? v.literal('auto') : schema;
    }),
    unitSuffix: '',
    jsonSchema: { anyOf: [{ const: 'auto' }, number.jsonSchema] },
    toYaml: (value) => value,
  };
}

/** One of a few words. */
export function choice<const Words extends readonly string[]>(words: Words): SettingType<Words[number]> {
  const expected = `one of ${words.join(', ')}`;
  return {
    expected,
    schema: v.picklist(words, (issue) => describeMismatch(issue.input, expected)),
    unitSuffix: '',
    jsonSchema: { enum: words },
    toYaml: (value) => value,
  };
}

/** Any text that matches; `expected` says what that is. */
export function text(expected: string, pattern: RegExp): SettingType<string> {
  return {
    expected,
    schema: v.pipe(
      v.string((issue) => describeMismatch(issue.input, expected)),
      v.regex(pattern, (issue) => describeMismatch(issue.input, expected)),
    ),
    unitSuffix: '',
    jsonSchema: { type: 'string', pattern: pattern.source },
    toYaml: (value) => value,
  };
}

function quantity(
  noun: string,
  parse: (text: string) => number,
  format: (value: number) => string,
  min: number,
  max: number,
): { expected: string; schema: v.GenericSchema<unknown, number> } {
  const expected = `${noun} from ${format(min)} to ${format(max)}`;
  const read = (source: string): number => {
    const value = parse(source);
    if (value < min) throw new InvalidValue(`${source} is too small; expected ${expected}`);
    if (value > max) throw new InvalidValue(`${source} is too large; expected ${expected}`);
    return value;
  };
  // A bare number is handed to the parser as text, which then says what unit is missing.
  const schema = parsed(expected, read, (input) => (typeof input === 'number' ? String(input) : input));
  return { expected, schema };
}

/** A duration kept in milliseconds. */
export function durationMs(min: string, max: string): SettingType<number> {
  return {
    ...quantity('a duration', parseDuration, formatDuration, parseDuration(min), parseDuration(max)),
    unitSuffix: 'Ms',
    jsonSchema: { type: 'string', pattern: DURATION_PATTERN.source },
    toYaml: formatDuration,
  };
}

/** A duration kept in whole seconds, as TTLs are. */
export function durationSeconds(min: string, max: string): SettingType<number> {
  const parse = (source: string): number => {
    const ms = parseDuration(source);
    if (ms % 1000 !== 0) throw new InvalidValue(`${source} is not a whole number of seconds`);
    return ms / 1000;
  };
  const format = (seconds: number): string => formatDuration(seconds * 1000);
  return {
    ...quantity('a duration', parse, format, parse(min), parse(max)),
    unitSuffix: 'Seconds',
    jsonSchema: { type: 'string', pattern: DURATION_PATTERN.source },
    toYaml: format,
  };
}

/** A size kept in bytes. */
export function size(min: string, max: string): SettingType<number> {
  return {
    ...quantity('a size', parseSize, formatSize, parseSize(min), parseSize(max)),
    unitSuffix: '',
    jsonSchema: { type: 'string', pattern: SIZE_PATTERN.source },
    toYaml: formatSize,
  };
}

/** A percentage. */
export function percent(min: number, max: number): SettingType<number> {
  const format = (value: number): string => `${value}%`;
  return {
    ...quantity('a percentage', parsePercent, format, min, max),
    unitSuffix: 'Percent',
    jsonSchema: { type: 'string', pattern: PERCENT_PATTERN.source },
    toYaml: format,
  };
}

/** One address to listen on, or off (null). */
export function listenAddressOrOff(): SettingType<ListenAddress | null> {
  const expected = 'ADDR:PORT or off';
  return {
    expected,
    // YAML 1.1 habits: an unquoted off may arrive as false from a templating tool.
    schema: parsed<ListenAddress | null>(
      expected,
      (source) => (source === 'off' ? null : parseListen(source)),
      (input) => (input === false ? 'off' : input),
    ),
    unitSuffix: '',
    jsonSchema: { anyOf: [{ type: 'string' }, { const: false }] },
    toYaml: (value) => (value === null ? 'off' : formatListen(value)),
  };
}
