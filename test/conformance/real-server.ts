// Before a real authoritative server: a forwarder says what the server itself says. In the
// laboratory, where NSD is.
import { dataOf } from './messages.ts';
import { rcodeName } from './rcode-names.ts';
import type { Requirement } from './requirement.ts';
import { must } from './shortfall.ts';
import { ZONES } from './stage.ts';

const ORIGIN = ZONES.real;

/**
 * Records of every kind that has its own way of being written, names in RDATA compressed and not.
 */
export const REAL_ZONE = {
  origin: ORIGIN,
  text: `$ORIGIN ${ORIGIN}.
$TTL 300
@ IN SOA ns host 1 3600 600 86400 60
@ IN NS ns
@ IN MX 10 mail
@ IN CAA 0 issue "ca.example"
ns IN A 192.0.2.53
www IN A 192.0.2.1
www IN A 192.0.2.2
www IN AAAA 2001:db8::1
alias IN CNAME www
chain IN CNAME alias
below IN DNAME tree
x.tree IN A 192.0.2.7
mail IN A 192.0.2.25
host IN HINFO "PDP-11" "UNIX"
text IN TXT "one" "two" "with \\"quotes\\""
_sip._tcp IN SRV 10 60 5060 www
naptr IN NAPTR 100 50 "s" "SIP+D2U" "" _sip._tcp
web IN HTTPS 1 . alpn=h2,h3 ipv4hint=192.0.2.1
svc IN SVCB 1 www port=8443
dane IN TLSA 3 1 1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
ssh IN SSHFP 4 2 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
place IN LOC 52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m
rp IN RP host text
odd IN TYPE65280 \\# 4 C00C0001
*.wild IN A 192.0.2.10
WithCase IN A 192.0.2.11
deep.er.empty IN A 192.0.2.12
${Array.from({ length: 40 }, (_, i) => `long IN TXT "${i} ${'x'.repeat(200)}"`).join('\n')}
`,
};

type Questions = readonly (readonly [name: string, type: string | number])[];

/** Every question is answered by the forwarder as by the server: RCODE and records. */
function sayTheSame(section: string, text: string, questions: Questions): Requirement {
  return {
    section,
    text: `${text}: as the server itself answers (NSD; ${questions.length} asked, each twice)`,
    zone: 'real',
    async check(trial) {
      const wrong: string[] = [];
      for (const [label, type] of questions) {
        const name = label === '@' ? ORIGIN : `${label}.${ORIGIN}`;
        const expected = await trial.askRealServer({ name, type });
        for (let i = 0; i < 2; i++) {
          const answer = await trial.ask({ name, type });
          if (answer.truncated && expected.bytes.length > 1232) continue;
          const isSame =
            sorted(dataOf({ ...answer, authorities: [] })) ===
            sorted(dataOf({ ...expected, authorities: [] }));
          if (answer.rcode === expected.rcode && isSame) continue;
          wrong.push(`${label} ${type}${answer.rcode === 0 ? '' : ` ${rcodeName(answer.rcode)}`}`);
          break;
        }
      }
      must(wrong.length === 0, `other answers: ${wrong.join(', ')}`);
    },
  };
}

/** The records in one order: servers rotate them. */
function sorted(data: string): string {
  return (JSON.parse(data) as object[])
    .map((record) => JSON.stringify(record))
    .sort()
    .join();
}

export const REAL_SERVER: readonly Requirement[] = [
  sayTheSame('RFC 5625 §4.3', 'records of all kinds', [
    ['@', 'SOA'],
    ['@', 'NS'],
    ['@', 'MX'],
    ['@', 'CAA'],
    ['www', 'A'],
    ['www', 'AAAA'],
    ['host', 'HINFO'],
    ['text', 'TXT'],
    ['_sip._tcp', 'SRV'],
    ['naptr', 'NAPTR'],
    ['web', 'HTTPS'],
    ['svc', 'SVCB'],
    ['dane', 52],
    ['ssh', 44],
    ['place', 29],
    ['rp', 17],
    ['odd', 'TYPE65280'],
  ]),
  sayTheSame(
    'RFC 1034 §4.3.3',
    'aliases, wildcards, names in any case, empty names and names that do not exist',
    [
      ['alias', 'CNAME'],
      ['alias', 'A'],
      ['chain', 'A'],
      ['x.below', 'A'],
      ['any.wild', 'A'],
      ['WITHcase', 'A'],
      ['er.empty', 'A'],
      ['www', 'MX'],
      ['nothing', 'A'],
      ['nothing', 'TXT'],
    ],
  ),
  sayTheSame('RFC 7766 §5', 'a large answer', [['long', 'TXT']]),
];
