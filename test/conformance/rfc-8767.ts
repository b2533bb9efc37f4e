// RFC 8767 (stale answers) and RFC 9520 (failures are kept, and tries are counted).
import { addressesOf, mustAnswer, mustBe, REFUSED, SERVFAIL } from './messages.ts';
import type { Requirement } from './requirement.ts';
import { must } from './shortfall.ts';
import { address, reply } from './stage.ts';
import { pause } from './trial.ts';

/**
 * A record of one second, then whatever the upstream does next; the answer to the second question.
 */
function stale(text: string, then: 'silent' | 'servfail' | 'refused'): Requirement {
  return {
    section: 'RFC 8767 §5',
    text,
    zone: 'silent',
    async check(trial) {
      const domain = trial.domain((query) => {
        const isFirst = domain.queries.length <= 1;
        if (isFirst) return reply(query, { answers: [address(1, 1)] });
        if (then === 'silent') return undefined;
        return reply(query, { rcode: then === 'servfail' ? SERVFAIL : REFUSED });
      }, 'silent');
      mustAnswer(await trial.ask({ name: domain.name }));
      await pause(2200);
      const answer = await trial.ask({ name: domain.name });
      mustAnswer(answer);
      must(addressesOf(answer)[0] === '192.0.2.1', 'another address');
      must(answer.ttl >= 1 && answer.ttl <= 30, `TTL ${answer.ttl}`);
      must(domain.queries.length >= 2, 'the upstream was not asked');
    },
  };
}

export const RFC_8767: readonly Requirement[] = [
  {
    section: 'RFC 8767 §4',
    text: 'no TTL over seven days is handed out from the cache',
    async check(trial) {
      const { name } = trial.domain((query) => reply(query, { answers: [address(1, 30 * 86_400)] }));
      await trial.ask({ name });
      const { ttl } = await trial.ask({ name });
      must(ttl <= 7 * 86_400, `TTL ${ttl}`);
    },
  },
  stale('when the upstream is silent, an expired answer is given, with a TTL of 1 to 30 s', 'silent'),
  stale('when the upstream says SERVFAIL, an expired answer is given', 'servfail'),
  stale('when the upstream says REFUSED, an expired answer is given', 'refused'),
  {
    section: 'RFC 8767 §5',
    text: 'a stale answer says that it is (EDE 3, RFC 8914 §4.4)',
    zone: 'silent',
    async check(trial) {
      const domain = trial.domain(
        (query) =>
          domain.queries.length <= 1
            ? reply(query, { answers: [address(1, 1)] })
            : reply(query, { rcode: SERVFAIL }),
        'silent',
      );
      mustAnswer(await trial.ask({ name: domain.name }));
      await pause(2200);
      const answer = await trial.ask({ name: domain.name });
      mustAnswer(answer);
      must(answer.ede?.code === 3, answer.ede === null ? 'no EDE' : `EDE ${answer.ede.code}`);
    },
  },
  {
    section: 'RFC 8767 §5',
    text: 'while the upstream answers, nothing stale is given: an expired answer is asked for again',
    async check(trial) {
      const domain = trial.domain((query) =>
        reply(query, { answers: [address(domain.queries.length <= 1 ? 1 : 2, 1)] }),
      );
      mustAnswer(await trial.ask({ name: domain.name }));
      await pause(2200);
      const answer = await trial.askUntilFresh({ name: domain.name });
      must(addressesOf(answer)[0] === '192.0.2.2', 'the old address');
    },
  },
  {
    section: 'RFC 9520 §3.1',
    text: 'a silent upstream gets at most three tries of a question over each transport',
    zone: 'silent',
    async check(trial) {
      const domain = trial.domain(() => undefined, 'silent');
      const asked = trial.ask({ name: domain.name }, 5000).catch(() => null);
      await pause(5000);
      await asked;
      must(domain.queries.length > 0, 'not asked');
      for (const transport of ['udp', 'tcp']) {
        const tries = domain.queries.filter((query) => query.transport === transport).length;
        must(tries <= 3, `${tries} tries in 5 s`);
      }
    },
  },
  {
    section: 'RFC 9520 §3.2',
    text: 'a failure is kept: asked again at once, SERVFAIL without another upstream query',
    async check(trial) {
      const domain = trial.domain((query) => reply(query, { rcode: SERVFAIL }));
      mustBe(await trial.ask({ name: domain.name }), SERVFAIL);
      // What was sent twice for want of patience has come by then.
      await pause(1000);
      const before = domain.queries.length;
      mustBe(await trial.ask({ name: domain.name }), SERVFAIL);
      must(domain.queries.length === before, 'asked again');
    },
  },
  {
    section: 'RFC 9520 §3.2',
    text: 'a silence is kept as well, as SERVFAIL',
    zone: 'silent',
    async check(trial) {
      const domain = trial.domain(() => undefined, 'silent');
      mustBe(await trial.ask({ name: domain.name }), SERVFAIL);
      // What was sent twice for want of patience has come by then.
      await pause(1000);
      const before = domain.queries.length;
      mustBe(await trial.ask({ name: domain.name }), SERVFAIL);
      must(domain.queries.length === before, 'asked again');
    },
  },
  {
    section: 'RFC 9520 §3.2',
    text: 'a failure is kept for one question, not for others of the name',
    async check(trial) {
      const { name } = trial.domain((query) =>
        query.type === 'TXT' ? reply(query, { rcode: SERVFAIL }) : reply(query, { answers: [address()] }),
      );
      mustBe(await trial.ask({ name, type: 'TXT' }), SERVFAIL);
      mustAnswer(await trial.ask({ name, type: 'A' }));
    },
  },
  {
    section: 'RFC 9520 §3.1',
    text: 'if one server fails, the other is asked',
    zone: 'pair',
    async check(trial) {
      const domain = trial.domain(
        (query) =>
          domain.queries.length === 1
            ? reply(query, { rcode: SERVFAIL })
            : reply(query, { answers: [address()] }),
        'pair',
      );
      mustAnswer(await trial.ask({ name: domain.name }));
      must(domain.queries.length >= 2, 'only one was asked');
    },
  },
];
