import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ERROR_CODES } from '../../src/base/errors.ts';

const page = readFileSync(join(import.meta.dirname, '../../docs/errors.md'), 'utf8');

describe('docs/errors.md', () => {
  it('explains every code, in the order of the list, and no other', () => {
    const headings = [...page.matchAll(/^## (UNLOOP_.*)$/gm)].map((match) => match[1]);
    expect(headings).toEqual([...ERROR_CODES]);
  });

  it('gives each a cause and a cure', () => {
    const sections = page.split(/^## /m).filter((section) => section.startsWith('UNLOOP_'));
    expect(sections.length).toBe(ERROR_CODES.length);
    for (const section of sections) expect(section).toMatch(/\*\*Cause\.\*\* \S.*\*\*Cure\.\*\* \S/s);
  });
});
