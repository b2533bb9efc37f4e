// One query from server to server: out of the node, round in a circle, or out of sight.
import { describe, expect, it } from 'vitest';
import type { Hop } from '../../src/doctor/report.ts';
import { type Route, type Service, toTarget } from '../../src/doctor/service.ts';
import {
  allHops,
  followRoutes,
  followTarget,
  leavesOf,
  POD_ITSELF,
  type Position,
  type Surroundings,
  wayTo,
} from '../../src/doctor/walk.ts';

const to = (...addresses: string[]): Route => forZone('.', ...addresses);
const forZone = (zone: string, ...addresses: string[]): Route => ({
  zone,
  targets: addresses.map((address) => toTarget(address, 53, 'file:1')),
  unknown: '',
});

function service(role: string, address: string, routes: Route[], change: Partial<Service> = {}): Service {
  const listens = [{ address, port: 53 }];
  return { role, place: 'node', listens, ownZones: [], routes, isAssumed: false, ...change };
}

const around = (services: readonly Service[], change: Partial<Surroundings> = {}): Surroundings => ({
  services,
  describe: () => '',
  ownAddresses: new Set(),
  isDead: () => false,
  ...change,
});

/** What a query meets, and where it starts; it follows every route unless `zone` is given. */
type Way = Partial<Surroundings & Pick<Position, 'place' | 'zone'>>;

function follow(address: string, { services = [], place = 'node', zone = null, ...change }: Way = {}): Hop {
  const at: Position = { place, passed: [], zone, isAssumed: false };
  return followTarget(toTarget(address, 53, 'file:1'), '.', at, around(services, change));
}

/** "10.0.0.1 dnsmasq ok" of each server, in order. */
const drawn = (hop: Hop) =>
  allHops([hop]).map(({ server, role, state }) =>
    [server, role, state].filter((part) => part !== '').join(' '),
  );

describe('a query', () => {
  it('is well where it leaves the node', () => {
    expect(drawn(follow('10.0.0.1'))).toEqual(['10.0.0.1 ok']);
  });

  it('is followed through each server that is known', () => {
    const services = [
      service('dnsmasq', '127.0.0.1', [to('10.0.0.9')]),
      service('unbound', '10.0.0.9', [to('10.0.0.1')]),
    ];
    expect(drawn(follow('127.0.0.1', { services }))).toEqual([
      '127.0.0.1 dnsmasq ok',
      '10.0.0.9 unbound ok',
      '10.0.0.1 ok',
    ]);
  });

  it('goes round where a server asks itself', () => {
    const services = [service('dnsmasq', '127.0.0.1', [to('127.0.0.1')])];
    expect(drawn(follow('127.0.0.1', { services })).at(-1)).toBe('127.0.0.1 dnsmasq itself loops');
  });

  it('goes round where it comes back by another server', () => {
    const services = [
      service('dnsmasq', '127.0.0.1', [to('127.0.0.2')]),
      service('unbound', '127.0.0.2', [to('127.0.0.1')]),
    ];
    expect(drawn(follow('127.0.0.1', { services })).at(-1)).toBe('127.0.0.1 dnsmasq again loops');
  });

  it('only would go round where a server on the way is a guess', () => {
    const services = [
      service('dnsmasq', '127.0.0.1', [to('127.0.0.2')], { isAssumed: true }),
      service('unbound', '127.0.0.2', [to('127.0.0.1')]),
    ];
    expect(drawn(follow('127.0.0.1', { services })).at(-1)).toBe('127.0.0.1 dnsmasq again wouldLoop');
  });

  it('is lost on a loopback address where no server is known', () => {
    expect(follow('127.0.0.1').state).toBe('unknown');
    expect(follow('10.0.0.1', { ownAddresses: new Set(['10.0.0.1']) }).state).toBe('unknown');
  });

  it('ends where nobody listens, known server or not', () => {
    const services = [service('dnsmasq', '127.0.0.1', [to('10.0.0.1')])];
    const isDead = () => true;
    expect(drawn(follow('127.0.0.1', { services, isDead }))).toEqual(['127.0.0.1 dnsmasq dead']);
    expect(follow('10.0.0.1', { isDead }).state).toBe('dead');
  });

  it('ends at a server that answers the name itself', () => {
    const services = [service('CoreDNS', '10.96.0.10', [to('10.96.0.10')], { ownZones: ['cluster.local'] })];
    expect(follow('10.96.0.10', { services, zone: 'svc.cluster.local' }).state).toBe('ok');
    expect(leavesOf([follow('10.96.0.10', { services, zone: '.' })])[0]!.state).toBe('loops');
  });

  it('ends at a server that sends nothing on, and is lost at one whose servers are not known', () => {
    expect(follow('127.0.0.1', { services: [service('x', '127.0.0.1', [])] }).state).toBe('ok');
    expect(follow('127.0.0.1', { services: [service('x', '127.0.0.1', [to()])] }).state).toBe('unknown');
    const unknown = [{ ...to(), unknown: 'no file names them' }];
    const [, next] = allHops([follow('127.0.0.1', { services: [service('x', '127.0.0.1', unknown)] })]);
    expect(next).toMatchObject({ server: '?', role: 'no file names them', state: 'unknown' });
  });

  it('finds the server of the node by an address of the node', () => {
    const services = [service('dnsmasq', '127.0.0.1', [to('10.0.0.9')])];
    const ownAddresses = new Set(['10.0.0.9']);
    expect(drawn(follow('10.0.0.9', { services, ownAddresses })).at(-1)).toBe(
      '10.0.0.9 dnsmasq itself loops',
    );
  });

  it('takes the route of its names alone, where names were chosen', () => {
    const services = [service('dnsmasq', '127.0.0.1', [to('10.0.0.1'), forZone('corp', '10.0.0.2')])];
    expect(leavesOf([follow('127.0.0.1', { services })]).map(({ server }) => server)).toEqual([
      '10.0.0.1',
      '10.0.0.2',
    ]);
    const [leaf] = leavesOf([follow('127.0.0.1', { services, zone: 'a.corp' })]);
    expect(leaf).toMatchObject({ server: '10.0.0.2', zone: 'corp' });
  });

  it('is not followed for ever along a chain of servers', () => {
    const services = Array.from({ length: 20 }, (_, i) =>
      service(`s${i}`, `10.0.0.${i}`, [to(`10.0.0.${i + 1}`)]),
    );
    expect(allHops([follow('10.0.0.0', { services })]).length).toBeLessThanOrEqual(9);
  });
});

