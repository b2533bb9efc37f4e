// Each reason has its cure.
import { expect, it } from 'vitest';
import { refusal, unreachable } from '../../src/kubernetes/watch-failure.ts';

const status = (message: unknown) => JSON.stringify({ kind: 'Status', message });

it('is the missing right, the token, or the API server’s own trouble', () => {
  const forbidden = refusal(403, status('pods is forbidden: User "system:serviceaccount:dns:unloop"'), '/sa');
  expect(forbidden.message).toContain('403: pods is forbidden: User "system:serviceaccount:dns:unloop"');
  expect(forbidden.remedy).toContain('list and watch of pods');
  expect(refusal(401, '', '/sa').remedy).toContain('/sa/token');
  expect(refusal(500, 'no JSON', '/sa').message).toBe('the API server answers 500');
  expect(refusal(500, status(7), '/sa').message).toBe('the API server answers 500');
  expect(refusal(500, status('x'.repeat(10_000)), '/sa').message.length).toBeLessThan(400);
});

it('is the certificate, or the way', () => {
  const error = (code: string) => Object.assign(new Error('it failed'), { code });
  expect(unreachable(error('SELF_SIGNED_CERT_IN_CHAIN'), '10.96.0.1:443', '/sa').remedy).toContain(
    '/sa/ca.crt',
  );
  expect(unreachable(error('ERR_TLS_CERT_ALTNAME_INVALID'), '10.96.0.1:443', '/sa').remedy).toContain(
    '/sa/ca.crt',
  );
  const refused = unreachable(error('ECONNREFUSED'), '10.96.0.1:443', '/sa');
  expect(refused.message).toBe('the API server at 10.96.0.1:443 cannot be reached (ECONNREFUSED)');
  expect(refused.remedy).toContain('NetworkPolicy');
});
