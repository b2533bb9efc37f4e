// What a query carries on its way to an upstream: case pattern, OPT, tag and padding.
import { describe, expect, it } from 'vitest';
import { TAG_OPTION } from '../../src/loop/tag.ts';
import { Mark } from '../../src/upstream/marks.ts';
import { readAnswer } from '../kit/dns-client.ts';
import { FakeUpstream, PipelineFixture } from './pipeline-fixture.ts';
import { testQuery } from './queries.ts';

/** What the first message to the upstream is, read by another decoder. */
function send(
  qname: string,
  options: {
    marks?: { tag: 'auto' | 'always' | 'never'; case: boolean };
    isPublic?: boolean;
    learned?: number;
    dnssecOk?: boolean;
  } = {},
) {
  const upstream = Object.assign(new FakeUpstream(1), { isPublic: options.isPublic ?? false });
  const f = new PipelineFixture({ zones: [['.', [upstream]]] });
  if (options.marks !== undefined) f.configure({ marks: options.marks });
  if (options.learned !== undefined) f.state.learn(1, options.learned, f.clock.nowMs);
  f.ask(testQuery(qname, { udpSize: 4000, dnssecOk: options.dnssecOk ?? false }).bytes);
  const { bytes, query } = upstream.sent[0]!;
  const message = readAnswer(Buffer.from(bytes));
  const tags = message.opt?.options.filter(({ code }) => code === TAG_OPTION).length ?? 0;
  const { name, opt } = message;
  return { name, opt, tags, length: bytes.length, matchCase: query.matchCase };
}

const LONG = 'a-name-with-many-letters-in-it.example';

describe('the case of QNAME', () => {
  it('is random, and the reply must match it', () => {
    const { name, matchCase } = send(LONG);
    expect(name).not.toBe(LONG);
    expect(name.toLowerCase()).toBe(LONG);
    expect(matchCase).toBe(true);
  });

  it("is the client's when the pattern is switched off", () => {
    const mixed = 'A-Name.Example';
    expect(send(mixed, { marks: { tag: 'auto', case: false } }).name).toBe(mixed);
  });

  it('is lower for a server that does not handle upper case, and need not come back', () => {
    expect(send(LONG.toUpperCase(), { learned: Mark.case })).toMatchObject({ name: LONG, matchCase: false });
  });
});

describe('OPT', () => {
  it('is ours, with the DO of the client', () => {
    expect(send(LONG)).toMatchObject({ opt: { dnssecOk: false, udpSize: 1232 } });
    expect(send(LONG, { dnssecOk: true })).toMatchObject({ opt: { dnssecOk: true } });
  });

  it('is left out for a server without EDNS, and the tag with it', () => {
    expect(send(LONG, { learned: Mark.edns })).toMatchObject({ opt: null, tags: 0 });
  });
});

describe('the tag', () => {
  it.each([
    ['auto', false, 1],
    ['auto', true, 0],
    ['always', true, 1],
    ['never', false, 0],
  ] as const)('with loop.tag %s, to a public server: %s, is there %d times', (tag, isPublic, tags) => {
    expect(send(LONG, { marks: { tag, case: true }, isPublic })).toMatchObject({ tags, opt: {} });
  });

  it('is left out for a server that does not handle options', () => {
    expect(send(LONG, { learned: Mark.options })).toMatchObject({ opt: {}, tags: 0 });
  });

  it('pads messages to lengths 16 bytes apart', () => {
    const lengths = Array.from({ length: 17 }, (_, i) => send(`${'a'.repeat(i + 1)}.example`).length);
    const [shorter, longer, ...more] = [...new Set(lengths)];
    expect(longer! - shorter!).toBe(16);
    expect(more).toEqual([]);
  });
});
