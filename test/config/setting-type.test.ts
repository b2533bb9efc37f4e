import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import * as types from '../../src/config/setting-type.ts';

/** The value, or the messages. */
function read<T>(type: types.SettingType<T>, input: unknown): T | string[] {
  const result = v.safeParse(type.schema, input);
  return result.success ? result.output : result.issues.map(({ message }) => message);
}

describe('flag', () => {
  it('takes true and false, and tells words of YAML 1.1 apart', () => {
    expect(read(types.flag(), true)).toBe(true);
    expect(read(types.flag(), 'yes')).toEqual(['"yes" is not true or false; write true']);
    expect(read(types.flag(), 'off')).toEqual(['"off" is not true or false; write false']);
    expect(read(types.flag(), null)).toEqual([expect.stringContaining('has no value')]);
  });
});

describe('integer', () => {
  it.each([1, 256])('takes its bound %d', (input) => expect(read(types.integer(1, 256), input)).toBe(input));

  it.each([0, 257, 1.5, '5', Number.NaN, null])('refuses %j', (input) => {
    const [message] = read(types.integer(1, 256), input) as string[];
    expect(message).toContain('a whole number from 1 to 256');
  });
});

describe('autoOrInteger', () => {
  it('takes auto, or a number within its bounds', () => {
    const type = types.autoOrInteger(1, 4);
    expect([read(type, 'auto'), read(type, 4)]).toEqual(['auto', 4]);
    expect(read(type, 5)).toEqual(['5 is not auto or a whole number from 1 to 4']);
    expect(read(type, 'AUTO')).toEqual(['"AUTO" is not auto or a whole number from 1 to 4']);
  });
});

describe('choice and text', () => {
  it('list what they take', () => {
    expect(read(types.choice(['a', 'b']), 'b')).toBe('b');
    expect(read(types.choice(['a', 'b']), 'c')).toEqual(['"c" is not one of a, b']);
    expect(read(types.text('lower case', /^[a-z]+$/), 'a')).toBe('a');
    expect(read(types.text('lower case', /^[a-z]+$/), 'A')).toEqual(['"A" is not lower case']);
  });
});

describe('durations', () => {
  it('have bounds, and a unit', () => {
    const type = types.durationMs('100ms', '1m');
    expect([read(type, '100ms'), read(type, '1m')]).toEqual([100, 60_000]);
    expect(read(type, '99ms')).toEqual(['99ms is too small; expected a duration from 100ms to 1m']);
    expect(read(type, '61s')).toEqual(['61s is too large; expected a duration from 100ms to 1m']);
    expect(read(type, 500)).toEqual([expect.stringContaining('500ms')]);
    expect(type.toYaml(60_000)).toBe('1m');
  });

  it('of seconds are whole ones', () => {
    const type = types.durationSeconds('0s', '1h');
    expect(read(type, '1m')).toBe(60);
    expect(read(type, '1500ms')).toEqual(['1500ms is not a whole number of seconds']);
  });
});

describe('size and percent', () => {
  it('have bounds', () => {
    expect(read(types.size('1KiB', '1MiB'), '1MiB')).toBe(2 ** 20);
    expect(read(types.size('1KiB', '1MiB'), '1023B')).toEqual([expect.stringContaining('too small')]);
    expect(read(types.percent(1, 90), '90%')).toBe(90);
    expect(read(types.percent(1, 90), '91%')).toEqual([
      '91% is too large; expected a percentage from 1% to 90%',
    ]);
  });
});

describe('listenAddressOrOff', () => {
  it('takes off, and what a templating tool makes of it', () => {
    const type = types.listenAddressOrOff();
    expect([read(type, 'off'), read(type, false)]).toEqual([null, null]);
    expect(read(type, '127.0.0.1:1')).toEqual({ host: '127.0.0.1', port: 1 });
    expect([type.toYaml(null), type.toYaml({ host: '::1', port: 1 })]).toEqual(['off', '[::1]:1']);
  });
});

it('never throws, and gives back what it wrote', () => {
  const samples: [types.SettingType<never>, unknown][] = [
    [types.durationMs('0s', '1d') as never, '90m'],
    [types.size('0B', '1GiB') as never, '64MiB'],
    [types.percent(0, 100) as never, '10%'],
  ];
  for (const [type, written] of samples) {
    const value = read(type, written) as never;
    expect(type.toYaml(value)).toEqual(written);
    for (const input of [null, undefined, {}, [], [[]], 5, true, ''])
      expect(() => read(type, input)).not.toThrow();
  }
});
