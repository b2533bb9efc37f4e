// The picture of the way of a query is the code's own. `npm run docs` draws it again.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { readRepositoryFile } from './repository-files.ts';
import { drawWay, floorsOf, readWay } from './way-picture.ts';

const PICTURE = 'docs/images/way-of-a-query.svg';

describe('the picture of the way of a query', () => {
  it('is what the imports say', () => {
    const picture = drawWay(readWay());
    if (process.env.UPDATE_GENERATED === '1')
      writeFileSync(fileURLToPath(new URL(`../../${PICTURE}`, import.meta.url)), picture);
    expect(readRepositoryFile(PICTURE), 'run `npm run docs`').toBe(picture);
  });

  it('has each room above all that it imports', () => {
    const way = readWay();
    const floors = floorsOf(way);
    expect(way.arrows.length).toBeGreaterThan(30);
    for (const [from, to] of way.arrows)
      expect(floors.get(from), `${from} → ${to}`).toBeGreaterThan(floors.get(to)!);
  });

  it('refuses a circle', () => {
    const circle = {
      rooms: ['a', 'b'],
      arrows: [
        ['a', 'b'],
        ['b', 'a'],
      ] as const,
    };
    expect(() => floorsOf(circle)).toThrow('a → b → a');
  });
});
