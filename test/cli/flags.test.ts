import { describe, expect, it } from 'vitest';
import { OVERRIDE_FLAGS, parseCheckFlags, parseRunFlags } from '../../src/cli/flags.ts';
import { SETTINGS } from '../../src/config/schema.ts';

describe('flags of run', () => {
  it('are those of the table of settings', () => {
    const flags = SETTINGS.flatMap((setting) => setting.flag ?? []);
    expect([...OVERRIDE_FLAGS].sort()).toEqual(flags.sort());
  });

  it('are taken with a space or an equals sign, some of them repeatedly', () => {
    const args =
      '--listen 127.0.0.1:1 --listen=[::1]:1 --upstream auto --zone=a=10.0.0.1 --workers 2 --admin=off --log-level warn';
    expect(parseRunFlags(args.split(' '), {})).toEqual({
      configPath: null,
      overrides: [
        { flag: 'listen', texts: ['127.0.0.1:1', '[::1]:1'] },
        { flag: 'upstream', texts: ['auto'] },
        { flag: 'zone', texts: ['a=10.0.0.1'] },
        { flag: 'admin', texts: ['off'] },
        { flag: 'workers', texts: ['2'] },
        { flag: 'log-level', texts: ['warn'] },
      ],
    });
  });

  it('name the file: the last --config, else UNLOOP_CONFIG, else none', () => {
    const environment = { UNLOOP_CONFIG: 'env.yaml' };
    expect(parseRunFlags(['--config', 'a.yaml', '--config', 'b.yaml'], environment).configPath).toBe(
      'b.yaml',
    );
    expect(parseRunFlags([], environment).configPath).toBe('env.yaml');
    expect(parseRunFlags([], { UNLOOP_CONFIG: '' }).configPath).toBeNull();
  });

  it.each([
    [['--lisen', 'x'], 'unknown flag --lisen; did you mean --listen?'],
    [['--xyzzy'], 'unknown flag --xyzzy'],
    [['-l', 'x'], 'unknown flag -l'],
    [['--no-listen'], 'unknown flag --no-listen'],
    [['--listen'], '--listen needs a value'],
    [['--listen='], '--listen needs a value'],
    [['--listen', '--admin', 'off'], '--listen needs a value'],
    [['stray'], '"stray" is not expected here'],
    [['--', 'stray'], '"stray" is not expected here'],
    [['--print'], 'unknown flag --print'],
    [['--__proto__', 'x'], 'unknown flag --__proto__'],
  ])('%j is bad usage', (args, message) => {
    expect(() => parseRunFlags(args, {})).toThrow(
      expect.objectContaining({ code: 'UNLOOP_USAGE', message: expect.stringContaining(message) }),
    );
  });
});

describe('flags of check', () => {
  it('are those of run, --print and --from-corefile', () => {
    expect(parseCheckFlags(['--print', '--listen', '127.0.0.1:1'], {})).toEqual({
      configPath: null,
      overrides: [{ flag: 'listen', texts: ['127.0.0.1:1'] }],
      print: true,
      corefilePath: null,
    });
    expect(parseCheckFlags(['--from-corefile', 'Corefile'], {}).corefilePath).toBe('Corefile');
    expect(parseCheckFlags([], {}).print).toBe(false);
    expect(() => parseCheckFlags(['--print=yes'], {})).toThrow('--print takes no value');
  });
});
