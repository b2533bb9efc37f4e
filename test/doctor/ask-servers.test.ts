// The doctor's live questions, to servers on loopback that the test starts.
import { createSocket } from 'node:dgram';
import { describe, expect, it, onTestFinished } from 'vitest';
import { askServers } from '../../src/doctor/ask-servers.ts';
import { diagnose, listTargets } from '../../src/doctor/diagnose.ts';
import { parseDoctorFlags } from '../../src/doctor/flags.ts';
import { inspect } from '../../src/doctor/inspect.ts';
import { examine } from '../../src/doctor/main.ts';
import type { Probe } from '../../src/doctor/report.ts';
import { toTarget } from '../../src/doctor/service.ts';
import { Type } from '../../src/wire/codes.ts';
import { appendEde, writeOpt } from '../../src/wire/edns.ts';
import { makeTree } from '../discovery/temp-tree.ts';

/** QNAME's end in a query of one question. */
function questionEndOf(query: Buffer): number {
  let at = 12;
  while (query[at]! !== 0) at += query[at]! + 1;
  return at + 5;
}

/** A bare reply with this RCODE, and an extended error if one is given. */
function replyTo(query: Buffer, rcode: number, ede?: [number, string]): Buffer {
  const end = questionEndOf(query);
  const reply = Buffer.alloc(512);
  query.copy(reply, 0, 0, end);
  reply[2] = 0x81;
  reply[3] = 0x80 | rcode;
  reply.writeUInt16BE(0, 10);
  let length = end;
  if (ede !== undefined) {
    length = writeOpt(reply, end, 1232, rcode, false);
    length = appendEde(reply, end, length, ede[0], Buffer.from(ede[1]));
  }
  return reply.subarray(0, length);
}

