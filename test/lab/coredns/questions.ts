// The zones that CoreDNS is asked for, and the questions: every kind of answer that an
// authoritative server gives, each asked in several ways.
import type { Question } from '../../kit/dns-client.ts';
import type { ZoneText } from '../support/real-server.ts';

const texts = (name: string, count: number) =>
  Array.from({ length: count }, (_, i) => `${name} IN TXT "${i} ${'x'.repeat(60)}"`).join('\n');
const addresses = (name: string, count: number) =>
  Array.from({ length: count }, (_, i) => `${name} IN A 192.0.2.${i + 1}`).join('\n');
/** link0 is the first of a chain of ten CNAMEs. */
const chain = Array.from({ length: 10 }, (_, i) => `link${i} IN CNAME link${i + 1}`).join('\n');

const RECORDS = `
@ IN NS ns
@ IN NS ns2
@ IN MX 10 mail
@ IN MX 20 mail2
@ IN CAA 0 issue "ca.example"
@ IN TXT "v=spf1 -all"
ns IN A 192.0.2.53
ns IN AAAA 2001:db8::53
ns2 IN A 192.0.2.54
www IN A 192.0.2.1
www IN A 192.0.2.2
www IN AAAA 2001:db8::1
alias IN CNAME www
dangling IN CNAME nowhere
outside IN CNAME www.elsewhere.test.
${chain}
link10 IN A 192.0.2.77
mail IN A 192.0.2.25
mail2 IN AAAA 2001:db8::25
host IN HINFO "PDP-11" "UNIX"
text IN TXT "one" "two" "with \\"quotes\\" and \\\\"
_sip._tcp IN SRV 10 60 5060 www
naptr IN NAPTR 100 50 "s" "SIP+D2U" "" _sip._tcp
web IN HTTPS 1 . alpn=h2,h3 ipv4hint=192.0.2.1
svc IN SVCB 1 www port=8443
dane IN TLSA 3 1 1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
ssh IN SSHFP 4 2 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
place IN LOC 52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m
rp IN RP host text
odd IN TYPE65280 \\# 4 C00C0001
wild IN A 192.0.2.9
*.wild IN A 192.0.2.10
a.b.c.empty IN A 192.0.2.12
WithCase IN A 192.0.2.11
short IN A 192.0.2.13
sub IN NS ns.sub
ns.sub IN A 192.0.2.99
dname IN DNAME wild
1.2.0.192 IN PTR www
${addresses('many', 20)}
${texts('medium', 12)}
${texts('long', 40)}
`;

/** `serverName`: what the TXT at who. says, to tell servers apart that serve the same. */
export function zoneText(origin: string, serverName = 'first'): ZoneText {
  const soa = `@ IN SOA ns.${origin}. host.${origin}. 1 3600 600 86400 60`;
  return {
    origin,
    text: `$ORIGIN ${origin}.\n$TTL 300\n${soa}\n${RECORDS}\nwho 0 IN TXT "${serverName}"\n`,
  };
}

/** One is signed, the other is not. */
export const SIGNED_ORIGIN = 'signed.example';
export const PLAIN_ORIGIN = 'plain.example';

/** Name below the origin, type. */
const ASKED: readonly (readonly [string, string | number])[] = [
  ['', 'SOA'],
  ['', 'NS'],
  ['', 'MX'],
  ['', 'CAA'],
  ['', 'TXT'],
  ['', 'A'],
  ['', 'DNSKEY'],
  ['', 'NSEC'],
  ['www', 'A'],
  ['www', 'AAAA'],
  ['www', 'MX'],
  ['alias', 'A'],
  ['alias', 'CNAME'],
  ['dangling', 'A'],
  ['outside', 'A'],
  ['link0', 'A'],
  ['link5', 'TXT'],
  ['mail2', 'A'],
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
  ['any.wild', 'A'],
  ['any.wild', 'AAAA'],
  ['empty', 'A'],
  ['WITHcase', 'A'],
  ['nothing', 'A'],
  ['deeper.nothing', 'TXT'],
  ['x.sub', 'A'],
  ['sub', 'DS'],
  ['any.dname', 'A'],
  ['1.2.0.192', 'PTR'],
  ['many', 'A'],
  ['medium', 'TXT'],
  ['long', 'TXT'],
];

/** A way of asking. */
export interface Way {
  readonly text: string;
  readonly tcp: boolean;
  readonly question: Omit<Question, 'name'>;
}

const WAYS: readonly Way[] = [
  { text: 'as most do', tcp: false, question: {} },
  { text: 'without EDNS', tcp: false, question: { edns: false } },
  { text: 'with DO', tcp: false, question: { dnssecOk: true } },
  {
    text: 'with DO and CD, 4,096 bytes',
    tcp: false,
    question: { dnssecOk: true, checkingDisabled: true, udpSize: 4096 },
  },
  { text: 'with 512 bytes and DO', tcp: false, question: { dnssecOk: true, udpSize: 512 } },
  { text: 'over TCP with DO', tcp: true, question: { dnssecOk: true } },
];

export interface AskedQuestion {
  readonly text: string;
  readonly tcp: boolean;
  readonly question: Question;
}

/** Every question in every way, in both zones. */
export const QUESTIONS: readonly AskedQuestion[] = [SIGNED_ORIGIN, PLAIN_ORIGIN].flatMap((origin) =>
  ASKED.flatMap(([label, type]) =>
    WAYS.map((way) => {
      const name = label === '' ? origin : `${label}.${origin}`;
      return { text: `${name} ${type} ${way.text}`, tcp: way.tcp, question: { ...way.question, name, type } };
    }),
  ),
);
