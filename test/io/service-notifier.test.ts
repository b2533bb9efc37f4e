// Without systemd nothing is sent; a service manager that cannot be reached does no harm. (With
// systemd: the lab.)
import { describe, expect, it } from 'vitest';
import { ServiceNotifier } from '../../src/io/service-notifier.ts';

describe('the notifier', () => {
  it('says nothing without a socket, and needs no watchdog', () => {
    const notifier = new ServiceNotifier({ WATCHDOG_USEC: '1000000' }, 7);
    notifier.ready('');
    expect(notifier).toMatchObject({ watchdogMs: 0, lastError: '' });
  });

  it('takes the watchdog that is meant for this process only', () => {
    const environment = { NOTIFY_SOCKET: '/nonexistent/notify', WATCHDOG_USEC: '3000000' };
    expect(new ServiceNotifier(environment, 7).watchdogMs).toBe(3000);
    expect(new ServiceNotifier({ ...environment, WATCHDOG_PID: '7' }, 7).watchdogMs).toBe(3000);
    expect(new ServiceNotifier({ ...environment, WATCHDOG_PID: '8' }, 7).watchdogMs).toBe(0);
  });

  it.each(['/nonexistent/notify', `/${'n'.repeat(300)}`])('continues without a listener (%.12s)', (path) => {
    const notifier = new ServiceNotifier({ NOTIFY_SOCKET: path }, 7);
    notifier.ready('Forwarding');
    expect(notifier.lastError).not.toBe('');
  });
});