/** A server on loopback; its port. */
async function serve(answer: (query: Buffer, qtype: number) => Buffer | null): Promise<number> {
  const socket = createSocket('udp4');
  onTestFinished(() => void socket.close());
  socket.on('message', (query, peer) => {
    const reply = answer(query, query.readUInt16BE(questionEndOf(query) - 4));
    if (reply !== null) socket.send(reply, peer.port, peer.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  return socket.address().port;
}

const patient = { probePublic: false, patienceMs: 5000 };

describe('asking a server', () => {
  it('reports its answers, to new names too', async () => {
    const port = await serve((query, qtype) => replyTo(query, qtype === Type.HINFO ? 3 : 0));
    const [probe] = await askServers([toTarget('127.0.0.1', port, 'f')], patient);
    expect(probe).toMatchObject({
      server: `127.0.0.1:${port}`,
      outcome: 'answered',
      rcode: 'NOERROR',
      answersNewNames: true,
      extendedError: '',
    });
    expect(probe!.rttMs).toBeGreaterThan(0);
  });

  it('asks each time for another name', async () => {
    const names = new Set<string>();
    const port = await serve((query, qtype) => {
      if (qtype === Type.HINFO) names.add(query.toString('latin1', 12, questionEndOf(query)));
      return replyTo(query, 3);
    });
    const target = toTarget('127.0.0.1', port, 'f');
    await askServers([target], patient);
    await askServers([target], patient);
    expect(names.size).toBe(2);
  });

  it('distinguishes a server that knows names from one that forwards nothing', async () => {
    const port = await serve((query, qtype) => (qtype === Type.HINFO ? null : replyTo(query, 0)));
    const [probe] = await askServers([toTarget('127.0.0.1', port, 'f')], { ...patient, patienceMs: 300 });
    expect(probe).toMatchObject({ outcome: 'answered', answersNewNames: false });
  });

  it('reports that no server listens', async () => {
    const socket = createSocket('udp4');
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    const { port } = socket.address();
    await new Promise<void>((resolve) => socket.close(resolve));
    const [probe] = await askServers([toTarget('127.0.0.1', port, 'f')], patient);
    expect(probe).toMatchObject({ outcome: 'refused', answersNewNames: false });
  });

  it('takes no reply with another ID or another question', async () => {
    const port = await serve((query) => {
      const reply = Buffer.from(replyTo(query, 0));
      const isNew = query.readUInt16BE(questionEndOf(query) - 4) === Type.HINFO;
      if (isNew) reply[13]! ^= 1;
      else reply[0]! ^= 1;
      return reply;
    });
    const [probe] = await askServers([toTarget('127.0.0.1', port, 'f')], { ...patient, patienceMs: 300 });
    expect(probe).toMatchObject({ outcome: 'silent', answersNewNames: false });
  });

  it('reads what the server says of a loop', async () => {
    const port = await serve((query) => replyTo(query, 2, [14, 'forwarding loop: 10.0.0.2:53 (.)']));
    const [probe] = await askServers([toTarget('127.0.0.1', port, 'f')], patient);
    expect(probe).toMatchObject({ rcode: 'SERVFAIL', extendedError: '14 forwarding loop: 10.0.0.2:53 (.)' });
  });

  it('survives a server that it cannot connect to', async () => {
    // The kernel refuses to connect to broadcast; nothing is sent.
    const [probe] = await askServers([toTarget('255.255.255.255', 53, 'f')], patient);
    expect(probe).toMatchObject({ outcome: 'silent' });
  });

  it('leaves out whatever is not a plain address and port', async () => {
    const tls = { ...toTarget('127.0.0.1', 853, 'f'), text: 'tls://127.0.0.1' };
    const name = { endpoint: null, text: 'https://dns.example/', source: 'f' };
    expect(await askServers([tls, name], patient)).toEqual([]);
  });
});

describe('a report with answers', () => {
  async function inspectTree(resolvConf: string) {
    const root = await makeTree({ '/etc/resolv.conf': resolvConf });
    const options = {
      isPod: false,
      podRoot: '/',
      corefile: null,
      config: null,
      clusterDns: [],
      mayAsk: false,
      wallClockMs: 0,
    };
    return inspect({ root, ...options });
  }
  const answered: Probe = {
    server: '10.0.0.2',
    outcome: 'answered',
    rttMs: 1,
    rcode: 'NOERROR',
    answersNewNames: true,
    extendedError: '',
  };

  it('finds a loop where the server says that it is in one', async () => {
    const facts = await inspectTree('nameserver 10.0.0.2\n');
    expect(diagnose(facts, [answered]).verdict).toBe('healthy');
    const report = diagnose(facts, [
      { ...answered, rcode: 'SERVFAIL', extendedError: '14 forwarding loop: x (.)' },
    ]);
    expect(report).toMatchObject({ verdict: 'loops', findings: [{ code: 'server-reports-loop' }] });
    const other = diagnose(facts, [{ ...answered, extendedError: '14 starting' }]);
    expect(other.verdict).toBe('healthy');
  });

  it('cannot tell where a server answers only what it knows already', async () => {
    const facts = await inspectTree('nameserver 10.0.0.2\n');
    const report = diagnose(facts, [{ ...answered, answersNewNames: false }]);
    expect(report).toMatchObject({ exitCode: 2, findings: [{ code: 'new-names-silent' }] });
  });

  it('takes an error as neither result', async () => {
    const port = await serve((query, qtype) => replyTo(query, qtype === Type.HINFO ? 2 : 0));
    const [probe] = await askServers([toTarget('127.0.0.1', port, 'f')], patient);
    expect(probe).toMatchObject({ rcode: 'NOERROR', answersNewNames: false });
    const facts = await inspectTree('nameserver 10.0.0.2\n');
    const report = diagnose(facts, [{ ...answered, rcode: 'SERVFAIL', answersNewNames: false }]);
    expect(report).toMatchObject({ verdict: 'healthy', findings: [{ code: 'server-fails' }] });
  });

  it('shows where no server listens', async () => {
    const facts = await inspectTree('nameserver 10.0.0.2\n');
    const report = diagnose(facts, [{ ...answered, outcome: 'refused' }]);
    expect(report.paths[0]!.hops).toMatchObject([{ server: '10.0.0.2', state: 'dead' }]);
    expect(report).toMatchObject({ exitCode: 2, findings: [{ code: 'stub-not-listening' }] });
  });

  it('asks each server at the end of a path once', async () => {
    const facts = await inspectTree('nameserver 10.0.0.2\nnameserver 10.0.0.3\n');
    expect(listTargets(facts).map(({ text }) => text)).toEqual(['10.0.0.2', '10.0.0.3']);
  });

  it('asks no server for the tree of another machine', async () => {
    const root = await makeTree({ '/etc/resolv.conf': 'nameserver 192.0.2.1\n' });
    expect((await examine(parseDoctorFlags(['--root', root]), {})).probes).toEqual([]);
  });
});
