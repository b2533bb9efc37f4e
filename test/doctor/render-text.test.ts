import { describe, expect, it } from 'vitest';
import { renderText } from '../../src/doctor/render-text.ts';
import type { Finding, Hop, Probe, Report } from '../../src/doctor/report.ts';

const finding = (change: Partial<Finding> = {}): Finding => ({
  ...{ severity: 'info', code: 'musl', message: 'a note', cures: [] },
  ...change,
});
const cure = { what: 'kubelet', where: '', lines: [], commands: [], isAlternative: false };
const probe = (change: Partial<Probe>): Probe => ({
  ...{ server: '10.0.0.2', outcome: 'answered', rttMs: 3, rcode: 'NOERROR' },
  ...{ answersNewNames: null, extendedError: '' },
  ...change,
});

function page(change: Partial<Report> = {}, useColor = false): string[] {
  const report: Report = {
    ...{
      verdict: 'healthy',
      exitCode: 0,
      summary: 'healthy: no loop',
      root: '/',
      paths: [],
      findings: [],
      probes: [],
    },
    ...change,
  };
  const text = renderText(report, useColor);
  expect(text.endsWith('\n')).toBe(true);
  return text.split('\n').slice(0, -1);
}

describe('the page', () => {
  it('begins with the verdict and ends with a newline', () => {
    expect(page()).toEqual(['healthy: no loop', '']);
  });

  it('labels each finding by its severity', () => {
    const findings = (['loop', 'risk', 'unknown', 'info'] as const).map((severity) => finding({ severity }));
    const labels = page({ findings }).filter((line) => line.includes('A note.'));
    expect(labels.map((line) => line.slice(0, 13).trim())).toEqual([
      'loops',
      'would loop',
      'cannot tell',
      'note',
    ]);
  });

  it('wraps a long message below itself, within 100 columns, and loses no word', () => {
    const message = Array.from({ length: 60 }, (_, i) => `word${i}`).join(' ');
    const lines = page({ findings: [finding({ message })] }).slice(2);
    const said = lines
      .map((line) => line.slice(13))
      .join(' ')
      .trim();
    expect(said).toBe(`W${message.slice(1)}.`);
    expect(lines.every((line) => line.length <= 100)).toBe(true);
    expect(lines.slice(2).every((line) => line.startsWith(' '.repeat(13)))).toBe(true);
  });

  it('keeps a word that is longer than the line whole, and leaves no empty line before it', () => {
    const word = `/${'x'.repeat(150)}`;
    const lines = page({ findings: [finding({ message: `${word} there` })] }).slice(3);
    expect(lines).toEqual([`note         ${word}`, `${' '.repeat(13)}there.`]);
  });

  it.each([
    ['kubelet copies it', 'kubelet copies it.'],
    ['unloop is there', 'unloop is there.'],
    ['unlooped', 'Unlooped.'],
    ['the stub', 'The stub.'],
  ])('begins "%s" as "%s": names of programs stay as they are', (message, written) => {
    expect(
      page({ findings: [finding({ message })] })
        .at(-1)!
        .slice(13),
    ).toBe(written);
  });

  it('shows a cure with its file, lines and commands, and another one as an alternative', () => {
    const cures = [
      { ...cure, where: '/etc/k:3', lines: ['resolvConf: /x'], commands: ['systemctl restart kubelet'] },
      { ...cure, what: 'unloop', isAlternative: true },
    ];
    expect(
      page({ findings: [finding({ cures })] })
        .slice(4)
        .map((line) => line.slice(13)),
    ).toEqual([
      ...['', 'cure  kubelet, /etc/k:3', '      resolvConf: /x', '      $ systemctl restart kubelet'],
      ...['', 'or    unloop'],
    ]);
  });

  it.each<[Partial<Probe>, string]>([
    [{}, '10.0.0.2: NOERROR in 3 ms'],
    [{ answersNewNames: true }, '10.0.0.2: NOERROR in 3 ms, new names too'],
    [{ answersNewNames: false }, '10.0.0.2: NOERROR in 3 ms, but not a new name'],
    [{ rcode: 'SERVFAIL', answersNewNames: false }, '10.0.0.2: SERVFAIL in 3 ms'],
    [{ rcode: '' }, '10.0.0.2: answered in 3 ms'],
    [{ extendedError: '14 loop' }, '10.0.0.2: NOERROR in 3 ms (14 loop)'],
    [{ outcome: 'refused' }, '10.0.0.2: nobody listens'],
    [{ outcome: 'silent' }, '10.0.0.2: no answer'],
  ])('tells a probe %j', (change, text) => {
    expect(page({ probes: [probe(change)] }).at(-1)).toBe(`asked        ${text}`);
  });

  it('lists every probe below the first', () => {
    const lines = page({ probes: [probe({}), probe({ server: '10.0.0.3' })] });
    expect(lines.at(-1)).toMatch(/^ {13}10\.0\.0\.3: /);
  });
});

describe('colors', () => {
  const hop: Hop = { zone: '.', server: 's', role: '', source: '', state: 'loops', next: [] };
  const report: Partial<Report> = {
    verdict: 'loops',
    paths: [{ kind: 'process', from: 'process', hops: [hop] }],
    findings: [finding({ severity: 'loop', cures: [{ ...cure, commands: ['x'] }] })],
  };

  it('change no character of the page', () => {
    const colored = page(report, true).join('\n');
    expect(colored).toContain('\x1b[1;31m');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the sequences begin with ESC
    expect(colored.replaceAll(/\x1b\[[\d;]*m/g, '')).toBe(page(report).join('\n'));
  });

  it('are off where they are not asked for', () => {
    expect(page(report).join('\n')).not.toContain('\x1b');
  });
});
