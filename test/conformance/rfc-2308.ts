// RFC 2308 (negative answers) and RFC 8020 (nothing under a name that is not there).
import { mustAnswer, mustBe, mustBeFresh, mustBeKept, NXDOMAIN } from './messages.ts';
import type { Requirement } from './requirement.ts';
import { must } from './shortfall.ts';
import { address, reply, soa } from './stage.ts';
import { pause, type Trial } from './trial.ts';

const TYPE_A = 'A';

/**
 * Asks for a name that is not there, and then for one below it; whether the latter went upstream.
 */
async function askBelow(trial: Trial): Promise<boolean> {
  const domain = trial.domain((query) => reply(query, { rcode: NXDOMAIN, authorities: [soa(300, 300)] }));
  mustBe(await trial.ask({ name: `gone.${domain.name}` }), NXDOMAIN);
  mustBe(await trial.ask({ name: `below.gone.${domain.name}` }), NXDOMAIN);
  return domain.queries.some((query) => query.name.toLowerCase().startsWith('below.'));
}

export const RFC_2308: readonly Requirement[] = [
  {
    section: 'RFC 2308 §3',
    text: 'NXDOMAIN and NODATA have their SOA in the authority section, from the cache too',
    async check(trial) {
      for (const rcode of [NXDOMAIN, 0]) {
        const domain = trial.domain((query) =>
          reply(query, { rcode, authorities: [soa(300, 300, domain.queries.length)] }),
        );
        const first = await trial.ask({ name: domain.name });
        const second = await trial.ask({ name: domain.name });
        for (const answer of [first, second]) {
          mustBe(answer, rcode);
          must(answer.authorities[0]?.type === 'SOA', 'no SOA');
        }
        mustBeKept(first, second);
      }
    },
  },
  {
    section: 'RFC 2308 §5',
    text: "a negative answer lives no longer than MINIMUM of its SOA, even if the SOA's TTL is longer",
    async check(trial) {
      const domain = trial.domain((query) =>
        reply(query, { rcode: NXDOMAIN, authorities: [soa(3600, 1, domain.queries.length)] }),
      );
      const first = await trial.ask({ name: domain.name });
      mustBe(first, NXDOMAIN);
      await pause(2300);
      mustBeFresh(first, await trial.askUntilFresh({ name: domain.name }));
    },
  },
  {
    section: 'RFC 2308 §5',
    text: "… nor longer than the SOA's TTL, even if MINIMUM is longer; and its TTL says so",
    async check(trial) {
      const domain = trial.domain((query) => reply(query, { rcode: NXDOMAIN, authorities: [soa(60, 3600)] }));
      for (let i = 0; i < 2; i++) {
        const { ttl } = await trial.ask({ name: domain.name });
        must(ttl >= 50 && ttl <= 60, `TTL ${ttl}`);
      }
      const short = trial.domain((query) => reply(query, { rcode: NXDOMAIN, authorities: [soa(3600, 60)] }));
      await trial.ask({ name: short.name });
      const { ttl } = await trial.ask({ name: short.name });
      must(ttl >= 50 && ttl <= 60, `TTL ${ttl} with MINIMUM 60`);
    },
  },
  {
    section: 'RFC 2308 §5',
    text: 'NXDOMAIN holds for every type of the name',
    async check(trial) {
      const domain = trial.domain((query) => reply(query, { rcode: NXDOMAIN, authorities: [soa(300, 300)] }));
      mustBe(await trial.ask({ name: domain.name, type: 'A' }), NXDOMAIN);
      mustBe(await trial.ask({ name: domain.name, type: 'TXT' }), NXDOMAIN);
      must(
        domain.queries.every((query) => query.type === 'A'),
        'asked again for another type',
      );
    },
  },
  {
    section: 'RFC 2308 §5',
    text: 'NODATA holds for its type only',
    async check(trial) {
      const domain = trial.domain((query) =>
        query.type === TYPE_A
          ? reply(query, { answers: [address()] })
          : reply(query, { authorities: [soa(300, 300)] }),
      );
      mustAnswer(await trial.ask({ name: domain.name, type: 'AAAA' }), 0);
      mustAnswer(await trial.ask({ name: domain.name, type: 'A' }), 1);
    },
  },
  {
    section: 'RFC 2308 §5',
    text: 'a negative answer without SOA is not kept: two servers could pass it to each other without end',
    async check(trial) {
      for (const rcode of [NXDOMAIN, 0]) {
        const domain = trial.domain((query) => reply(query, { rcode }));
        mustBe(await trial.ask({ name: domain.name }), rcode);
        // What was sent twice for want of patience has come by then.
        await pause(1000);
        const before = domain.queries.length;
        mustBe(await trial.ask({ name: domain.name }), rcode);
        must(domain.queries.length > before, rcode === 0 ? 'NODATA kept' : 'NXDOMAIN kept');
      }
    },
  },
  {
    section: 'RFC 8020 §2',
    text: 'nothing exists below a name that does not exist: not asked again',
    async check(trial) {
      must(!(await askBelow(trial)), 'asked');
    },
    deliberately: {
      does: 'asks',
      why: 'without DNSSEC it may be a split horizon: inside networks, servers often say NXDOMAIN for a name and have names below it',
      async check(trial) {
        must(await askBelow(trial), 'not asked');
      },
    },
  },
];
