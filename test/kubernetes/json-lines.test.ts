// Lines, however the stream is cut.
import { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import { linesOf } from '../../src/kubernetes/json-lines.ts';

async function read(chunks: readonly Buffer[], maxBytes = 100): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of linesOf(Readable.from(chunks), maxBytes)) lines.push(line);
  return lines;
}

it('are the same at every cut, within a character too', async () => {
  const text = Buffer.from('{"a":"ä"}\n\n{"b":"€"}\nrest');
  for (let cut = 0; cut <= text.length; cut++)
    expect(await read([text.subarray(0, cut), text.subarray(cut)])).toEqual([
      '{"a":"ä"}',
      '',
      '{"b":"€"}',
      'rest',
    ]);
});

it('are refused where one is too long, also one that never ends', async () => {
  await expect(read([Buffer.alloc(60, 'x'), Buffer.alloc(60, 'x')])).rejects.toThrow('more than 100 bytes');
});
