import { describe, expect, it } from 'vitest';
import { parseForwardTarget, readCorefile } from '../../src/doctor/corefile.ts';

describe('a Corefile', () => {
  it('is read block by block, with what each forwards, binds and answers itself', () => {
    const { blocks, gaps } = readCorefile(
      [
        '# the cluster',
        '.:53 {',
        '    kubernetes cluster.local in-addr.arpa {',
        '        pods insecure',
        '    }',
        '    forward . /etc/resolv.conf 10.0.0.2 {',
        '        max_concurrent 1000',
        '        except corp.example.',
        '    }',
        '    loop',
        '}',
        'Corp.Example. lab.example:5300 {  # two zones',
        '    bind 169.254.20.10 fd00::10',
        '    forward corp.example tls://9.9.9.9',
        '}',
      ].join('\n'),
      'Corefile',
    );
    expect(gaps).toEqual([]);
    expect(blocks).toMatchObject([
      {
        zones: [{ zone: '.', port: 53 }],
        binds: [],
        ownZones: ['cluster.local', 'in-addr.arpa'],
        line: 2,
        forwards: [{ zone: '.', to: ['/etc/resolv.conf', '10.0.0.2'], except: ['corp.example'], line: 6 }],
      },
      {
        zones: [
          { zone: 'corp.example', port: 53 },
          { zone: 'lab.example', port: 5300 },
        ],
        binds: ['169.254.20.10', 'fd00::10'],
        forwards: [{ zone: 'corp.example', to: ['tls://9.9.9.9'], line: 14 }],
      },
    ]);
  });

  it('may consist of one block without braces', () => {
    const { blocks } = readCorefile('example.org\nforward . 10.0.0.2\n', 'Corefile');
    expect(blocks).toMatchObject([{ zones: [{ zone: 'example.org' }], forwards: [{ to: ['10.0.0.2'] }] }]);
  });

  it('has its snippets put in, and what it imports from elsewhere named', () => {
    const text = '(up) {\n forward . 10.0.0.2\n}\n. {\n import up\n import custom/*.override\n}\n';
    const { blocks, gaps } = readCorefile(text, 'Corefile');
    expect(blocks).toMatchObject([{ forwards: [{ to: ['10.0.0.2'] }] }]);
    expect(gaps).toEqual([expect.stringMatching(/line 4 imports custom\/\*\.override/)]);
  });

  it('that imports itself ends', () => {
    const { gaps } = readCorefile('(a) {\n import a\n}\n. {\n import a\n}\n', 'Corefile');
    expect(gaps.length).toBe(1);
  });

  it.each(['. {\n forward . 10.0.0.2\n', '}\n', '{', '. { { {', '"', ''])('never throws: %j', (text) => {
    expect(() => readCorefile(text, 'Corefile')).not.toThrow();
  });

  it('without its last brace is said to be cut off', () => {
    expect(readCorefile('. {\n forward . 10.0.0.2\n', 'Corefile').gaps.length).toBe(1);
  });
});

describe('the target of a forward', () => {
  it.each([
    ['10.0.0.2', { kind: 'server', host: '10.0.0.2', port: 53 }],
    ['10.0.0.2:5353', { kind: 'server', host: '10.0.0.2', port: 5353 }],
    ['dns://10.0.0.2', { kind: 'server', host: '10.0.0.2', port: 53 }],
    ['tls://9.9.9.9', { kind: 'server', host: '9.9.9.9', port: 853 }],
    ['fd00::10', { kind: 'server', host: 'fd00::10', port: 53 }],
    ['[fd00::10]:5353', { kind: 'server', host: 'fd00::10', port: 5353 }],
    ['/etc/resolv.conf', { kind: 'file', path: '/etc/resolv.conf' }],
    ['__PILLAR__CLUSTER__DNS__', { kind: 'unknown' }],
    ['{$UPSTREAM}', { kind: 'unknown' }],
    ['dns.example', { kind: 'unknown' }],
  ])('%s', (text, target) => {
    expect(parseForwardTarget(text)).toEqual(target);
  });
});
