import { describe, expect, it } from 'vitest';
import {
  hostOf,
  isUnder,
  listensOn,
  plainEndpointOf,
  type Route,
  routeFor,
  type Service,
  toTarget,
} from '../../src/doctor/service.ts';

const service = (change: Partial<Service>): Service => ({
  ...{ role: 'dnsmasq', place: 'node', listens: [], ownZones: [], routes: [], isAssumed: false },
  ...change,
});
const route = (zone: string): Route => ({ zone, targets: [], unknown: '' });

describe('a target', () => {
  it('is written without port 53, and with any other', () => {
    expect(toTarget('10.0.0.2', 53, 'f').text).toBe('10.0.0.2');
    expect(toTarget('10.0.0.2', 5353, 'f').text).toBe('10.0.0.2:5353');
    expect(toTarget('fd00::1', 5353, 'f').text).toBe('[fd00::1]:5353');
  });

  it('is asked by plain DNS only at an address, without a scheme', () => {
    const target = toTarget('10.0.0.2', 53, 'f');
    expect(plainEndpointOf(target)).toBe(target.endpoint);
    expect(plainEndpointOf({ ...target, text: 'tls://10.0.0.2' })).toBeNull();
    expect(plainEndpointOf(toTarget('dns.example', 53, 'f'))).toBeNull();
    expect(plainEndpointOf({ endpoint: null, text: 'the root servers', source: 'f' })).toBeNull();
  });

  it('without a single server has no host', () => {
    expect(hostOf({ endpoint: null, text: 'the root servers', source: '' })).toBe('');
  });
});

describe('a service', () => {
  it.each([
    ['10.0.0.2', '10.0.0.2', 53, true],
    ['10.0.0.2', '10.0.0.2', 5353, false],
    ['10.0.0.2', '10.0.0.3', 53, false],
    ['0.0.0.0', '127.0.0.1', 53, true],
    ['0.0.0.0', '127.0.0.53', 53, true],
    ['::', '::1', 53, true],
    ['::', '127.0.0.1', 53, true],
    // Which addresses of the node there are is not known here.
    ['0.0.0.0', '10.0.0.2', 53, false],
    ['::1', '0:0:0:0:0:0:0:1', 53, true],
  ])('on %s answers at %s port %d: %s', (address, asked, port, answers) => {
    expect(listensOn(service({ listens: [{ address, port: 53 }] }), asked, port)).toBe(answers);
  });

  it('sends a name by the longest zone that holds it, in whatever order they stand', () => {
    const routes = ['example', '.', 'lab.corp.example', 'corp.example'].map(route);
    for (const list of [routes, routes.toReversed()]) {
      const zoneOf = (name: string) => routeFor(service({ routes: list }), name)?.zone;
      expect(zoneOf('www.lab.corp.example')).toBe('lab.corp.example');
      expect(zoneOf('corp.example')).toBe('corp.example');
      expect(zoneOf('notcorp.example')).toBe('example');
      expect(zoneOf('org')).toBe('.');
    }
  });

  it('prefers the shortest zone there is to the one for all other names', () => {
    expect(routeFor(service({ routes: [route('.'), route('x')] }), 'a.x')!.zone).toBe('x');
  });

  it('has no way for a name that none of its routes takes', () => {
    expect(routeFor(service({ routes: [route('corp.example')] }), 'example')).toBeNull();
  });
});

it.each([
  ['a.example', '.', true],
  ['example', 'example', true],
  ['a.example', 'example', true],
  ['aexample', 'example', false],
  ['.', 'example', false],
])('%s is under %s: %s', (zone, suffix, under) => {
  expect(isUnder(zone, suffix)).toBe(under);
});
