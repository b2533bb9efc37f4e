// The error of an address that cannot be listened on, with what cures it. Called where a listener
// is opened or tried.
import { UnloopError } from '../../base/errors.ts';

const REMEDIES: Readonly<Record<string, string>> = {
  EADDRINUSE: 'Stop the program that holds the port (ss -lnup, ss -lntp), or choose another with listen:.',
  EACCES: 'Ports below 1024 need CAP_NET_BIND_SERVICE: grant it, or choose a higher port.',
  EMFILE: 'Raise ulimit -n (systemd: LimitNOFILE=).',
  LISTEN_FDS: 'Give the service a .socket unit with ListenDatagram= and ListenStream= only, or none.',
  EADDRNOTAVAIL: 'Use an address of this machine (ip addr), or add it to an interface first.',
};

/** @param code the system's: EADDRINUSE, EACCES … */
export function listenError(code: string, message: string, cause?: unknown): UnloopError {
  const remedy = REMEDIES[code] ?? 'Correct listen: in the configuration.';
  return new UnloopError('UNLOOP_LISTEN_FAILED', `cannot listen: ${message}`, remedy, { cause });
}
