// The failure of a flight: what tells most stays, and only what is the upstreams' may be stored for
// the name.
import { beforeEach, describe, expect, it } from 'vitest';
import { Failure, FailureCause } from '../../../src/pipeline/pending/failure.ts';
import { EdeCode, Rcode } from '../../../src/wire/codes.ts';
import { ede, NO_EDE } from '../../../src/wire/ede.ts';

const LOOP = new TextEncoder().encode('forwarding loop: 192.0.2.1:53 (.)');
const SIGNATURE_EXPIRED = ede(7, LOOP);

let failure: Failure;
beforeEach(() => {
  failure = new Failure();
});

describe('a failure', () => {
  it('is not the upstreams’ while nothing has failed, or there was no room here', () => {
    expect(failure.isUpstreams).toBe(false);
    failure.noteTransport(true);
    expect([failure.isUpstreams, failure.lacksRoom]).toEqual([false, true]);
    expect([failure.rcode, failure.ede.code]).toEqual([Rcode.SERVFAIL, EdeCode.noReachableAuthority]);
  });

  it('after silence in an outage stays one of an outage', () => {
    failure.noteSilence(true);
    failure.noteSilence(false);
    expect([failure.sawSilence, failure.sawOutage, failure.isUpstreams]).toEqual([true, true, true]);
    expect(failure.ede.code).toBe(EdeCode.noReachableAuthority);
  });

  it('tells of a missing connection rather than of silence, whichever came first', () => {
    failure.noteTransport(false);
    failure.noteSilence(false);
    expect([failure.cause, failure.ede.code]).toEqual([FailureCause.noConnection, EdeCode.networkError]);
  });

  it('tells of a loop rather than of a missing connection, and is then not stored for the name', () => {
    failure.noteLoop(LOOP);
    failure.noteTransport(false);
    expect(failure.ede).toEqual({ code: EdeCode.notReady, text: LOOP });
    expect(failure.isUpstreams).toBe(false);
  });

  it('tells the last error of an upstream rather than anything else, with its EDE', () => {
    failure.noteRcode(Rcode.REFUSED, NO_EDE);
    expect([failure.rcode, failure.ede.code]).toEqual([Rcode.REFUSED, EdeCode.noReachableAuthority]);
    failure.noteRcode(Rcode.SERVFAIL, SIGNATURE_EXPIRED);
    failure.noteTransport(false);
    failure.noteLoop(LOOP);
    expect([failure.rcode, failure.ede]).toEqual([Rcode.SERVFAIL, SIGNATURE_EXPIRED]);
    // The route looped as well: nothing is stored for the name.
    expect(failure.isUpstreams).toBe(false);
  });

  it('has no EDE for an RCODE that says it all', () => {
    failure.noteRcode(Rcode.NOTIMP, NO_EDE);
    expect(failure.ede).toBe(NO_EDE);
  });

  it('is reset when the flight begins again', () => {
    failure.noteSilence(true);
    failure.noteLoop(LOOP);
    failure.noteRcode(Rcode.REFUSED, SIGNATURE_EXPIRED);
    failure.noteTransport(true);
    failure.reset();
    expect(failure).toEqual(new Failure());
  });
});