describe('in a pod', () => {
  it('loopback is the pod itself, whatever listens on the node', () => {
    const services = [service('dnsmasq', '127.0.0.1', [to('10.0.0.1')])];
    expect(follow('127.0.0.1', { services, place: 'pod' })).toMatchObject({
      role: POD_ITSELF,
      state: 'wouldLoop',
    });
    expect(follow('0.0.0.0', { services, place: 'pod' }).state).toBe('wouldLoop');
  });

  it('loopback is the server that asks, where it listens there', () => {
    const coredns = service('CoreDNS', '10.96.0.10', [to('127.0.0.1')], {
      place: 'pod',
      listens: ['10.96.0.10', '0.0.0.0'].map((address) => ({ address, port: 53 })),
    });
    expect(drawn(follow('10.96.0.10', { services: [coredns], place: 'pod' })).at(-1)).toBe(
      '127.0.0.1 CoreDNS itself loops',
    );
  });

  it('loopback is an unloop next to the cluster DNS', () => {
    const services = [
      service('CoreDNS', '10.96.0.10', [to('127.0.0.1')], { place: 'pod' }),
      service('unloop', '127.0.0.1', [to('10.0.0.1')]),
    ];
    expect(drawn(follow('10.96.0.10', { services, place: 'pod' }))).toEqual([
      ...['10.96.0.10 CoreDNS ok', '127.0.0.1 unloop ok', '10.0.0.1 ok'],
    ]);
  });
});

it('gives each target of each route a hop, in order', () => {
  const asked = service('unloop', '127.0.0.1', [to('10.0.0.1', '10.0.0.2'), forZone('corp', '10.0.0.3')]);
  const at: Position = { place: 'node', passed: [], zone: null, isAssumed: false };
  const hops = followRoutes(asked.routes, asked, at, around([]));
  expect(hops.map(({ zone, server }) => `${zone} ${server}`)).toEqual([
    '. 10.0.0.1',
    '. 10.0.0.2',
    'corp 10.0.0.3',
  ]);
});

it('names the servers up to the first end in a state', () => {
  const hop = (server: string, state: Hop['state'], next: Hop[] = []): Hop => ({
    ...{ zone: '.', role: '', source: '', server, state, next },
  });
  const tree = [hop('a', 'ok', [hop('b', 'ok'), hop('c', 'loops')]), hop('d', 'loops')];
  expect(wayTo('loops', tree)).toEqual(['a', 'c']);
  expect(wayTo('dead', tree)).toEqual([]);
  expect(leavesOf(tree).map(({ server }) => server)).toEqual(['b', 'c', 'd']);
});
