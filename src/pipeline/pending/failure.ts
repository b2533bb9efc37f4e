// Why a flight has no whole answer so far: what its clients are told if it fails, and whether the
// failure is the name's. Part of a flight; response-path and forward-path note what happens.
import { EdeCode, Rcode } from '../../wire/codes.ts';
import { type Ede, ede, NO_EDE } from '../../wire/ede.ts';

/** In order of how much they tell a client: a cause replaces only those that tell no more. */
export const FailureCause = {
  none: 0,
  /** No reply in time. */
  silence: 1,
  /** The transport gave up. */
  noConnection: 2,
  /** Our own query came back by this route. */
  loop: 3,
  /** An upstream answered with an error. */
  rcode: 4,
} as const;
export type FailureCause = (typeof FailureCause)[keyof typeof FailureCause];

const NO_REPLY = ede(EdeCode.noReachableAuthority);
const NO_CONNECTION = ede(EdeCode.networkError);

export class Failure {
  cause: FailureCause = FailureCause.none;
  rcode: number = Rcode.SERVFAIL;
  ede: Ede = NO_REPLY;
  /** A route loops. That says nothing about the name, and ends as soon as the route is fixed. */
  isAboutRoute = false;
  /** A message got no reply in time: the question is worth another round. An error is not. */
  sawSilence = false;
  /** When a message got no reply, none of the zone's upstreams answered any query. */
  sawOutage = false;
  /** The transport's last failure: an upstream takes no more of our messages at a time. */
  lacksRoom = false;

  reset(): void {
    this.cause = FailureCause.none;
    this.rcode = Rcode.SERVFAIL;
    this.ede = NO_REPLY;
    this.isAboutRoute = false;
    this.sawSilence = false;
    this.sawOutage = false;
    this.lacksRoom = false;
  }

  noteSilence(isOutage: boolean): void {
    this.sawSilence = true;
    this.sawOutage ||= isOutage;
    if (this.cause === FailureCause.none) this.cause = FailureCause.silence;
  }

  /** The transport gave up; nothing is known of the server if there was only no room. */
  noteTransport(lacksRoom: boolean): void {
    this.lacksRoom = lacksRoom;
    if (lacksRoom || this.cause > FailureCause.noConnection) return;
    this.cause = FailureCause.noConnection;
    this.ede = NO_CONNECTION;
  }

  /** `text` names the route. */
  noteLoop(text: Uint8Array): void {
    this.isAboutRoute = true;
    if (this.cause > FailureCause.loop) return;
    this.cause = FailureCause.loop;
    this.ede = ede(EdeCode.notReady, text);
  }

  /** An upstream's error, with the EDE that came with it. */
  noteRcode(rcode: number, reason: Ede): void {
    this.cause = FailureCause.rcode;
    this.rcode = rcode;
    // A server that did answer, but refused the question (RFC 8914 §4.23).
    const isRefusal = rcode === Rcode.SERVFAIL || rcode === Rcode.REFUSED;
    this.ede = reason === NO_EDE && isRefusal ? NO_REPLY : reason;
  }

  /** An upstream or its transport has failed, so that the failure may be the name's. */
  get isUpstreams(): boolean {
    return this.cause !== FailureCause.none && !this.isAboutRoute;
  }
}
