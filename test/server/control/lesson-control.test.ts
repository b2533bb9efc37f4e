// When the main thread gives a mark up for a server: after the evidence of clients' names and
// questions of our own, asked of a real socket.
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { Clock } from '../../../src/base/clock.ts';
import { FROM_CONFIGURATION, plainEndpoint } from '../../../src/base/endpoint.ts';
import type { Log } from '../../../src/base/log.ts';
import { LessonControl } from '../../../src/server/control/lesson-control.ts';
import { MainUpstreams } from '../../../src/server/control/main-upstreams.ts';
import { Mark } from '../../../src/upstream/marks.ts';
import { OWN_NAMES } from '../../../src/upstream/own-questions.ts';
import { SharedUpstreamState } from '../../../src/upstream/shared-state.ts';
import { specFor, type UpstreamSpec } from '../../../src/upstream/upstream.ts';
import type { Script } from '../../kit/actions.ts';
import { answer, formerrOnEdns } from '../../kit/answers.ts';
import { type ScriptedUpstream, startScriptedUpstream } from '../../kit/scripted-upstream.ts';

let server: ScriptedUpstream;
let spec: UpstreamSpec;
let state: SharedUpstreamState;
let lessons: LessonControl;
let lines: string[];

beforeEach(async () => {
  server = await startScriptedUpstream(() => undefined);
  onTestFinished(() => server.close());
  spec = specFor(2, { endpoint: plainEndpoint('127.0.0.1', server.port), origin: FROM_CONFIGURATION });
  state = new SharedUpstreamState();
  lines = [];
  const clock = new Clock();
  const upstreams = new MainUpstreams(clock);
  onTestFinished(() => upstreams.close());
  const log = { warn: (_: object, message: string) => lines.push(message) } as unknown as Log;
  lessons = new LessonControl({ clock, log, state, upstreams });
});

const answerAll: Script = (query) => answer(query);
const namesAsked = () => new Set(server.queries.map(({ name }) => name.toLowerCase()));

it('drops EDNS for a server that answers nothing with it', async () => {
  server.script = formerrOnEdns;
  await lessons.stumbled(spec, Mark.edns, 'example.');
  expect(state.learned(2, new Clock().nowMs)).toBe(Mark.edns);
  expect(lessons.lessons(spec).map(({ what }) => what)).toEqual(['edns']);
  expect(lines).toEqual([
    `upstream ${spec.text} does not handle EDNS: it is asked without, so DNSSEC does not work through it`,
  ]);
});

it('drops nothing for a server that answers our own questions', async () => {
  server.script = answerAll;
  await lessons.stumbled(spec, Mark.edns, 'example.');
  expect(namesAsked()).toEqual(new Set(OWN_NAMES));
  expect(state.learned(2, new Clock().nowMs)).toBe(0);
  expect(lines).toEqual([]);
});

it('asks once in ten seconds, however many names stumble', async () => {
  server.script = answerAll;
  await lessons.stumbled(spec, Mark.case, 'a.example.');
  const asked = server.queries.length;
  expect(asked).toBeGreaterThan(0);
  await lessons.stumbled(spec, Mark.case, 'b.example.');
  expect(server.queries).toHaveLength(asked);
});

it('asks nothing about a mark that was dropped already', async () => {
  state.learn(2, Mark.edns, new Clock().nowMs);
  await lessons.stumbled(spec, Mark.edns, 'example.');
  expect(server.queries).toHaveLength(0);
});

it('forgets what it knows when the slot is given to another server', async () => {
  server.script = formerrOnEdns;
  await lessons.stumbled(spec, Mark.edns, 'example.');
  expect(lessons.lessons({ ...spec, key: 'another', text: '10.0.0.1:53' })).toEqual([]);
});
