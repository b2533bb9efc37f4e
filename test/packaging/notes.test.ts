import { describe, expect, it } from 'vitest';
import { releaseNotes } from '../../packaging/release/notes.ts';

const CHANGELOG = `# Changes

## 0.2.0, unreleased

- Newer.

## 0.1.0

### Forwarding

- A page: [faults](docs/faults.md), [elsewhere](https://example.org/x).
`;

describe('the text of a release', () => {
  it('is its section of the changelog, with links that lead somewhere', () => {
    expect(releaseNotes(CHANGELOG, '0.1.0', 'https://example.org/unloop')).toBe(
      [
        '### Forwarding',
        '',
        '- A page: [faults](https://example.org/unloop/blob/v0.1.0/docs/faults.md), [elsewhere](https://example.org/x).',
        '',
      ].join('\n'),
    );
    expect(releaseNotes(CHANGELOG, '0.2.0', 'x')).toBe('- Newer.\n');
  });

  it('is missed when it is not there', () => {
    expect(() => releaseNotes(CHANGELOG, '0.1', 'x')).toThrow('no section "## 0.1"');
  });
});
