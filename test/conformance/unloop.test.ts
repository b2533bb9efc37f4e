// Every requirement against a real unloop process: over UDP and TCP, with the addon and without.
// The requirements run side by side, as most of the time is waiting, each with names of its own;
// the tests below report the results.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startUnloopForwarder, type UnloopForwarder } from './forwarder.ts';
import { type Outcome, putAll, type Requirement } from './requirement.ts';
import { REQUIREMENTS } from './requirements.ts';
import { Stage } from './stage.ts';
import { TRANSPORTS, type Transport } from './trial.ts';

const SOCKETS = ['addon', 'fallback'] as const;

let stage: Stage;
let forwarders: readonly UnloopForwarder[] = [];
const outcomes = new Map<string, Outcome>();
const keyOf = (socket: string, transport: Transport, requirement: Requirement) =>
  `${socket} ${transport} ${REQUIREMENTS.indexOf(requirement)}`;

beforeAll(async () => {
  stage = await Stage.start();
  forwarders = await Promise.all(SOCKETS.map((socket) => startUnloopForwarder(stage, socket === 'addon')));
  for (const result of await putAll(REQUIREMENTS, forwarders, stage, () => false)) {
    outcomes.set(keyOf(result.forwarder.name, result.transport, result.requirement), result.outcome);
  }
}, 240_000);

afterAll(async () => {
  await Promise.all(forwarders.map(({ process }) => process.stop()));
  await stage?.stop();
});

describe.each(SOCKETS)('by the %s', (socket) => {
  describe.each(TRANSPORTS)('over %s', (transport) => {
    for (const requirement of REQUIREMENTS) {
      if (requirement.only !== undefined && requirement.only !== transport) continue;
      const { section, text, deliberately } = requirement;
      const instead = deliberately === undefined ? '' : ` — deliberately not: ${deliberately.does}`;
      it(`${section}: ${text}${instead}`, () => {
        expect(outcomes.get(keyOf(socket, transport, requirement))).toBe('');
      });
    }
  });

  it('RFC 9267 §1: nothing of all this made a thread end or start again', async () => {
    const forwarder = forwarders.find(({ name }) => name === socket)!;
    const metrics = await forwarder.process.metrics();
    expect(metrics.value('unloop_worker_restarts_total')).toBe(0);
    expect(forwarder.process.stderr).toBe('');
  });
});
