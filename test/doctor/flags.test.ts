import { describe, expect, it } from 'vitest';
import { parseDoctorFlags } from '../../src/doctor/flags.ts';
import { runDoctor } from './run-doctor.ts';

describe('the flags', () => {
  it('have defaults', () => {
    expect(parseDoctorFlags([])).toEqual({
      root: '/',
      json: false,
      corefile: null,
      config: null,
      clusterDns: [],
      probe: null,
      probePublic: false,
    });
  });

  it('are read', () => {
    const args = [
      '--root=/host',
      '--json',
      '--corefile',
      '-',
      '--cluster-dns',
      '10.0.0.10,fd00::10',
      '--no-probe',
    ];
    expect(parseDoctorFlags(args)).toMatchObject({
      root: '/host',
      json: true,
      corefile: '-',
      clusterDns: ['10.0.0.10', 'fd00::10'],
      probe: false,
    });
  });

  it.each([
    [['--rot', '/'], /unknown flag --rot; did you mean --root\?/],
    [['--root'], /--root needs a value/],
    [['--root', '--json'], /--root needs a value/],
    [['--json=yes'], /--json takes no value/],
    [['/host'], /"\/host" is not expected here/],
    [['--cluster-dns', 'kube-dns'], /"kube-dns" is no IP address/],
  ])('%j are refused with exit code 2', async (args, problem) => {
    expect(await runDoctor(...args)).toMatchObject({ code: 2, out: '', err: expect.stringMatching(problem) });
  });

  it.each([
    ['/nonexistent', /--root \/nonexistent: no such directory/],
    ['/etc/hosts', /--root \/etc\/hosts: not a directory/],
  ])('name a tree that is there, not %s', async (root, problem) => {
    expect(await runDoctor('--root', root)).toMatchObject({
      code: 2,
      out: '',
      err: expect.stringMatching(problem),
    });
  });

  it('name files that must be there', async () => {
    const none = '/nonexistent/Corefile';
    expect(await runDoctor('--no-probe', '--corefile', none)).toMatchObject({ code: 2, out: '' });
    expect(await runDoctor('--no-probe', '--config', none)).toMatchObject({ code: 2, out: '' });
  });
});
