// Who is compared when an upstream dies: unloop, and the peers that forward to several servers.
// Each has two upstreams, and is otherwise as shipped.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Contender } from '../compare/contender.ts';
import { CONTENDERS } from '../compare/contenders.ts';
import { peerProgram } from '../compare/lab-programs.ts';
import { UNLOOP } from '../compare/project.ts';

const versionOf = (key: string) => CONTENDERS.find((contender) => contender.key === key)!.version();

/** unloop with more settings. */
function unloop(key: string, title: string, upstreams: readonly number[], forward: object): Contender {
  const own = CONTENDERS.find((contender) => contender.key === 'unloop')!;
  return {
    ...own,
    key,
    title,
    launch: (purpose) => {
      const configFile = join(purpose.folder, 'unloop.yaml');
      writeFileSync(
        configFile,
        JSON.stringify({
          listen: [`127.0.0.1:${purpose.port}`],
          workers: 1,
          upstreams: upstreams.map((port) => `127.0.0.1:${port}`),
          forward,
          admin: { listen: `127.0.0.1:${purpose.adminPort}` },
        }),
      );
      return { command: process.execPath, args: [UNLOOP, 'run', '--config', configFile] };
    },
  };
}

/** All of them, with these two ports of upstreams on loopback. */
export function failoverContenders(upstreams: readonly number[]): Contender[] {
  return [
    unloop('unloop', 'unloop', upstreams, {}),
    unloop('unloop-no-hedge', 'unloop, hedge: off', upstreams, { hedge: 'off' }),
    unloop('unloop-race', 'unloop, race: 2', upstreams, { race: 2 }),
    {
      key: 'coredns',
      title: 'CoreDNS',
      kind: 'peer',
      version: () => versionOf('coredns'),
      launch: ({ port, folder }) => {
        const configFile = join(folder, 'Corefile');
        const servers = upstreams.map((each) => `127.0.0.1:${each}`).join(' ');
        writeFileSync(
          configFile,
          `.:${port} {\n  bind 127.0.0.1\n  errors\n  cache 30\n  forward . ${servers}\n}\n`,
        );
        return { command: peerProgram('coredns'), args: ['-conf', configFile] };
      },
    },
    {
      key: 'dnsdist',
      title: 'dnsdist',
      kind: 'peer',
      version: () => versionOf('dnsdist'),
      launch: ({ port, folder }) => {
        const configFile = join(folder, 'dnsdist.conf');
        const servers = upstreams.map((each) => `newServer("127.0.0.1:${each}")`).join('\n');
        // The first line keeps it from asking its makers over the network whether it is up to date.
        writeFileSync(configFile, `setSecurityPollSuffix("")\naddLocal("127.0.0.1:${port}")\n${servers}\n`);
        return {
          command: peerProgram('dnsdist'),
          args: ['--supervised', '--disable-syslog', '-C', configFile],
        };
      },
    },
  ];
}
