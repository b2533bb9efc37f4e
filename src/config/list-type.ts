// The types of settings that are lists. Used by the table in schema.
import * as v from 'valibot';
import { type Endpoint, formatEndpoint } from '../base/endpoint.ts';
import { formatCidr, parseCidr } from './cidr.ts';
import type { ListenAddress } from './config.ts';
import type { HostsFile } from './hosts-file.ts';
import { InvalidValue, showValue } from './invalid-value.ts';
import { formatListen, parseListen } from './listen-address.ts';
import { formatLocalRecord, type LocalRecord, parseLocalRecord } from './local-record.ts';
import { parseUpstream } from './parse-upstream.ts';
import { describeMismatch, parsed, type SettingType } from './setting-type.ts';
import { parseZoneSuffix } from './zone-suffix.ts';

/**
 * A list whose items `parse` reads; two items with the same canonical text are a fault, unless
 * `mayRepeat`.
 */
function listOf<T>(
  expected: string,
  minItems: number,
  parse: (text: string) => T,
  format: (value: T) => string,
  mayRepeat: (value: T) => boolean = () => false,
): v.GenericSchema<unknown, T[]> {
  return v.pipe(
    v.array(
      parsed(expected, parse),
      (issue) => describeMismatch(issue.input, expected) + hintList(issue.input),
    ),
    v.minLength(minItems, `the list is empty; expected ${expected}`),
    v.rawCheck(({ dataset, addIssue }) => {
      if (!dataset.typed) return;
      const texts = dataset.value.map(format);
      texts.forEach((itemText, i) => {
        const first = texts.indexOf(itemText);
        if (first === i || mayRepeat(dataset.value[i]!)) return;
        addIssue({
          message: `${itemText} is in the list twice`,
          path: [{ type: 'array', origin: 'value', input: dataset.value, key: i, value: dataset.value[i]! }],
        });
      });
    }),
  );
}

function hintList(value: unknown): string {
  return typeof value === 'string' ? `; write ["${value}"]` : '';
}

/** Some of a few words. */
export function choices<const Words extends readonly string[]>(
  words: Words,
): SettingType<readonly Words[number][]> {
  const expected = `a list of ${words.join(', ')}`;
  return {
    expected,
    schema: listOf(
      expected,
      0,
      (source) => {
        if (!words.includes(source))
          throw new InvalidValue(`${showValue(source)} is not one of ${words.join(', ')}`);
        return source as Words[number];
      },
      (word) => word,
    ),
    unitSuffix: '',
    jsonSchema: { type: 'array', items: { enum: words } },
    toYaml: (value) => value,
  };
}

/** Addresses to listen on. Port 0 may repeat: each time it is another port. */
export function listenAddresses(): SettingType<readonly ListenAddress[]> {
  const expected = 'a list of ADDR:PORT';
  return {
    expected,
    schema: listOf(expected, 1, parseListen, formatListen, (address) => address.port === 0),
    unitSuffix: '',
    jsonSchema: { type: 'array', items: { type: 'string' }, minItems: 1 },
    toYaml: (value) => value.map(formatListen),
  };
}

/** "auto", or a list of upstreams. */
export function upstreams(): SettingType<'auto' | readonly Endpoint[]> {
  const expected = 'auto or a list of upstreams such as ["10.0.0.2", "tls://1.1.1.1#one.one.one.one"]';
  const list = listOf(expected, 1, parseListedUpstream, formatEndpoint);
  return {
    expected,
    schema: v.lazy((input): v.GenericSchema<unknown, 'auto' | Endpoint[]> => {
      const isAuto = input === 'auto' || (Array.isArray(input) && input.length === 1 && input[0] === 'auto');
      return isAuto
        ? parsed(
            expected,
            () => 'auto',
            () => 'auto',
          )
        : list;
    }),
    unitSuffix: '',
    jsonSchema: { anyOf: [{ const: 'auto' }, { type: 'array', items: { type: 'string' }, minItems: 1 }] },
    toYaml: (value) => (value === 'auto' ? value : value.map(formatEndpoint)),
  };
}

function parseListedUpstream(source: string): Endpoint {
  if (source === 'auto') throw new InvalidValue('"auto" cannot be combined with other upstreams');
  return parseUpstream(source);
}

/** CIDR blocks, kept as canonical text. */
export function cidrs(): SettingType<readonly string[]> {
  const expected = 'a list of address blocks such as 10.0.0.0/8';
  return {
    expected,
    schema: listOf(
      expected,
      0,
      (source) => formatCidr(parseCidr(source)),
      (block) => block,
    ),
    unitSuffix: '',
    jsonSchema: { type: 'array', items: { type: 'string' } },
    toYaml: (value) => value,
  };
}

/** Names that stand for themselves and all below them. */
export function nameSuffixes(): SettingType<readonly string[]> {
  const expected = 'a list of domain names such as corp.example';
  return {
    expected,
    schema: listOf(expected, 0, parseZoneSuffix, (suffix) => suffix),
    unitSuffix: '',
    jsonSchema: { type: 'array', items: { type: 'string' } },
    toYaml: (value) => value,
  };
}

/** Records that are answered here. */
export function localRecords(): SettingType<readonly LocalRecord[]> {
  const expected = 'a list of records such as "db.internal A 10.0.0.9"';
  return {
    expected,
    schema: listOf(expected, 0, parseLocalRecord, formatLocalRecord),
    unitSuffix: '',
    jsonSchema: { type: 'array', items: { type: 'string' } },
    toYaml: (value) => value.map(formatLocalRecord),
  };
}

/** Files that load reads. */
export function hostsFiles(): SettingType<readonly HostsFile[]> {
  const expected = 'a list of file paths such as /etc/hosts';
  const parse = (path: string): HostsFile => {
    if (/^\P{Cc}+$/u.test(path)) return { path, records: [], digest: '' };
    throw new InvalidValue(`${showValue(path)} is not a file path`);
  };
  return {
    expected,
    schema: listOf(expected, 0, parse, ({ path }) => path),
    unitSuffix: '',
    jsonSchema: { type: 'array', items: { type: 'string' } },
    toYaml: (value) => value.map(({ path }) => path),
    describe: (value) => value.map(({ path, digest }) => `${path} (${digest})`).join(', '),
  };
}
