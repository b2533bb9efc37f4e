import { describe, expect, it } from 'vitest';
import type { Reading } from '../../src/config/assignment.ts';
import { formatFault } from '../../src/config/fault.ts';
import { readEnvironment, readFlags } from '../../src/config/read-overrides.ts';
import { SETTINGS } from '../../src/config/schema.ts';

const assigned = ({ assignments }: Reading) => assignments.map(({ keys, value }) => [keys.join('.'), value]);
const faults = (reading: Reading) => reading.faults.map(formatFault);

describe('the environment', () => {
  const setting = SETTINGS.find(({ path }) => path === 'loop.clusterKey')!;
  const variable = setting.environment!;

  it('sets what its variables name', () => {
    const reading = readEnvironment({ [variable]: 'a secret of many letters', OTHER: 'x' });
    expect(assigned(reading)).toEqual([['loop.clusterKey', 'a secret of many letters']]);
    expect(reading.assignments[0]!.place).toEqual({ file: variable, line: 0, column: 0 });
  });

  it('sets true and false, and says so of anything else', () => {
    expect(assigned(readEnvironment({ UNLOOP_TAKE_OVER: 'true' }))).toEqual([['takeOver', true]]);
    expect(assigned(readEnvironment({ UNLOOP_TAKE_OVER: 'false' }))).toEqual([['takeOver', false]]);
    expect(faults(readEnvironment({ UNLOOP_TAKE_OVER: '1' }))).toEqual([
      expect.stringMatching(/^UNLOOP_TAKE_OVER: takeOver: .*true or false/),
    ]);
  });

  it('treats an empty variable as not set', () => {
    expect(assigned(readEnvironment({ [variable]: '' }))).toEqual([]);
  });
});

describe('flags', () => {
  it('give a list from every occurrence, and else the last one', () => {
    const reading = readFlags([
      { flag: 'listen', texts: ['127.0.0.1:53', '[::1]:53'] },
      { flag: 'workers', texts: ['2', '3'] },
    ]);
    expect(assigned(reading)).toEqual([
      [
        'listen',
        [
          { host: '127.0.0.1', port: 53 },
          { host: '::1', port: 53 },
        ],
      ],
      ['workers', 3],
    ]);
  });

  it('name themselves in a fault', () => {
    expect(faults(readFlags([{ flag: 'workers', texts: ['many'] }]))).toEqual([
      expect.stringMatching(/^--workers: workers: .*"many"/),
    ]);
  });

  it('throw on a flag that is none: a mistake in the program', () => {
    expect(() => readFlags([{ flag: 'nothing', texts: ['x'] }])).toThrow('--nothing');
  });

  it('join the upstreams of a zone that comes twice', () => {
    const { assignments } = readFlags([
      {
        flag: 'zone',
        texts: ['Corp.Example=10.0.0.1,10.0.0.2', 'b.example=10.0.0.3', 'corp.example.=10.0.0.4'],
      },
    ]);
    const hosts = assignments.map(({ keys, value }) => [
      keys[1],
      (value as { host: string }[]).map(({ host }) => host),
    ]);
    expect(hosts).toEqual([
      ['corp.example', ['10.0.0.1', '10.0.0.2', '10.0.0.4']],
      ['b.example', ['10.0.0.3']],
    ]);
  });

  it.each(['corp.example', '=10.0.0.1', 'corp.example='])('refuse the zone %j', (text) => {
    expect(faults(readFlags([{ flag: 'zone', texts: [text] }]))).toEqual([
      expect.stringContaining('is not SUFFIX=UPSTREAM[,UPSTREAM]'),
    ]);
  });
});
